using PageEngine.Ownership;
using PageEngine.Switchover;
using Does = PageEngine.Switchover.DestinationEffect;
using On = PageEngine.Switchover.DestinationEvent;
using State = PageEngine.Switchover.DestinationState;

namespace PageEngine.Tests.Switchover;

// Owns: everything that can happen next at the destination of one attempt.

internal sealed class DestinationSteps(Rules rules, Explorer explorer)
{
    private static readonly JournalState[] s_journals = [.. Enumerable.Range(0, 16).Select(Journal)];
    private static readonly string[] s_names = [.. Enum.GetNames<On>().Select(name => $"destination: {name}")];

    private World _world;
    private int _attempt;

    public void Expand(in World world, int attempt)
    {
        _world = world;
        _attempt = attempt;
        DestinationProcess process = world.Get(attempt);
        if (!process.Alive)
        {
            LandLateMark(process);
            if (rules.DestinationRestarts)
            {
                Restart(process);
            }

            return;
        }

        LandLateMark(process);
        Answers(process);
        Deliver(process, Sent.Prepare, On.PrepareReceived);
        Deliver(process, Sent.Commit, On.CommitReceived);
        Deliver(process, Sent.Abort, On.AbortReceived);
        foreach (On e in (ReadOnlySpan<On>)[On.CancelRequested, On.ConnectionLost, On.RetryDue, On.ClaimDue, On.RetryPeriodOver])
        {
            Feed(process, e, fault: e is not (On.RetryDue or On.ClaimDue));
        }

        if (_world.Crashes > 0 && (!DestinationSwitchover.IsEnd(process.State) || (process.Journal & Written.Settled) == 0))
        {
            Crash(_world, process, "destination: crashes");
        }
    }

    private int NextEpoch => _world.Get(_attempt).Base + 1;

    private void LandLateMark(DestinationProcess process)
    {
        if (process.LateMark)
        {
            World next = _world;
            process.LateMark = false;
            next.Put(_attempt, process);
            next.SetMark(NextEpoch, OwnershipMark.Resuming);
            explorer.Add(next, $"store: the mark of attempt {_attempt} happens late", fault: true);
        }
    }

    private void Answers(DestinationProcess process)
    {
        switch (process.State)
        {
            case State.Restoring:
                Restored(process);
                break;
            case State.JournalingPrepared:
                Journaled(process, Written.Prepared, On.PreparedJournaled);
                break;
            case State.Abandoning:
                bool restoring = process.AbandonsRestore;
                process.AbandonsRestore = false;
                if (restoring)
                {
                    Restored(process);
                }
                else
                {
                    Journaled(process, Written.Prepared, On.PreparedJournaled);
                }

                break;
            case State.Reading or State.HandBackReading or State.EmptyReading:
                Read(process);
                break;
            case State.Claiming:
                Create(process, Late.DestinationClaims);
                break;
            case State.EmptyFreeing:
                Create(process, Late.DestinationFrees);
                break;
            case State.HandingBack or State.EmptyHandingBack:
                Create(process, Late.DestinationHandsBack);
                break;
            case State.RaisingGuards:
                Feed(process, On.GuardsRaised, fault: false);
                Feed(process, On.GuardsFailed, fault: true);
                break;
            case State.MarkingResuming:
                Mark(process, OwnershipMark.Resuming);
                break;
            case State.MarkingRunning:
                Mark(process, OwnershipMark.Running);
                break;
            case State.Resuming:
                Feed(process, On.GuestResumed, fault: false);
                process.Active = false;
                Feed(process, On.ResumeFailed, fault: true);
                break;
            case State.JournalingHandBack:
                Journaled(process, Written.HandingBack, On.HandBackJournaled);
                break;
            case State.Discarding:
                process.Memory = false;
                process.Complete = false;
                Feed(process, On.CopyDiscarded, fault: false);
                break;
        }
    }

    private void Restored(DestinationProcess process)
    {
        Feed(process, On.RestoreFailed, fault: true);
        process.Complete = true;
        Feed(process, On.RestoreDone, fault: false);
    }

