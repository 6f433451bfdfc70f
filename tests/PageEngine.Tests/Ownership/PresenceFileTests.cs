using System.Diagnostics;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

public sealed class PresenceFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("presence").FullName;
    private readonly Guid _guest = Guid.NewGuid();
    private readonly AttemptId _attempt = AttemptId.NewRandom();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_side_is_alive_until_it_leaves_and_then_unknown()
    {
        using FileOwnershipStore mine = FileOwnershipStore.Open(_directory);
        using FileOwnershipStore other = FileOwnershipStore.Open(_directory);
        Assert.Equal(AttemptPresence.Unknown, await other.LookAsync(_guest, _attempt, "source", default));
        IDisposable? presence = await mine.AnnounceAsync(_guest, _attempt, "source", default);
        Assert.NotNull(presence);
        Assert.Equal(AttemptPresence.Alive, await other.LookAsync(_guest, _attempt, "source", default));
        Assert.Equal(AttemptPresence.Unknown, await other.LookAsync(_guest, _attempt, "destination", default));
        Assert.Null(await other.AnnounceAsync(_guest, _attempt, "source", default));
        presence.Dispose();
        presence.Dispose();
        Assert.Equal(AttemptPresence.Unknown, await other.LookAsync(_guest, _attempt, "source", default));
    }

    [Fact]
    public async Task A_side_whose_process_was_killed_has_died_and_is_forgotten_with_its_attempt()
    {
        using FileOwnershipStore store = FileOwnershipStore.Open(_directory);
        string path = Path.Combine(_directory, $"{_guest:N}.presence.{_attempt}.source");

        // The same lock, held by another process that ends without unlocking anything.
        using (var holder = Process.Start(new ProcessStartInfo("flock", ["--exclusive", path, "sleep", "60"]) { RedirectStandardOutput = true })!)
        {
            while (await store.LookAsync(_guest, _attempt, "source", default) != AttemptPresence.Alive)
            {
                await Task.Delay(10);
            }

            holder.Kill(entireProcessTree: true);
            await holder.WaitForExitAsync();
        }

        // The killed child gives the lock back when the kernel has ended it, which its parent's end does not wait for.
        for (int i = 0; i < 1000 && await store.LookAsync(_guest, _attempt, "source", default) == AttemptPresence.Alive; i++)
        {
            await Task.Delay(10);
        }

        Assert.Equal(AttemptPresence.Died, await store.LookAsync(_guest, _attempt, "source", default));
        await store.ForgetAttemptAsync(_guest, _attempt, default);
        Assert.False(File.Exists(path));
        Assert.Null(await store.ReadAsync(_guest, default));
    }
}
