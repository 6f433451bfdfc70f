using System.Globalization;
using PageEngine.Bitmaps;
using PageEngine.Ownership;
using PageEngine.Planning;

namespace PageEngine.Transport.Sessions;

// Owns: the rehearsal. The switchover would otherwise be the coldest code in the process; here both sides run the real
// code of every step on an empty layout and a scratch record, until it is compiled and its cost is known.

/// <summary>Rehearses the switchover and measures its fixed part.</summary>
internal static class SourceRehearsal
{
    /// <summary>How often at least. The first compiles, the second warms what the first loaded; the last two are measured.</summary>
    internal const int Count = 4;

    /// <summary>How often at most, while the last two do not agree with the shortest: something else was in the way, such
    /// as a thread pool that had not grown yet, and that is not what a switchover costs.</summary>
    internal const int MaxCount = 12;

    /// <summary>How much longer each step takes after seconds of nothing but pages, which leave neither its code nor its data in the
    /// caches, than right after a rehearsal. Measured, on two processors: 1.3 to 1.5 in the median of 30 migrations; it grows where the
    /// processors have other work and falls where they have none (docs/performance.md, "Prediction of the blackout").</summary>
    internal const double ColdFactor = 1.5;

    /// <summary>The state of a machine in a process of its own: buffers on both sides that first grow, and memory that is first
    /// touched, when the guest stands still cost more milliseconds than the bytes' way.</summary>
    private const int MachineStateBytes = 512 * 1024;

    private const int SmallStateBytes = 16;

    /// <summary>Runs all rehearsals.</summary>
    /// <returns>The fixed part: for each step the longer of the last two rehearsals, as it is expected after the rounds.</returns>
    /// <exception cref="MigrationException">A step failed: the switchover itself would have.</exception>
    internal static async Task<SwitchoverFixedCosts> RunAsync(SourceSwitchoverContext context, CancellationToken cancellationToken)
    {
        await context.Guest.RehearseAsync(cancellationToken).ConfigureAwait(false);
        if (context.Guest.LivesInOwnProcess)
        {
            // The machine's own state may be larger than the one that is rehearsed.
            context.StateRoom.Prepare(2 * MachineStateBytes);
        }

        var costs = new List<SwitchoverFixedCosts>(MaxCount);
        for (int i = 0; i < Count || (i < MaxCount && !HaveSettled(costs)); i++)
        {
            costs.Add(await MeasureAsync(context, i + 1, cancellationToken).ConfigureAwait(false));
        }

        return Expect(costs);
    }

    /// <summary>Gets what the switchover is expected to cost after the rounds.</summary>
    /// <param name="costs">The rehearsals, at least two, oldest first.</param>
    internal static SwitchoverFixedCosts Expect(IReadOnlyList<SwitchoverFixedCosts> costs) => Longer(costs[^1], costs[^2]).Scale(ColdFactor);

    private static async Task<SwitchoverFixedCosts> MeasureAsync(SourceSwitchoverContext context, int number, CancellationToken cancellationToken)
    {
        await context.Transport.PingAsync(cancellationToken).ConfigureAwait(false);
        SwitchoverResult result = await RunOnceAsync(context, cancellationToken).ConfigureAwait(false);
        if (result.Failure is { } failure)
        {
            // In doubt is only the scratch record; the guest itself has never stopped.
            throw failure.Kind == MigrationErrorKind.InDoubt
                ? new MigrationException(MigrationErrorKind.OwnershipFailed, $"The switchover could not be rehearsed to its end, so it was not tried: {failure.Message}", failure)
                { DetectedBy = DetectedBy.Supervisor }
                : failure;
        }

        var costs = new SwitchoverFixedCosts
        {
            Approach = result.Approach,
            Pause = result.Parts.Pause,
            Harvest = result.Parts.Harvest,
            Barrier = result.Parts.Pages,
            StateSave = result.Parts.StateSave,
            StateTransfer = result.Parts.StateTransfer,
            Restore = result.Parts.Restore,
            Commit = result.Parts.Commit,
            Resume = result.Parts.Resume,
        };
        context.Identity.Logger.Rehearsed(
            context.Identity.Id, context.Identity.Side, number,
            Milliseconds(costs.StateTransfer + costs.Restore), Milliseconds(costs.Commit), Milliseconds(costs.Resume),
            Milliseconds(context.Transport.RoundTrip));
        return costs;
    }

    // Twice the shortest, and a millisecond for what a scheduler does to short times.
    private static bool HaveSettled(List<SwitchoverFixedCosts> costs)
    {
        TimeSpan limit = (costs.Min(c => c.Total) * 2) + TimeSpan.FromMilliseconds(1);
        return costs[^1].Total <= limit && costs[^2].Total <= limit;
    }

