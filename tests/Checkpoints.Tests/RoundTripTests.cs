using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: what is saved is what is restored, by every way in and out.
public class RoundTripTests
{
    [Theory]
    [InlineData(CheckpointCompression.None, 512)]
    [InlineData(CheckpointCompression.None, 1)]
    [InlineData(CheckpointCompression.Lz4, 64)]
    [InlineData(CheckpointCompression.Zstd, 512)]
    public async Task Memory_and_state_come_back_from_a_file(CheckpointCompression compression, int chunkPages)
    {
        using var scratch = new Scratch();
        StoredGuest guest = Guests.Create(Guests.Layout(700, 1, 333), 5);
        using GuestMemory memory = guest.Memory;
        string path = scratch.File("a.ckpt");
        CheckpointReport report = await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(path), Guests.Options(compression) with { ChunkPages = chunkPages });

        using CheckpointChain chain = CheckpointChain.Open(path);
        chain.Verify();
        using GuestMemory restored = StoredGuest.Allocate(memory.Layout);
        DeviceState state = chain.RestoreMemory(restored);
        Assert.Equal(-1, Guests.Differing(memory, restored));
        Guests.AssertSame(Guests.State(5), state);
        Guests.AssertSame(Guests.State(5), chain.ReadDeviceState());
        Assert.Equal(new FileInfo(path).Length, report.Checkpoint.FileBytes);
        Assert.Equal(report.Checkpoint with { Layout = chain.Checkpoint.Layout, Description = chain.Checkpoint.Description }, chain.Checkpoint);
        Assert.Equal(report.Checkpoint.Layout, chain.Checkpoint.Layout);
        Assert.Equal([1, 2, 3], chain.Checkpoint.Description.Configuration.ToArray());
        Assert.Single(Directory.GetFiles(scratch.Path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Property(MaxTest = 150)]
    public Property Saving_what_was_restored_gives_the_same_bytes()
    {
        var layouts = Gen.Choose(1, 4).SelectMany(count => Gen.ArrayOf(Gen.Choose(1, 90), count));
        var cases = from pages in layouts
                    from seed in Gen.Choose(0, int.MaxValue - 1)
                    from compression in Gen.Elements(CheckpointCompression.None, CheckpointCompression.Lz4, CheckpointCompression.Zstd)
                    from chunk in Gen.Elements(1, 3, 16, 512)
                    from workers in Gen.Choose(1, 3)
                    select (pages, seed, compression, chunk, workers);
        return Prop.ForAll(cases.ToArbitrary(), c => RoundTripAsync(c.pages, c.seed, Guests.Options(c.compression) with { ChunkPages = c.chunk, Workers = c.workers }).GetAwaiter().GetResult());
    }

    [Fact]
    public async Task A_stream_has_the_bytes_of_a_file()
    {
        using var scratch = new Scratch();
        StoredGuest guest = Guests.Create(Guests.Layout(120, 40), 9);
        using GuestMemory memory = guest.Memory;
        await CheckpointSaver.SaveAsync(guest, CheckpointTarget.File(scratch.File("a")), Guests.Options());
        Assert.Equal(await File.ReadAllBytesAsync(scratch.File("a")), await Guests.SaveAsync(guest, Guests.Options()));
    }

    [Fact]
    public async Task Zero_pages_cost_nothing_and_equal_ones_are_stored_once()
    {
        MemoryLayout layout = Guests.Layout(100_000);
        using GuestMemory memory = StoredGuest.Allocate(layout);
        byte[] empty = await Guests.SaveAsync(Guests.Of(memory, Guests.State(1)), Guests.Options());
        Assert.InRange(empty.Length, 1, 1024);

        for (long page = 0; page < 90_000; page += 3)
        {
            memory.Page(page).Fill(7);
        }

        byte[] equal = await Guests.SaveAsync(Guests.Of(memory, Guests.State(1)), Guests.Options());
        CheckpointInfo info = ReadInfo(equal);
        Assert.Equal((1, 29_999, 0), (info.DataPages, info.EqualPages, info.ZeroPages));

        // 16 bytes in a chunk, 16 in the index.
        Assert.InRange(equal.Length, 1, 30_000 * 33 + 8192);
    }

    [Fact]
    public async Task Raw_pages_stand_where_they_can_be_mapped()
    {
        StoredGuest guest = Guests.Create(Guests.Layout(64), 3);
        using GuestMemory memory = guest.Memory;
        byte[] marked = Enumerable.Range(0, MemoryLayout.PageBytes).Select(i => (byte)(i * 31 >> 3)).ToArray();
        marked.CopyTo(memory.Page(40));
        byte[] bytes = await Guests.SaveAsync(guest, Guests.Options());
        int at = bytes.AsSpan().IndexOf(marked);
        Assert.True(at > 0);
        Assert.Equal(0, at % MemoryLayout.PageBytes);
    }

    [Fact]
    public async Task What_does_not_become_smaller_is_stored_raw()
    {
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(64));
        for (long page = 0; page < 64; page++)
        {
            new Random((int)page).NextBytes(memory.Page(page));
        }

        foreach (CheckpointCompression compression in Enum.GetValues<CheckpointCompression>())
        {
            byte[] bytes = await Guests.SaveAsync(Guests.Of(memory, Guests.State(0)), Guests.Options(compression));
            Assert.True(bytes.AsSpan().IndexOf(memory.Page(33)) > 0, compression.ToString());
        }
    }

    internal static CheckpointInfo ReadInfo(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return CheckpointChain.ReadStream(stream, _ => null, CancellationToken.None).Info;
    }

    internal static (GuestMemory Memory, DeviceState State) ReadStream(byte[] bytes)
    {
        GuestMemory? memory = null;
        using var stream = new OneByOne(bytes);
        DeviceState state = CheckpointChain.ReadStream(stream, info => memory = StoredGuest.Allocate(info.Layout), CancellationToken.None).Devices;
        return (memory!, state);
    }

    private static async Task<bool> RoundTripAsync(int[] pages, int seed, CheckpointOptions options)
    {
        StoredGuest guest = Guests.Create(Guests.Layout(pages), seed);
        using GuestMemory memory = guest.Memory;
        byte[] saved = await Guests.SaveAsync(guest, options);
        (GuestMemory restored, DeviceState state) = ReadStream(saved);
        using (restored)
        {
            byte[] again = await Guests.SaveAsync(Guests.Of(restored, state), options with { Workers = 1 });
            return Guests.Differing(memory, restored) < 0 && saved.AsSpan().SequenceEqual(again);
        }
    }

    /// <summary>A stream as a slow pipe gives it: a few bytes at a time, no length, no seeking.</summary>
    private sealed class OneByOne(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, 1 + (int)(Position % 5000))]);
    }
}
