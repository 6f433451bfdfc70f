using PageEngine.Switchover;

namespace PageEngine.Simulation.Running;

// Owns: the promises, and when each of them is broken. It looks at the whole system, which no side can.

internal sealed class Promises(World world)
{
    private (GuestCopy? Copy, ulong Epoch)? _atEnd;

    public string Hold { get; private set; } = "";

    /// <summary>Gets whether nobody can run any more because no complete copy is left.</summary>
    public bool IsLost { get; private set; }

    public void CheckStep()
    {
        int active = world.SourceCopy.IsActive ? 1 : 0;
        GuestCopy? runs = world.SourceCopy.IsActive ? world.SourceCopy : null;
        List<DestinationProcess> destinations = world.Destinations;
        for (int i = 0; i < destinations.Count; i++)
        {
            if (destinations[i].Copy.IsActive)
            {
                active++;
                runs = destinations[i].Copy;
            }
        }

        if (active > 1)
        {
            world.Violate(SimulationPromise.OneActive, "two guests are active");
        }
        else if (runs is not null && world.Options.HasStore && world.Store.Head.Epoch > runs.Epoch && world.Store.Head.Holder != runs.Run)
        {
            world.Violate(
                SimulationPromise.OneEpochHasEffects,
                $"the guest runs on the {runs.Name} under epoch {runs.Epoch}, but epoch {world.Store.Head.Epoch} is {world.NameOf(world.Store.Head.Holder)}'s");
        }
        else if (world.Store.Head.Epoch < world.LastEpoch && world.Options.HasStore)
        {
            world.Violate(SimulationPromise.EpochsGrow, $"the guest has run under epoch {world.LastEpoch}, and the record says {world.Store.Head.Epoch}");
        }
    }

    public void CheckResume(GuestCopy copy, ulong epoch, string by)
    {
        if (!copy.IsHere)
        {
            world.Violate(SimulationPromise.NeverIncomplete, $"the {by} resumes a guest whose memory is gone");
        }
        else if (Active() is { } other && other != copy)
        {
            world.Violate(SimulationPromise.OneActive, $"the {by} resumes the guest under epoch {epoch} while it runs on the {other.Name} under epoch {other.Epoch}");
        }
        else if (!copy.IsComplete)
        {
            world.Violate(SimulationPromise.NeverIncomplete, $"the {by} resumes a copy that is not complete");
        }
        else if (!world.Pages.IsNewest(copy))
        {
            world.Violate(SimulationPromise.NeverIncomplete, $"the {by} resumes a copy that is outdated");
        }
        else if (epoch < world.LastEpoch)
        {
            world.Violate(SimulationPromise.EpochsGrow, $"the {by} resumes under epoch {epoch} after {world.LastEpoch}");
        }
        else if (world.Options.HasStore && (epoch > world.Store.Head.Epoch || (epoch == world.Store.Head.Epoch && world.Store.Head.Holder != copy.Run)))
        {
            world.Violate(SimulationPromise.OneEpochHasEffects, $"the {by} resumes under epoch {epoch}, which is not its own in the record");
        }
        else if (world.Options.HasStore && copy != world.SourceCopy && world.Store.MarkOf(epoch) == Ownership.OwnershipMark.None)
        {
            world.Violate(SimulationPromise.OneEpochHasEffects, $"the {by} resumes under epoch {epoch} before that is marked: the guest could still be handed back");
        }
    }

    public void CheckFree(SourceProcess source)
    {
        if (!world.Destinations[source.Attempt].Copy.HasRun)
        {
            world.Violate(SimulationPromise.FreedOnlyAfterCommit, $"the {source.Name} frees a guest that has not run elsewhere");
        }
    }

    public void CheckDiscard(DestinationProcess destination)
    {
        if (destination.Copy.IsActive)
        {
            world.Violate(SimulationPromise.FreedOnlyAfterCommit, $"the {destination.Name} discards a guest that runs");
        }
        else if (destination.MayHaveAnswered && !IsDecidedAgainst(destination))
        {
            world.Violate(SimulationPromise.FreedOnlyAfterCommit, $"the {destination.Name} discards a prepared copy that nobody has decided against");
        }
        else if (LastCompleteCopy() == destination.Copy && !destination.Copy.IsDecidedAgainst)
        {
            world.Violate(SimulationPromise.NoStateLost, $"the {destination.Name} discards the last complete copy");
        }
    }

    public void CheckLost(SimulatedProcess by)
    {
        if (Survivor() is { } copy)
        {
            world.Violate(SimulationPromise.NoStateLost, $"the {by.Name} reports the guest lost while the copy on the {copy.Name} is complete");
        }
    }

    /// <summary>Checks what must hold when nothing more happens, or the bound has passed.</summary>
    /// <returns>Whether the guest is somewhere for good, so that a replay of every message must change nothing.</returns>
    public bool CheckEnd(bool replayed)
    {
        world.LetGuestRun();
        GuestCopy? active = Active();
        if (active is not null && world.Source is { IsAlive: true, IsCopying: true })
        {
            return false;
        }

        if (replayed && _atEnd is { } before && (before.Copy != active || before.Epoch != (active?.Epoch ?? 0)))
        {
            world.Violate(SimulationPromise.ReplaysAreHarmless, $"after a replay the guest runs on the {active?.Name ?? "none"} under epoch {active?.Epoch ?? 0}, before it on the {before.Copy?.Name ?? "none"} under {before.Epoch}");
            return false;
        }

        _atEnd = (active, active?.Epoch ?? 0);
        if (active is null)
        {
            CheckHold();
            return world.Violation is null && world.Options.HasStore;
        }

        if (world.Sources.TrueForAll(process => IsClean(process, process.Copy, active)))
        {
            world.Destinations.TrueForAll(process => IsClean(process, process.Copy, active));
        }

        return world.Violation is null;
    }