    private static async Task<SwitchoverResult> RunOnceAsync(SourceSwitchoverContext context, CancellationToken cancellationToken)
    {
        using var scratch = new ScratchGuest(Guid.NewGuid(), context.Guest.LivesInOwnProcess ? MachineStateBytes : SmallStateBytes);
        SwitchoverResult? result = null;
        try
        {
            return result = await RunOnceAsync(context, scratch, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // What went wrong before counts, not that the store cannot be swept for the same reason.
            bool isWell = result is { Failure: null };
            await SweepAsync(context, scratch.Id).ConfigureAwait(isWell ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static Task SweepAsync(SourceSwitchoverContext context, Guid scratch) => context.Ownership.Store is { } store
        ? StoreCall.SweepAsync(store, called => called.RemoveGuestAsync(scratch, CancellationToken.None), context.Options.NetworkTimeout, context.Options.TimeProvider)
        : Task.CompletedTask;

    private static async Task<SwitchoverResult> RunOnceAsync(SourceSwitchoverContext context, ScratchGuest scratch, CancellationToken cancellationToken)
    {
        using var nothing = new DirtyBitmap(scratch.Memory.PageCount);
        IOwnershipStore? store = context.Ownership.Store;

        // Under this side's own run: a destination that looks before the next epoch is there must recognise the holder.
        GuestOwnership ownership = store is null
            ? new GuestOwnership(null, scratch.Id, context.Ownership.Run, 1)
            : await CallAsync(context, store, called => GuestOwnership.ClaimForAsync(called, scratch.Id, context.Ownership.Run, cancellationToken)).ConfigureAwait(false);
        SourceSwitchoverContext rehearsal = context.ForRehearsal(scratch, ownership);
        rehearsal.Journal = Journals.BeginRehearsal(context.Options.JournalDirectory, rehearsal.JournalHeader, context.Options.TimeProvider);
        try
        {
            SwitchoverResult result = await SourceSwitchoverRun.RehearseAsync(rehearsal, nothing, cancellationToken).ConfigureAwait(false);
            if (store is not null && result.Failure is null)
            {
                await WaitForLastMarkAsync(context, ownership, cancellationToken).ConfigureAwait(false);
            }

            return result;
        }
        finally
        {
            Journals.EndRehearsal(rehearsal.Journal);
            context.NextRound = rehearsal.NextRound;
        }
    }

    // The destination says that it runs before it marks so: the scratch record must not go while it still writes there,
    // for what it writes later only it could sweep, and it sweeps only what failed.
    private static async Task WaitForLastMarkAsync(SourceSwitchoverContext context, GuestOwnership scratch, CancellationToken cancellationToken)
    {
        TimeProvider time = context.Options.TimeProvider;
        TimeSpan limit = context.Options.NetworkTimeout;
        long began = time.GetTimestamp();
        while (await CallAsync(context, scratch.Store!, store => store.ReadMarkAsync(scratch.GuestId, scratch.Epoch + 1, cancellationToken)).ConfigureAwait(false) != OwnershipMark.Running)
        {
            if (time.GetElapsedTime(began) > limit)
            {
                throw new MigrationException(
                    MigrationErrorKind.Timeout,
                    $"The destination ran the rehearsal's guest and did not mark so in the ownership store within {limit.TotalSeconds:0.###} s. Check the peer's process and its way to the store.")
                { DetectedBy = DetectedBy.Supervisor };
            }

            await Task.Delay(TimeSpan.FromMilliseconds(1), time, cancellationToken).ConfigureAwait(false);
        }
    }

    private static Task<T> CallAsync<T>(SourceSwitchoverContext context, IOwnershipStore store, Func<IOwnershipStore, ValueTask<T>> call) =>
        StoreCall.RunAsync(store, call, context.Options.NetworkTimeout, context.Options.TimeProvider);

    private static SwitchoverFixedCosts Longer(SwitchoverFixedCosts a, SwitchoverFixedCosts b) => new()
    {
        Approach = Max(a.Approach, b.Approach),
        Pause = Max(a.Pause, b.Pause),
        Harvest = Max(a.Harvest, b.Harvest),
        Barrier = Max(a.Barrier, b.Barrier),
        StateSave = Max(a.StateSave, b.StateSave),
        StateTransfer = Max(a.StateTransfer, b.StateTransfer),
        Restore = Max(a.Restore, b.Restore),
        Commit = Max(a.Commit, b.Commit),
        Resume = Max(a.Resume, b.Resume),
    };

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static string Milliseconds(TimeSpan time) => time.TotalMilliseconds.ToString("0.00", CultureInfo.InvariantCulture);
}
