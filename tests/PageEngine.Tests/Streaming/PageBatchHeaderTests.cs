using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageBatchHeaderTests
{
    private static readonly PageRun[] _runs = [new(5, 2, IsZero: false), new(9, 7, IsZero: true)];

    private static byte[] Sealed() => BatchForge.Head(BatchForge.Data(3, 2, 1, _runs), _runs);

    [Fact]
    public void Header_has_its_documented_bytes()
    {
        byte[] head = Sealed();
        Assert.Equal(
            "5067427401010100" + "02000000" + "0100" + "0200" + "0300000000000000" + "0200000000000000" + "0700000000000000" + "0020000000000000",
            Convert.ToHexStringLower(head.AsSpan(0, 48)));
        Assert.Equal("0500000000020000" + "0900000000070080", Convert.ToHexStringLower(head.AsSpan(56)));
    }

    [Fact]
    public void Header_is_read_as_it_was_written()
    {
        byte[] head = Sealed();
        PageBatchHeader header = PageBatchHeader.Read(head);
        PageBatchHeader.CheckSeal(head);
        Assert.Equal(BatchForge.Data(3, 2, 1, _runs), header);
    }

    [Fact]
    public void Every_changed_bit_of_a_head_is_noticed()
    {
        byte[] head = Sealed();
        for (int bit = 0; bit < head.Length * 8; bit++)
        {
            byte[] changed = [.. head];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            MigrationException e = Assert.Throws<MigrationException>(() =>
            {
                PageBatchHeader.Read(changed);
                PageBatchHeader.CheckSeal(changed);
            });
            Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
        }
    }

    [Fact]
    public void A_mark_cannot_be_coded()
    {
        byte[] mark = new byte[PageBatchHeader.Bytes];
        new PageBatchHeader(PageBatchKind.EndOfRound, 1, 1, 0, 1, 0, 0, 56, PageBatchHeader.CodedEncoding).WriteAndSeal(mark);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => PageBatchHeader.Read(mark)).Kind);
    }

    [Theory]
    [InlineData(0, 0x51)] // magic
    [InlineData(4, 0)] // format version
    [InlineData(4, 2)]
    [InlineData(5, 0)] // kind
    [InlineData(5, 4)]
    [InlineData(6, 0)] // encoding
    [InlineData(6, 3)]
    [InlineData(7, 1)] // flags
    [InlineData(14, 0)] // runs
    public void Unknown_codes_are_refused_though_the_checksum_fits(int offset, byte value)
    {
        byte[] changed = BatchForge.Resealed(Sealed(), h => h[offset] = value);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => PageBatchHeader.Read(changed)).Kind);
    }

    [Theory]
    [InlineData(1001)]
    [InlineData(65535)]
    public void Too_many_runs_are_refused_before_they_are_read(int runs)
    {
        byte[] head = Sealed();
        BitConverter.TryWriteBytes(head.AsSpan(14), (ushort)runs);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => PageBatchHeader.Read(head)).Kind);
    }

    [Fact]
    public void Mark_with_runs_is_refused()
    {
        byte[] changed = BatchForge.Resealed(Sealed(), h => h[5] = (byte)PageBatchKind.EndOfRound);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => PageBatchHeader.Read(changed)).Kind);
    }
}