    private GuestCopy? Active() => world.SourceCopy.IsActive
        ? world.SourceCopy
        : world.Destinations.Find(process => process.Copy.IsActive)?.Copy;

    // Nobody runs: because no copy is left that could, or for a reason that one side states and only a person can end.
    private void CheckHold()
    {
        if (Survivor() is null)
        {
            IsLost = true;
            return;
        }

        Hold = world.Destinations.Where(process => process.IsHeldEmpty).Select(process => process.Hold)
            .Concat(StatedHolds())
            .FirstOrDefault("");
        if (Hold.Length == 0)
        {
            world.Violate(
                SimulationPromise.SomebodyRuns,
                $"nobody runs {world.Options.Timers.Bound.TotalSeconds:0} s after the last fault: the source is {State(world.Source)}, the destination {State(world.Destination)}");
        }
    }

    private IEnumerable<string> StatedHolds()
    {
        bool sourceHolds = world.Source is { IsAlive: true } && world.Source.Hold.Length > 0;
        bool destinationHolds = world.Destination is { IsAlive: true } && world.Destination.Hold.Length > 0;

        // Without a store: in doubt, an operator decides. A side that is dead for good cannot say that it held.
        if (!world.Options.HasStore)
        {
            if (sourceHolds && world.Source.HoldReason == HoldReason.NoStore)
            {
                yield return world.Source.Hold;
            }

            if (destinationHolds && world.Destination.HoldReason == HoldReason.NoStore)
            {
                yield return world.Destination.Hold;
            }

            if (destinationHolds && world.Destination.IsHeldEmpty)
            {
                yield return world.Destination.Hold;
            }
        }

        // Nothing is taken over because time has passed: the one that lives says for whom it waits.
        if (world.Destination.IsDeadForGood && sourceHolds && world.Source.HoldReason == HoldReason.DestinationSilent)
        {
            yield return world.Source.Hold;
        }

        if (world.Source.IsDeadForGood && world.Store.Head.Holder == world.SourceCopy.Run)
        {
            yield return "the source, whose guest it is, never came back";
        }
    }

    // A copy that could still be run under the protocol: complete, newest, and not decided against.
    private GuestCopy? Survivor()
    {
        bool destinationDecided = world.Options.HasStore && world.Store.Head.Holder != world.SourceCopy.Run;
        if (world.SourceCopy.IsHere && world.Pages.IsNewest(world.SourceCopy))
        {
            return world.SourceCopy;
        }

        DestinationProcess? found = world.Destinations.Find(process =>
            process.Copy.IsComplete && !IsDecidedAgainst(process) && world.Pages.IsNewest(process.Copy)
            && (process.Journal.State.Has(Ownership.JournalEntryKind.Prepared) || destinationDecided));
        return found?.Copy;
    }

    private GuestCopy? LastCompleteCopy()
    {
        // Until its journal says so, a host that restarts cannot know that its copy is complete.
        GuestCopy[] complete = [.. world.Destinations.Where(process => process.Journal.State.Has(Ownership.JournalEntryKind.Prepared))
            .Select(process => process.Copy).Append(world.SourceCopy)
            .Where(copy => copy.IsComplete && copy.IsHere && world.Pages.IsNewest(copy))];
        return complete.Length == 1 ? complete[0] : null;
    }

    private bool IsDecidedAgainst(DestinationProcess process) =>
        world.Options.HasStore ? process.Copy.IsDecidedAgainst : process.WasAborted;

    private bool IsClean(SimulatedProcess process, GuestCopy copy, GuestCopy active)
    {
        if (!process.IsAlive)
        {
            return true;
        }

        string? left = !process.HasEnded ? MayStay(process) ? null : $"has not ended ({process.StateName})"
            : process.HasWork ? "has a timer or work under way"
            : !process.Journal.State.IsSettled && !process.Journal.FailedToSettle && !MayStayOpen(process) ? $"leaves its journal open ({process.Journal})"
            : copy != active && copy.IsHere && process.Attempt == world.Sources.Count - 1 ? "keeps memory"
            : process == world.Source && world.Pages.IsTracing ? "traces on"
            : null;
        if (left is not null)
        {
            world.Violate(SimulationPromise.CleanupLeavesNothing, $"the guest runs on the {active.Name}, and the {process.Name} {left}");
        }

        return left is null;
    }

    // Without a store a copy that was in doubt stays until an operator has looked.
    private bool MayStay(SimulatedProcess process) => !world.Options.HasStore && process.Hold.Length > 0;

    // The mark "running" never became durable: the journal stays open, so that a restart knows.
    private static bool MayStayOpen(SimulatedProcess process) =>
        process.Side == SimulatedSide.Destination && !process.Journal.State.Has(Ownership.JournalEntryKind.Running);

    private static string State(SimulatedProcess process) => process.IsAlive ? process.StateName : "dead";
}
