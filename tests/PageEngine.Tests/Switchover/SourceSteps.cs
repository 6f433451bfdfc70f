using PageEngine.Ownership;
using PageEngine.Switchover;
using Does = PageEngine.Switchover.SourceEffect;
using On = PageEngine.Switchover.SourceEvent;
using State = PageEngine.Switchover.SourceState;

namespace PageEngine.Tests.Switchover;

// Owns: everything that can happen next at the source: answers of what is under way, messages, timers, requests, a
// crash between any two effects, a restart.

internal sealed class SourceSteps(Rules rules, Explorer explorer)
{
    private static readonly JournalState[] s_journals = [.. Enumerable.Range(0, 16).Select(Journal)];
    private static readonly string[] s_names = [.. Enum.GetNames<On>().Select(name => $"source: {name}")];

    public void Expand(in World world)
    {
        if (!world.SourceAlive)
        {
            if (rules.SourceRestarts)
            {
                Restart(world);
            }

            return;
        }

        Answers(world);
        Messages(world);
        foreach (On e in (ReadOnlySpan<On>)[On.CancelRequested, On.ConnectionLost, On.PeerTimedOut, On.RetryDue])
        {
            Feed(world, e, fault: e != On.RetryDue && e != On.PeerTimedOut);
        }

        TakeBack(world);
        if (world.Source == State.Copying)
        {
            Feed(world, On.SwitchoverDecided, fault: false);
        }

        if (world is { Source: State.RunsHere, SourceActive: true } && world.Attempt + 1 < rules.Attempts)
        {
            World next = world;
            next.Begin(world.Attempt + 1);
            explorer.Add(next, "source: starts another attempt", fault: true);
        }

        if (world.Crashes > 0 && !SourceSwitchover.IsEnd(world.Source))
        {
            Crash(world, "source: crashes");
        }
    }

    // The operator's word: the process of this attempt is dead, and its copy will never be started.
    private void TakeBack(in World world)
    {
        DestinationProcess process = world.Get(world.Attempt);
        if (!rules.OperatorTakesBack || (process.Alive && !rules.OperatorErrs))
        {
            return;
        }

        World next = world;
        if (!process.Alive)
        {
            process.Memory = false;
            process.Complete = false;
            process.Active = false;
            next.Put(world.Attempt, process);
        }

        Feed(next, On.OperatorTakesBack, fault: true);
    }

    private void Answers(in World world)
    {
        World done = world;
        switch (world.Source)
        {
            case State.Journaling:
                Journaled(world);
                break;
            case State.Pausing:
                done.SourceActive = false;
                Feed(done, On.GuestPaused, fault: false);
                Feed(world, On.PauseFailed, fault: true);
                break;
            case State.LastPass:
                Feed(world, On.LastPassDone, fault: false);
                Feed(world, On.LastPassFailed, fault: true);
                break;
            case State.Withdrawing:
                Withdrawn(world);
                break;
            case State.Granting:
                Create(world, Late.SourceGrants);
                break;
            case State.Reclaiming:
                Create(world, Late.SourceReclaims);
                break;
            case State.TakingBack:
                Create(world, Late.DestinationHandsBack);
                break;
            case State.Doubting or State.GrantedReading or State.EmptyReading:
                Read(world);
                break;
            case State.GrantedChecking when rules.ReadsAnewMayBeOld:
                Read(world);
                break;
            case State.GrantedChecking:
                ReadAnew(world);
                break;
            case State.ResumingAtBase or State.ResumingAtOwnEpoch:
                Feed(world, On.GuestResumed, fault: false);
                done.SourceActive = false;
                Feed(done, On.ResumeFailed, fault: true);
                break;
            case State.Releasing:
                done.SourceMemory = false;
                Feed(done, On.MemoryFreed, fault: false);
                break;
        }
    }

    private void Journaled(in World world)
    {
        World written = world;
        written.SourceJournal |= Written.Prepared;
        Feed(written, On.AttemptJournaled, fault: false);
        Feed(world, On.JournalFailed, fault: true);
        Feed(written, On.JournalFailed, fault: true);
    }

