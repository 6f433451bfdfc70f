using System.Globalization;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

public sealed class GuestLockTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SecondMigrationOfAGuest_isRefused_untilTheFirstEnds(bool withDirectory)
    {
        string? directory = withDirectory ? _directory.At("journals") : null;
        Guid guest = Guid.NewGuid();
        GuestLock first = GuestLock.Acquire(directory, guest);
        MigrationException e = Assert.Throws<MigrationException>(() => GuestLock.Acquire(directory, guest));
        Assert.Equal(MigrationErrorKind.AlreadyMigrating, e.Kind);
        Assert.Contains(guest.ToString(), e.Message, StringComparison.Ordinal);
        if (withDirectory)
        {
            Assert.Contains($"process {Environment.ProcessId}.", e.Message, StringComparison.Ordinal);
        }

        using (GuestLock.Acquire(directory, Guid.NewGuid()))
        {
            first.Dispose();
            first.Dispose();
            using GuestLock second = GuestLock.Acquire(directory, guest);
            first.Dispose();
            Assert.Throws<MigrationException>(() => GuestLock.Acquire(directory, guest));
        }

        Assert.Empty(withDirectory ? Directory.GetFiles(directory!) : []);
    }

    [Fact]
    public void LockFile_leftByADeadProcess_isNoObstacle()
    {
        Guid guest = Guid.NewGuid();
        File.WriteAllText(_directory.At($"{guest:N}.lock"), "12345678901234");
        using GuestLock taken = GuestLock.Acquire(_directory.Path, guest);
        MigrationException e = Assert.Throws<MigrationException>(() => GuestLock.Acquire(_directory.Path, guest));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"process {Environment.ProcessId}"), e.Message, StringComparison.Ordinal);
    }

    // The lock belongs to the file, the name may be removed and made again meanwhile: still one owner at a time.
    [Fact]
    public void Lock_takenAndGivenBackByManyThreads_hasOneOwnerAtATime()
    {
        Guid guest = Guid.NewGuid();
        int owners = 0;
        int taken = 0;
        bool two = false;
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(Run))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.False(two);
        Assert.True(taken > 0);
        Assert.Empty(_directory.Files);

        void Run()
        {
            string path = _directory.At($"{guest:N}.lock");
            for (int i = 0; i < 4000; i++)
            {
                if (LockedFile.TryOpen(path, create: true) is { } held)
                {
                    two |= Interlocked.Increment(ref owners) != 1;
                    Interlocked.Increment(ref taken);
                    Thread.SpinWait(50);
                    Interlocked.Decrement(ref owners);
                    held.RemoveAndDispose();
                }
            }
        }
    }

    [Fact]
    public void Lock_that_a_dead_process_left_is_removed_and_a_living_ones_is_not()
    {
        string dead = Path.Combine(_directory.Path, $"{Guid.NewGuid():N}{GuestLock.Extension}");
        File.WriteAllText(dead, "4194304   ");
        var guest = Guid.NewGuid();
        using GuestLock living = GuestLock.Acquire(_directory.Path, guest);

        MigrationJournal.RemoveLeftovers(_directory.Path);

        Assert.False(File.Exists(dead));
        Assert.Throws<MigrationException>(() => GuestLock.Acquire(_directory.Path, guest));
    }
}
