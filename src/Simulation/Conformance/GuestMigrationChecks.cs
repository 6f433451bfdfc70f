using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Tracing;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: a whole migration within the process: rounds by the guest's own tracer, the last pass after the save, as the
// engine does it, but without sockets, batches and a peer. What is wrong here is the guest's or its tracer's.

internal static class GuestMigrationChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<GuestBench>.Entry[] All =>
    [
        new("migration-is-identical", "Moved in rounds by its tracer, twice in a row, the guest arrives byte for byte with its state, and runs on.", IdenticalAsync),
        new("migration-undone", "A migration that ends after the save leaves the guest able to run on, and to be moved later.", UndoneAsync),
    ];

    private static async Task<string> IdenticalAsync(GuestBench bench)
    {
        IGuest guest = await bench.RunningAsync().ConfigureAwait(false);
        long copied = 0;
        for (ulong epoch = 2; epoch <= 3; epoch++)
        {
            (IGuest twin, long pages) = await MoveAsync(bench, guest, epoch).ConfigureAwait(false);
            copied += pages;
            await bench.StandsStillAsync(guest, "The guest that moved away, while its twin runs").ConfigureAwait(false);
            await guest.PowerOffAsync(_none).ConfigureAwait(false);
            await bench.ProgressesAsync(twin, "The twin, after the guest that moved away was powered off").ConfigureAwait(false);
            guest = twin;
        }

        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After two migrations");
        return $"Two migrations copied {copied} pages.";
    }

    private static async Task<string> UndoneAsync(GuestBench bench)
    {
        IGuest guest = await bench.RunningAsync().ConfigureAwait(false);
        IWriteTracer tracer = bench.Trace(guest);
        tracer.Start();
        await guest.RehearseAsync(_none).ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        await GuestBench.SaveAsync(guest).ConfigureAwait(false);
        await guest.ResumeAsync(2, _none).ConfigureAwait(false);
        tracer.Stop();
        await bench.ProgressesAsync(guest, "After a migration that ended after the save").ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After a migration that ended after the save");
        await guest.ResumeAsync(2, _none).ConfigureAwait(false);
        (IGuest twin, _) = await MoveAsync(bench, guest, 3).ConfigureAwait(false);
        await twin.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(twin, "Moved after a migration that had failed");
        return "It ran on after the save, and was moved later.";
    }

    /// <summary>Moves a running guest; the twin runs under the epoch when this returns.</summary>
    private static async Task<(IGuest Twin, long PagesCopied)> MoveAsync(GuestBench bench, IGuest guest, ulong epoch)
    {
        const int Rounds = 5;
        IGuest twin = bench.CreateTwin(guest);
        IWriteTracer tracer = bench.Trace(guest);
        using var pending = new DirtyBitmap(guest.Memory.PageCount);
        pending.SetAll();
        tracer.Start();
        await guest.RehearseAsync(_none).ConfigureAwait(false);
        await twin.RehearseAsync(_none).ConfigureAwait(false);
        long copied = 0;
        for (int round = 0; round < Rounds; round++)
        {
            copied += CopyPending(guest, twin, pending);
            await bench.ProgressesAsync(guest, $"During round {round}").ConfigureAwait(false);
            tracer.Collect(pending);
        }

        await guest.PauseAsync(_none).ConfigureAwait(false);
        await GuestBench.SaveAsync(guest).ConfigureAwait(false);
        StateSample state = await bench.SampleAsync(guest).ConfigureAwait(false);
        tracer.Collect(pending);
        copied += CopyPending(guest, twin, pending);
        GuestBench.RequireSameMemory(guest.Memory, twin.Memory, "After the last pass the twin's memory is not the guest's, so a write was made that its tracer does not see");
        tracer.Stop();

        // A load may write memory, so the bytes were compared before it.
        await twin.LoadStateAsync(state.Newest, _none).ConfigureAwait(false);
        DeviceState arrived = await GuestBench.SaveAsync(twin).ConfigureAwait(false);
        RequireNone(state.Difference(arrived), "The state that arrived is not the one that was saved");
        bench.Inspect(guest, "The guest that moved away");
        bench.Inspect(twin, "The guest that arrived");
        await twin.ResumeAsync(epoch, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(twin, $"After the resume under epoch {epoch} where it arrived").ConfigureAwait(false);
        return (twin, copied);
    }

    private static long CopyPending(IGuest from, IGuest to, DirtyBitmap pending)
    {
        long copied = 0;
        for (long page = 0; page < from.Memory.PageCount; page++)
        {
            if (pending.IsSet(page))
            {
                from.Memory.Page(page).CopyTo(to.Memory.Page(page));
                copied++;
            }
        }

        pending.Clear();
        return copied;
    }
}