    private void Withdrawn(in World world)
    {
        World ended = world;
        ended.WithdrawnFrom = State.None;
        switch (world.WithdrawnFrom)
        {
            case State.Journaling:
                Journaled(ended);
                break;
            case State.Pausing:
                Feed(ended, On.PauseFailed, fault: true);
                ended.SourceActive = false;
                Feed(ended, On.GuestPaused, fault: false);
                break;
            default:
                Feed(ended, On.LastPassDone, fault: false);
                Feed(ended, On.LastPassFailed, fault: false);
                break;
        }
    }

    private void Create(in World world, Late which)
    {
        World landed = world;
        bool created = StoreModel.Create(ref landed, world.Attempt, which, rules.EpochsCanBeCreatedTwice);
        if (created && which is Late.SourceReclaims or Late.DestinationHandsBack)
        {
            landed.SourceEpoch = (byte)(world.Get(world.Attempt).Base + (which == Late.SourceReclaims ? 1 : 2));
        }

        Feed(landed, created ? On.EpochCreated : On.EpochConflict, fault: false);
        landed.SourceEpoch = world.SourceEpoch;
        Feed(landed, On.EpochUnknown, fault: true);
        World waiting = world;
        AddLate(ref waiting, which);
        Feed(waiting, On.EpochUnknown, fault: true);
    }

    private void Read(in World world)
    {
        Feed(world, On.RecordUnreadable, fault: true);
        int from = world.Get(world.Attempt).Base;
        SwitchoverAttempt attempt = StoreModel.Attempt(world, world.Attempt);
        for (int epoch = from; epoch <= world.Head; epoch++)
        {
            for (OwnershipMark mark = OwnershipMark.None; mark <= world.Mark(from + 1); mark++)
            {
                On seen = attempt.SeenFromSource(StoreModel.Record(world, epoch), mark);
                World next = world;
                if (seen == On.RecordOwn)
                {
                    next.SourceEpoch = (byte)epoch;
                }

                Feed(next, seen, fault: epoch < world.Head || mark < world.Mark(from + 1));
            }
        }
    }

    private void ReadAnew(in World world)
    {
        Feed(world, On.RecordUnreadable, fault: true);
        OwnershipMark mark = world.Mark(world.Get(world.Attempt).Base + 1);
        On seen = StoreModel.Attempt(world, world.Attempt).SeenFromSource(StoreModel.Record(world, world.Head), mark);
        World next = world;
        next.SourceEpoch = seen == On.RecordOwn ? world.Head : world.SourceEpoch;
        Feed(next, seen, fault: false);
    }

    private void Messages(in World world)
    {
        Sent sent = world.Get(world.Attempt).Sent;
        Deliver(world, sent, Sent.Prepared, On.PeerPrepared);
        Deliver(world, sent, Sent.Refused, On.PeerRefused);
        Deliver(world, sent, Sent.Running, On.PeerRunning);
        Deliver(world, sent, Sent.HandedBack, On.PeerHandedBack);
    }

    private void Deliver(in World world, Sent sent, Sent message, On e)
    {
        if ((sent & message) != 0)
        {
            Feed(world, e, fault: false);
        }
    }

    private void Restart(in World world)
    {
        World next = world;
        next.SourceAlive = true;
        next.Source = State.Restarted;
        On e = s_journals[(int)world.SourceJournal].RestartSource(world.SourceMemory);
        if (e == On.None)
        {
            next.Source = world.SourceActive ? State.RunsHere : State.Released;
            explorer.Add(next, "source: restarts with nothing to settle", fault: false);
        }
        else
        {
            Feed(next, e, fault: false);
        }
    }

