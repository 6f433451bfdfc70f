using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: memory that comes from a checkpoint as it is touched: by the kernel for this process, so that nothing managed waits for a page.
public sealed partial class PageServerTests
{
    private const int SYS_userfaultfd = 323;
    private const int O_CLOEXEC = 0x80000;
    private const int O_NONBLOCK = 0x800;

    // A userfaultfd that minds the kernel's own accesses, too, needs a privilege.
    private static string? WhyNot => Environment.IsPrivilegedProcess && RuntimeInformation.ProcessArchitecture == Architecture.X64 ? null : "needs root on x86-64";

    [ServingTheory]
    [InlineData(CheckpointCompression.None, 1)]
    [InlineData(CheckpointCompression.Lz4, 2)]
    [InlineData(CheckpointCompression.Zstd, 3)]
    public async Task Pages_come_when_they_are_touched_and_the_rest_follows(CheckpointCompression compression, int seed)
    {
        using var scratch = new Scratch();
        using GuestMemory saved = await SaveChainAsync(scratch, compression, seed);
        using GuestMemory memory = Shared(saved.Layout);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("1"));

        // What an earlier attempt left must not be seen.
        memory.Page(2).Fill(0xEE);
        using CheckpointPageServer server = chain.BeginServing(memory, Make(), AddressesOf(memory));
        var random = new Random(seed);
        for (int i = 0; i < 40; i++)
        {
            long page = i < 3 ? i : random.NextInt64(memory.PageCount);
            Assert.True(Touch(scratch, memory, page).AsSpan().SequenceEqual(saved.Page(page)), $"page {page}");
        }

        Assert.InRange(server.TouchedPages, 1, 40);
        Assert.False(server.Completion.IsCompleted);
        server.BeginFilling();
        await server.Completion;
        Assert.Equal(-1, Guests.Differing(saved, memory));
    }

    [ServingFact]
    public async Task A_second_server_goes_on_where_the_first_ended_and_what_was_written_meanwhile_stays()
    {
        using var scratch = new Scratch();
        using GuestMemory saved = await SaveChainAsync(scratch, CheckpointCompression.Lz4, 4);
        using GuestMemory memory = Shared(saved.Layout);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("1"));
        SafeFileHandle first = Make();
        SafeFileHandle copy = new(dup((int)first.DangerousGetHandle()), ownsHandle: true);
        using (CheckpointPageServer server = chain.BeginServing(memory, first, AddressesOf(memory)))
        {
            Touch(scratch, memory, 5);
            memory.Page(5)[7]++;
        }

        // Nobody serves now: who touches a page waits, and gets it from the next one.
        Task<byte[]> waiting = Task.Factory.StartNew(() => Touch(scratch, memory, saved.PageCount - 1), TaskCreationOptions.LongRunning);
        using CheckpointPageServer second = chain.ContinueServing(copy, AddressesOf(memory));
        Assert.True((await waiting).AsSpan().SequenceEqual(saved.Page(saved.PageCount - 1)));
        second.BeginFilling();
        await second.Completion;
        saved.Page(5)[7]++;
        Assert.Equal(-1, Guests.Differing(saved, memory));
    }

    [ServingFact]
    public async Task A_damaged_chunk_is_never_put_in_place()
    {
        using var scratch = new Scratch();
        using GuestMemory saved = await SaveChainAsync(scratch, CheckpointCompression.None, 5);
        byte[] bytes = await File.ReadAllBytesAsync(scratch.File("0"));
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(scratch.File("0"), bytes);
        using GuestMemory memory = Shared(saved.Layout);
        using CheckpointChain chain = CheckpointChain.Open(scratch.File("1"));
        using (CheckpointPageServer server = chain.BeginServing(memory, Make(), AddressesOf(memory)))
        {
            server.BeginFilling();
            MigrationException damage = await Assert.ThrowsAsync<MigrationException>(() => server.Completion);
            Assert.Equal(MigrationErrorKind.DataDamaged, damage.Kind);
        }

        // What is there is right.
        using var present = new DirtyBitmap(memory.PageCount);
        MemoryResidency.MarkPresent(memory, present);
        for (long page = 0; page < memory.PageCount; page++)
        {
            Assert.True(!present.IsSet(page) || memory.Page(page).SequenceEqual(saved.Page(page)), $"page {page}");
        }
    }

    private static async Task<GuestMemory> SaveChainAsync(Scratch scratch, CheckpointCompression compression, int seed)
    {
        var random = new Random(seed);
        GuestMemory memory = Writing.StoredGuest.Allocate(Guests.Layout(700, 90));
        Guests.Fill(memory, random);
        CheckpointOptions options = Guests.Options(compression) with { ChunkPages = 48 };
        CheckpointInfo parent = (await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("0")), options)).Checkpoint;
        using var changed = new DirtyBitmap(memory.PageCount);
        for (int i = 0; i < 100; i++)
        {
            long page = random.NextInt64(memory.PageCount);
            Guests.FillPage(memory, page, random.Next(6), random);
            changed.Set(page);
        }

        await CheckpointSaver.SaveAsync(
            Guests.Of(memory, Guests.State(2)), CheckpointTarget.File(scratch.File("1")), options with { Parent = parent, Changed = changed });
        return memory;
    }

    private static GuestMemory Shared(MemoryLayout layout) =>
        new(layout.Regions.Select((r, i) => GuestMemoryRegion.MemoryFile(r.BaseAddress, r.PageCount * MemoryLayout.PageBytes, $"ram{i}")));

    private static unsafe ulong[] AddressesOf(GuestMemory memory) => [.. memory.Regions.Select(r => (ulong)r.Pointer)];

    private static SafeFileHandle Make()
    {
        nint descriptor = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
        Assert.True(descriptor >= 0, Marshal.GetLastPInvokeErrorMessage());
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static byte[] Touch(Scratch scratch, GuestMemory memory, long page)
    {
        string path = scratch.File(Guid.NewGuid().ToString());
        using (SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write))
        {
            RandomAccess.Write(file, memory.Page(page), 0);
        }

        return File.ReadAllBytes(path);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint flags);

    [LibraryImport("libc")]
    private static partial int dup(int fd);

    private sealed class ServingFactAttribute : FactAttribute
    {
        public ServingFactAttribute() => Skip = WhyNot;
    }

    private sealed class ServingTheoryAttribute : TheoryAttribute
    {
        public ServingTheoryAttribute() => Skip = WhyNot;
    }
}
