using System.Diagnostics;
using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: storage that is full, fails, or is not there: the old file and the guest stay as they were, and the error says what to do.
public class StorageTests
{
    [Theory]
    [InlineData(CheckpointCompression.None)]
    [InlineData(CheckpointCompression.Lz4)]
    public async Task A_full_disk_leaves_the_old_file(CheckpointCompression compression)
    {
        using var scratch = new Scratch();
        using SmallDisk? disk = SmallDisk.TryMount(scratch.Path, "8m");
        if (disk is null)
        {
            return; // Only root can mount; the test environment is root's.
        }

        string path = Path.Combine(scratch.Path, "guest.ckpt");
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(1000));
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(path), Guests.Options());
        byte[] old = await File.ReadAllBytesAsync(path);

        // Half of it fits. LZ4 cannot know before; raw pages can.
        using GuestMemory large = StoredGuest.Allocate(Guests.Layout(4000));
        Fill(large, 4000);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointSaver.SaveAsync(
            Guests.Of(large, Guests.State(1)), CheckpointTarget.File(path), Guests.Options(compression)));
        Assert.Equal(compression == CheckpointCompression.None ? MigrationErrorKind.Refused : MigrationErrorKind.StorageFailed, e.Kind);
        Assert.Contains("Make room", e.Message, StringComparison.Ordinal);
        Assert.Equal(old, await File.ReadAllBytesAsync(path));
        Assert.Single(Directory.GetFiles(scratch.Path));
        using CheckpointChain chain = CheckpointChain.Open(path);
        chain.Verify();
    }

    [Fact]
    public async Task Room_is_counted_without_zero_pages()
    {
        using var scratch = new Scratch();
        using SmallDisk? disk = SmallDisk.TryMount(scratch.Path, "8m");
        if (disk is null)
        {
            return;
        }

        // All pages are there, most hold zeros: it fits.
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(10_000));
        for (long page = 0; page < memory.PageCount; page++)
        {
            memory.Page(page)[0] = 1;
            memory.Page(page)[0] = 0;
        }

        Fill(memory, 1000);
        await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(Path.Combine(scratch.Path, "a")), Guests.Options());
    }

    [Fact]
    public async Task A_stream_that_breaks_is_an_error_and_no_hang()
    {
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(5000));
        Fill(memory, 5000);
        for (int after = 0; after < 12 << 20; after += (1 << 20) + 77)
        {
            MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointSaver.SaveAsync(
                Guests.Of(memory, Guests.State(1)), CheckpointTarget.Stream(new Breaking(after)), Guests.Options() with { ChunkPages = 64 }));
            Assert.Equal(MigrationErrorKind.StorageFailed, e.Kind);
        }
    }

    [Theory]
    [InlineData("missing/guest.ckpt", "Make the directory first")]
    [InlineData("", "is a directory")]
    public async Task A_place_that_cannot_be_written_is_said_with_a_remedy(string name, string remedy)
    {
        using var scratch = new Scratch();
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(1));
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => CheckpointSaver.SaveAsync(
            Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(Path.Combine(scratch.Path, name)), Guests.Options()));
        Assert.Contains(remedy, e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(scratch.Path));
    }

    [Fact]
    public async Task What_a_dead_process_left_is_cleared_and_what_a_living_one_writes_is_not()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(1));
        string left = scratch.File($".a.{Guid.NewGuid():N}.tmp");
        await File.WriteAllTextAsync(left, "half a checkpoint");
        string others = scratch.File(".ab.0123.tmp");
        await File.WriteAllTextAsync(others, "");
        using (CheckpointOutput living = CheckpointTarget.File(scratch.File("a")).Open())
        {
            Assert.False(File.Exists(left));
            living.Write([1, 2, 3]);
            await CheckpointSaver.SaveAsync(Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options());
            living.Complete();
        }

        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(scratch.File("a")));
        Assert.Equal([others, scratch.File("a")], Directory.GetFiles(scratch.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_file_that_is_not_there_is_said() => Assert.Equal(
        MigrationErrorKind.StorageFailed, Assert.Throws<MigrationException>(() => CheckpointChain.Open("/nowhere/guest.ckpt")).Kind);

    [Fact]
    public async Task A_save_that_is_cancelled_leaves_nothing()
    {
        using var scratch = new Scratch();
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(5000));
        Fill(memory, 5000);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => CheckpointSaver.SaveAsync(
            Guests.Of(memory, Guests.State(1)), CheckpointTarget.File(scratch.File("a")), Guests.Options(), cancelled.Token));
        Assert.Empty(Directory.GetFiles(scratch.Path));
    }

    [Theory]
    [InlineData(true, true, "old")]
    [InlineData(true, false, "new")]
    [InlineData(false, true, null)]
    [InlineData(false, false, null)]
    public void A_directory_that_cannot_be_flushed_never_costs_both_files(bool hasOld, bool canSwap, string? left)
    {
        using var scratch = new Scratch();
        string path = scratch.File("a");
        if (hasOld)
        {
            File.WriteAllText(path, "old");
        }

        MigrationException e;
        using (var output = new FileOutput(path, new FailingNames(canSwap, swaps: int.MaxValue)))
        {
            output.Write("new"u8);
            e = Assert.Throws<MigrationException>(output.Complete);
        }

        Assert.Equal(MigrationErrorKind.StorageFailed, e.Kind);
        Assert.Contains(left == "new" ? "The new one is whole and stays" : "what was there is as it was", e.Message, StringComparison.Ordinal);
        Assert.Equal(left is null ? [] : [path], Directory.GetFiles(scratch.Path));
        Assert.Equal(left, File.Exists(path) ? File.ReadAllText(path) : null);
    }

    [Fact]
    public void A_swap_that_cannot_be_undone_keeps_both_files_and_names_them()
    {
        using var scratch = new Scratch();
        string path = scratch.File("a");
        File.WriteAllText(path, "old");
        MigrationException e;
        using (var output = new FileOutput(path, new FailingNames(canSwap: true, swaps: 1)))
        {
            output.Write("new"u8);
            e = Assert.Throws<MigrationException>(output.Complete);
        }

        string other = Assert.Single(Directory.GetFiles(scratch.Path), f => f != path);
        Assert.Contains(other, e.Message, StringComparison.Ordinal);
        Assert.Equal(("new", "old"), (File.ReadAllText(path), File.ReadAllText(other)));
    }

    private static void Fill(GuestMemory memory, int pages)
    {
        for (long page = 0; page < pages; page++)
        {
            new Random((int)page).NextBytes(memory.Page(page));
        }
    }

    /// <summary>A directory that cannot be flushed; perhaps on a file system that cannot swap, or cannot swap back.</summary>
    private sealed class FailingNames(bool canSwap, int swaps) : NameChange
    {
        private int _swaps = swaps;

        private protected override int Exchange(string one, string other)
        {
            if (canSwap && _swaps-- > 0)
            {
                return base.Exchange(one, other);
            }

            System.Runtime.InteropServices.Marshal.SetLastPInvokeError(File.Exists(other) ? 22 : 2);
            return -1;
        }

        private protected override int FlushDirectory(string path)
        {
            System.Runtime.InteropServices.Marshal.SetLastPInvokeError(5);
            return -1;
        }
    }

    private sealed class Breaking(long after) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (Position + buffer.Length > after)
            {
                throw new IOException("The pipe is broken.");
            }

            base.Write(buffer);
        }
    }

    /// <summary>A tmpfs of its own, unmounted at the end.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private readonly string _path;

        private SmallDisk(string path) => _path = path;

        public static SmallDisk? TryMount(string path, string size) =>
            Environment.IsPrivilegedProcess && Run("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", path) ? new SmallDisk(path) : null;

        public void Dispose() => Assert.True(Run("umount", _path));

        private static bool Run(params string[] command)
        {
            using Process process = Process.Start(command[0], command[1..]);
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }
}
