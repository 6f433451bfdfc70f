using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: no damage goes unnoticed: every byte of a small file flipped, every length it can be cut at, a large one sampled; and the
// error says where.
public class DamageTests
{
    [Theory]
    [InlineData(CheckpointCompression.None)]
    [InlineData(CheckpointCompression.Lz4)]
    [InlineData(CheckpointCompression.Zstd)]
    public async Task Every_flipped_byte_is_noticed(CheckpointCompression compression)
    {
        byte[] bytes = await SmallAsync(compression);
        using GuestMemory memory = StoredGuest.Allocate(RoundTripTests.ReadInfo(bytes).Layout);
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= (byte)(1 << (i % 8));
            AssertDamaged(bytes, memory, $"byte {i} flipped");
            bytes[i] ^= (byte)(1 << (i % 8));
        }

        Read(bytes, memory);
    }

    [Theory]
    [InlineData(CheckpointCompression.None)]
    [InlineData(CheckpointCompression.Zstd)]
    public async Task Every_cut_is_noticed(CheckpointCompression compression)
    {
        byte[] bytes = await SmallAsync(compression);
        using GuestMemory memory = StoredGuest.Allocate(RoundTripTests.ReadInfo(bytes).Layout);
        for (int length = 0; length < bytes.Length; length++)
        {
            AssertDamaged(bytes.AsSpan(0, length).ToArray(), memory, $"cut to {length}");
        }

        AssertDamaged([.. bytes, 0], memory, "one byte more");
    }

    [Fact]
    public async Task Every_flipped_byte_of_a_file_is_noticed_before_the_state_is_there()
    {
        using var scratch = new Scratch();
        byte[] bytes = await SmallAsync(CheckpointCompression.Lz4);
        string path = scratch.File("a");
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] ^= 0x20;
            await File.WriteAllBytesAsync(path, bytes);
            bytes[i] ^= 0x20;
            MigrationException e = Assert.Throws<MigrationException>(() =>
            {
                using CheckpointChain chain = CheckpointChain.Open(path);
                chain.Verify(1);
            });
            Assert.True(e.Kind is MigrationErrorKind.DataDamaged, $"byte {i}: {e.Kind} {e.Message}");
        }
    }

    [Fact]
    public async Task Every_cut_of_a_file_is_noticed_when_it_is_opened()
    {
        using var scratch = new Scratch();
        byte[] bytes = await SmallAsync(CheckpointCompression.Lz4);
        string path = scratch.File("a");
        for (int length = bytes.Length - 1; length >= 0; length--)
        {
            await File.WriteAllBytesAsync(path, bytes.AsMemory(0, length));
            Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => CheckpointChain.Open(path)).Kind);
        }
    }

    [Fact]
    public async Task Damage_of_a_large_file_is_noticed_wherever_it_is()
    {
        StoredGuest guest = Guests.Create(Guests.Layout(9000, 3000), 21);
        using GuestMemory memory = guest.Memory;
        using var scratch = new Scratch();
        string path = scratch.File("a");
        await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(path), Guests.Options());
        long length = new FileInfo(path).Length;
        var random = new Random(4);
        for (int i = 0; i < 60; i++)
        {
            using (FileStream file = File.Open(path, FileMode.Open))
            {
                long at = random.NextInt64(length);
                Flip(file, at, out byte was);
                file.Flush();
                Assert.Throws<MigrationException>(() =>
                {
                    using CheckpointChain chain = CheckpointChain.Open(path);
                    chain.Verify();
                });
                file.Position = at;
                file.WriteByte(was);
            }
        }
    }

    [Fact]
    public async Task The_error_names_section_and_offset()
    {
        byte[] bytes = await SmallAsync(CheckpointCompression.None);
        int at = bytes.AsSpan().IndexOf(Enumerable.Repeat((byte)2, 4096).ToArray());
        Assert.True(at > 0);
        bytes[at + 100] = 3;
        MigrationException e = Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(bytes));
        Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
        Assert.Matches(@"in section 'memory' at offset \d+: its checksum does not match", e.Message);
    }

    [Fact]
    public async Task Swapped_chunks_are_noticed()
    {
        // Two chunks of the same size, each whole: only their place tells.
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(2));
        memory.Page(0).Fill(1);
        memory.Page(1).Fill(2);
        byte[] bytes = await Guests.SaveAsync(Guests.Of(memory, Guests.State(0)), Guests.Options(CheckpointCompression.Lz4) with { ChunkPages = 1 });
        int first = bytes.AsSpan().IndexOf("memory"u8) - 8;
        int second = first + 1 + bytes.AsSpan(first + 16).IndexOf("memory"u8) + 7;
        int size = second - first;
        byte[] swapped = [.. bytes.AsSpan(0, first), .. bytes.AsSpan(second, size), .. bytes.AsSpan(first, size), .. bytes.AsSpan(second + size)];
        Assert.Equal(bytes.Length, swapped.Length);
        Assert.NotEqual(bytes, swapped);
        Assert.Contains("header does not match", Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(swapped)).Message);
    }

    private static async Task<byte[]> SmallAsync(CheckpointCompression compression)
    {
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(6, 3));
        memory.Page(1).Fill(2);
        memory.Page(2).Fill(2);
        memory.Page(4)[9] = 1;
        new Random(1).NextBytes(memory.Page(7)[..300]);
        return await Guests.SaveAsync(Guests.Of(memory, Guests.State(3)), Guests.Options(compression) with { ChunkPages = 2 });
    }

    private static void Flip(FileStream file, long at, out byte was)
    {
        file.Position = at;
        was = (byte)file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(was ^ 1));
    }

    private static void AssertDamaged(byte[] bytes, GuestMemory memory, string what)
    {
        MigrationException e = Assert.Throws<MigrationException>(() => Read(bytes, memory));
        Assert.True(e.Kind is MigrationErrorKind.DataDamaged, $"{what}: {e.Kind} {e.Message}");
        Assert.Contains("offset", e.Message, StringComparison.Ordinal);
    }

    private static void Read(byte[] bytes, GuestMemory memory)
    {
        using var stream = new MemoryStream(bytes);
        CheckpointChain.ReadStream(stream, info => info.Layout.Equals(memory.Layout) ? memory : null, CancellationToken.None);
    }
}