    private void Journaled(DestinationProcess process, Written what, On done)
    {
        Feed(process, On.JournalFailed, fault: true);
        process.Journal |= what;
        Feed(process, On.JournalFailed, fault: true);
        Feed(process, done, fault: false);
    }

    private void Create(DestinationProcess process, Late which)
    {
        World before = _world;
        bool created = StoreModel.Create(ref _world, _attempt, which, rules.EpochsCanBeCreatedTwice);
        Feed(process, created ? On.EpochCreated : On.EpochConflict, fault: false);
        Feed(process, On.EpochUnknown, fault: true);
        _world = before;
        process.Late |= which;
        Feed(process, On.EpochUnknown, fault: true);
    }

    private void Mark(DestinationProcess process, OwnershipMark mark)
    {
        World before = _world;
        DestinationProcess waiting = process;
        waiting.LateMark |= mark == OwnershipMark.Resuming && rules.Mode == OwnershipMode.Store;
        Feed(waiting, On.MarkFailed, fault: true);
        if (rules.Mode == OwnershipMode.Store)
        {
            _world.SetMark(NextEpoch, mark);
        }

        Feed(process, On.MarkFailed, fault: true);
        process.Journal |= Written.Resuming;
        Feed(process, On.Marked, fault: false);
        _world = before;
    }

    // Any older record and mark may be read; what this host's journal knows is never missed.
    private void Read(DestinationProcess process)
    {
        Feed(process, On.RecordUnreadable, fault: true);
        SwitchoverAttempt attempt = StoreModel.Attempt(_world, _attempt);
        OwnershipMark known = s_journals[(int)process.Journal].KnownMark;
        OwnershipMark last = _world.Mark(NextEpoch);
        for (int epoch = process.Base; epoch <= _world.Head; epoch++)
        {
            for (OwnershipMark mark = known; mark <= (OwnershipMark)Math.Max((int)last, (int)known); mark++)
            {
                On seen = attempt.SeenFromDestination(StoreModel.Record(_world, epoch), mark);
                Feed(process, seen, fault: epoch < _world.Head || mark < last);
            }
        }
    }

    private void Deliver(DestinationProcess process, Sent message, On e)
    {
        if ((process.Sent & message) != 0)
        {
            Feed(process, e, fault: false);
        }
    }

    private void Restart(DestinationProcess process)
    {
        On e = s_journals[(int)process.Journal].RestartDestination(process.Memory);
        process.Alive = true;
        process.State = State.Restarted;
        if (e != On.None)
        {
            Feed(process, e, fault: false);
            return;
        }

        World next = _world;
        process.State = process.Active ? State.RunsHere : State.Discarded;
        process.Memory = process.Active;
        process.Complete = process.Active;
        next.Put(_attempt, process);
        explorer.Add(next, "destination: restarts with nothing to settle", fault: false);
    }

    private void Feed(DestinationProcess process, On e, bool fault)
    {
        string by = s_names[(int)e];
        Transition<State, Does> answer = rules.Destination(process.State, e, rules.Mode);
        if (answer.IsUnexpected)
        {
            explorer.Violate($"the destination cannot take {e} in {process.State}", by);
            return;
        }

        if (answer.Count == 0 && answer.State == process.State)
        {
            return;
        }

        State was = process.State;
        process.State = answer.State;
        if (answer.State == State.Abandoning && was != State.Abandoning)
        {
            process.AbandonsRestore = was == State.Restoring;
        }

        for (int i = 0; i < answer.Count; i++)
        {
            if (_world.Crashes > 0)
            {
                Crash(_world, process, $"{by}, and crashes before {answer[i]}");
            }

            if (Apply(ref process, answer[i]) is { } violation)
            {
                explorer.Violate(violation, by);
                return;
            }
        }

        World next = _world;
        next.Put(_attempt, process);
        explorer.Add(next, by, fault);
    }

