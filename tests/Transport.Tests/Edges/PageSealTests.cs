using System.Security.Cryptography;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

// Owns: that a record opens only where, when and as it was sealed.
public sealed class PageSealTests
{
    private static readonly byte[] _secret = PageSeal.NewSecret();

    private static byte[] Seal(PageSeal seal, ReadOnlySpan<byte> bytes)
    {
        byte[] record = new byte[PageSeal.HeaderBytes + bytes.Length + PageSeal.TagBytes];
        seal.Seal(bytes, record);
        return record;
    }

    private static byte[] Open(PageSeal seal, ReadOnlySpan<byte> record)
    {
        byte[] bytes = new byte[PageSeal.LengthOf(record[..PageSeal.HeaderBytes])];
        seal.Open(record[..PageSeal.HeaderBytes], record[PageSeal.HeaderBytes..], bytes);
        return bytes;
    }

    private static void Refuses(Action open) => Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(open).Kind);

    [Theory]
    [InlineData(PageSeal.MaxBytesPerKey)]
    [InlineData(300_000)]
    [InlineData(1)]
    public void Records_open_in_order_and_across_keys(long bytesPerKey)
    {
        using PageSeal there = new(_secret, 3, bytesPerKey), here = new(_secret, 3, bytesPerKey);
        var random = new Random(1);
        for (int i = 0; i < 200; i++)
        {
            byte[] bytes = new byte[i % 7 == 0 ? PageSeal.MaxRecordBytes : 1 + random.Next(20_000)];
            random.NextBytes(bytes);
            Assert.Equal(bytes, Open(here, Seal(there, bytes)));
        }
    }

    [Fact]
    public void Bytes_may_lie_in_the_record_on_both_ends()
    {
        using PageSeal there = new(_secret, 0), here = new(_secret, 0);
        byte[] bytes = RandomNumberGenerator.GetBytes(5000);
        byte[] record = new byte[PageSeal.HeaderBytes + bytes.Length + PageSeal.TagBytes];
        bytes.CopyTo(record.AsSpan(PageSeal.HeaderBytes));
        there.Seal(record.AsSpan(PageSeal.HeaderBytes, bytes.Length), record);
        Span<byte> opened = record.AsSpan(PageSeal.HeaderBytes, bytes.Length);
        here.Open(record.AsSpan(0, PageSeal.HeaderBytes), record.AsSpan(PageSeal.HeaderBytes), opened);
        Assert.Equal(bytes, opened.ToArray());
    }

    [Fact]
    public void Same_bytes_never_look_the_same_twice()
    {
        using PageSeal seal = new(_secret, 0, bytesPerKey: 4096), other = new(_secret, 1), another = new(PageSeal.NewSecret(), 0);
        byte[] page = new byte[4096];
        var seen = new HashSet<string>();
        for (int i = 0; i < 500; i++)
        {
            // A new key for each: numbers begin anew, and nothing may come again.
            Assert.True(seen.Add(Convert.ToHexString(Seal(seal, page).AsSpan(PageSeal.HeaderBytes, 32))));
        }

        Assert.True(seen.Add(Convert.ToHexString(Seal(other, page).AsSpan(PageSeal.HeaderBytes, 32))));
        Assert.True(seen.Add(Convert.ToHexString(Seal(another, page).AsSpan(PageSeal.HeaderBytes, 32))));
    }

    [Fact]
    public void Any_changed_bit_is_refused()
    {
        byte[] bytes = RandomNumberGenerator.GetBytes(64);
        for (int bit = 0; bit < (PageSeal.HeaderBytes + bytes.Length + PageSeal.TagBytes) * 8; bit++)
        {
            using PageSeal there = new(_secret, 0), here = new(_secret, 0);
            byte[] record = Seal(there, bytes);
            record[bit / 8] ^= (byte)(1 << (bit % 8));

            // A length that lies: the stream has more or fewer bytes than it says.
            int length = BitConverter.ToInt32(record);
            if (length is > 0 and <= PageSeal.MaxRecordBytes)
            {
                Array.Resize(ref record, PageSeal.HeaderBytes + length + PageSeal.TagBytes);
            }

            Refuses(() => Open(here, record));
        }
    }

    [Fact]
    public void Repeated_left_out_moved_and_foreign_records_are_refused()
    {
        byte[][] From(byte[] secret, int stream)
        {
            using PageSeal seal = new(secret, stream);
            return [.. Enumerable.Range(0, 3).Select(i => Seal(seal, BitConverter.GetBytes(i)))];
        }

        byte[][] good = From(_secret, 0);
        byte[][][] bad =
        [
            [good[0], good[0]],
            [good[1]],
            [good[0], good[2]],
            [good[0], From(_secret, 1)[1]],
            [From(PageSeal.NewSecret(), 0)[0]],
        ];
        foreach (byte[][] records in bad)
        {
            using PageSeal here = new(_secret, 0);
            foreach (byte[] record in records[..^1])
            {
                Open(here, record);
            }

            Refuses(() => Open(here, records[^1]));
        }
    }

    [Fact]
    public void Refused_record_leaves_nothing_of_its_bytes()
    {
        using PageSeal there = new(_secret, 0), here = new(_secret, 0);
        byte[] record = Seal(there, RandomNumberGenerator.GetBytes(4096));
        record[^1] ^= 1;
        byte[] place = new byte[4096];
        Array.Fill(place, (byte)7);
        Refuses(() => here.Open(record.AsSpan(0, PageSeal.HeaderBytes), record.AsSpan(PageSeal.HeaderBytes), place));
        Assert.All(place, b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(PageSeal.MaxRecordBytes + 1)]
    public void Lengths_that_no_record_has_are_refused_before_anything_is_read(int length) =>
        Refuses(() => PageSeal.LengthOf(BitConverter.GetBytes(length)));
}