    private void Feed(in World world, On e, bool fault)
    {
        string by = s_names[(int)e];
        Transition<State, Does> answer = rules.Source(world.Source, e, rules.Mode);
        if (answer.IsUnexpected)
        {
            explorer.Violate($"the source cannot take {e} in {world.Source}", by);
            return;
        }

        if (answer.Count == 0 && answer.State == world.Source)
        {
            return;
        }

        World next = world;
        next.Source = answer.State;
        if (answer.State == State.Withdrawing && world.Source != State.Withdrawing)
        {
            next.WithdrawnFrom = world.Source;
        }

        for (int i = 0; i < answer.Count; i++)
        {
            if (world.Crashes > 0)
            {
                Crash(next, $"{by}, and crashes before {answer[i]}");
            }

            if (Apply(ref next, answer[i]) is { } violation)
            {
                explorer.Violate(violation, by);
                return;
            }
        }

        explorer.Add(next, by, fault);
    }

    private static string? Apply(ref World world, Does effect)
    {
        switch (effect)
        {
            case Does.SendPrepare:
                Send(ref world, Sent.Prepare);
                break;
            case Does.SendCommit:
                Send(ref world, Sent.Commit);
                break;
            case Does.SendAbort:
                Send(ref world, Sent.Abort);
                break;
            case Does.JournalSettled:
                world.SourceJournal |= Written.Settled;
                break;
            case Does.ResumeGuestAtBase or Does.ResumeGuestAtOwnEpoch:
                return Resume(ref world);
            case Does.FreeMemory:
                return world.Get(world.Attempt).Ran ? null : "the source frees a guest that has not run elsewhere";
        }

        return null;
    }

    private static string? Resume(ref World world)
    {
        if (!world.SourceMemory)
        {
            return "the source resumes a guest whose memory is gone";
        }

        if (world.First.Active || world.Second.Active)
        {
            return "two guests are active";
        }

        if (world.First.Ran || world.Second.Ran)
        {
            return "the source resumes a state that the destination has gone beyond";
        }

        // From here on no copy that was prepared before is the latest.
        world.SourceActive = true;
        world.First.Outdated |= world.First.Complete || world.First.Sent.HasFlag(Sent.Prepare);
        world.Second.Outdated |= world.Second.Complete || world.Second.Sent.HasFlag(Sent.Prepare);
        return null;
    }

    // The process dies with whatever was under way: it may or may not have happened, or may happen later.
    private void Crash(World world, string by)
    {
        world.Crashes--;
        world.SourceAlive = false;
        State was = world.Source == State.Withdrawing ? world.WithdrawnFrom : world.Source;
        world.Source = State.None;
        world.WithdrawnFrom = State.None;
        switch (was)
        {
            case State.Journaling:
                Died(world, by);
                world.SourceJournal |= Written.Prepared;
                break;
            case State.Granting:
                AddLate(ref world, Late.SourceGrants);
                break;
            case State.Reclaiming:
                AddLate(ref world, Late.SourceReclaims);
                break;
            case State.TakingBack:
                AddLate(ref world, Late.DestinationHandsBack);
                break;
            case State.Pausing or State.ResumingAtBase or State.ResumingAtOwnEpoch:
                Died(world, by);
                world.SourceActive = false;
                break;
        }

        Died(world, by);
    }

    private void Died(World world, string by)
    {
        if (rules.GuestsOutliveProcesses && world.SourceMemory)
        {
            explorer.Add(world, by + ", the guest stays", fault: true);
        }

        world.SourceMemory = false;
        world.SourceActive = false;
        explorer.Add(world, by, fault: true);
    }

    private static void Send(ref World world, Sent message)
    {
        DestinationProcess process = world.Get(world.Attempt);
        process.Sent |= message;
        world.Put(world.Attempt, process);
    }

    private static void AddLate(ref World world, Late which)
    {
        DestinationProcess process = world.Get(world.Attempt);
        process.Late |= which;
        world.Put(world.Attempt, process);
    }

    private static JournalState Journal(int bits)
    {
        var entries = new List<JournalEntry>();
        var written = (Written)bits;
        Note(Written.Prepared, JournalEntryKind.MayBePrepared);
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