    private string? Apply(ref DestinationProcess process, Does effect)
    {
        switch (effect)
        {
            case Does.SendPrepared:
                process.Sent |= Sent.Prepared;
                break;
            case Does.SendRefused:
                process.Sent |= Sent.Refused;
                break;
            case Does.SendRunning:
                process.Sent |= Sent.Running;
                break;
            case Does.SendHandedBack:
                process.Sent |= Sent.HandedBack;
                break;
            case Does.JournalSettled:
                process.Journal |= Written.Settled;
                break;
            case Does.ResumeGuest:
                return Resume(ref process);
            case Does.Discard:
                return CheckDiscard(process);
        }

        return null;
    }

    private string? Resume(ref DestinationProcess process)
    {
        if (_world.SourceActive || _world.Get(1 - _attempt).Active)
        {
            return "two guests are active";
        }

        if (!process.Memory || !process.Complete)
        {
            return "the destination resumes an incomplete guest";
        }

        if (process.Outdated)
        {
            return "the destination resumes a state that the source has gone beyond";
        }

        process.Active = true;
        process.Ran = true;
        return null;
    }

    private string? CheckDiscard(in DestinationProcess process)
    {
        if (process.Active)
        {
            return "the destination discards a guest that runs";
        }

        if ((process.Sent & Sent.Prepared) == 0)
        {
            return null;
        }

        bool decided = rules.Mode == OwnershipMode.Store
            ? _world.Head > process.Base && _world.Holder(_world.Head) != StoreModel.DestinationHolder(_attempt)
            : (process.Sent & Sent.Abort) != 0;
        return decided ? null : "the destination discards a prepared copy that nobody has decided against";
    }

    private void Crash(World world, DestinationProcess process, string by)
    {
        world.Crashes--;
        State was = process.State;
        bool restoring = process.AbandonsRestore;
        process.Alive = false;
        process.State = State.None;
        process.AbandonsRestore = false;
        switch (was)
        {
            case State.JournalingPrepared:
            case State.Abandoning when !restoring:
                Died(world, process, by);
                process.Journal |= Written.Prepared;
                break;
            case State.JournalingHandBack:
                Died(world, process, by);
                process.Journal |= Written.HandingBack;
                break;
            case State.Claiming:
                process.Late |= Late.DestinationClaims;
                break;
            case State.EmptyFreeing:
                process.Late |= Late.DestinationFrees;
                break;
            case State.HandingBack or State.EmptyHandingBack:
                process.Late |= Late.DestinationHandsBack;
                break;
            case State.MarkingResuming or State.MarkingRunning when rules.Mode == OwnershipMode.Store:
                process.LateMark |= was == State.MarkingResuming;
                Died(world, process, by);
                process.LateMark = false;
                world.SetMark(process.Base + 1, was == State.MarkingResuming ? OwnershipMark.Resuming : OwnershipMark.Running);
                break;
            case State.Resuming:
                Died(world, process, by);
                process.Active = false;
                break;
        }

        Died(world, process, by);
    }

    private void Died(World world, DestinationProcess process, string by)
    {
        if (rules.GuestsOutliveProcesses && process.Memory)
        {
            world.Put(_attempt, process);
            explorer.Add(world, by + ", the guest stays", fault: true);
        }

        process.Memory = false;
        process.Complete = false;
        process.Active = false;
        world.Put(_attempt, process);
        explorer.Add(world, by, fault: true);
    }

    private static JournalState Journal(int bits)
    {
        var entries = new List<JournalEntry>();
        var written = (Written)bits;
        Note(Written.Prepared, JournalEntryKind.Prepared);
        Note(Written.HandingBack, JournalEntryKind.HandingBack);
        Note(Written.Resuming, JournalEntryKind.Resuming);
        Note(Written.Settled, JournalEntryKind.Settled);
        return new JournalState(null!, entries, TornTail: false);

        void Note(Written bit, JournalEntryKind kind)
        {
            if ((written & bit) != 0)
            {
                entries.Add(new JournalEntry(kind, 1, default));
            }
        }
    }
}
