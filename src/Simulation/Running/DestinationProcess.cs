using PageEngine.Ownership;
using PageEngine.Simulation.Faults;
using PageEngine.Switchover;
using Does = PageEngine.Switchover.DestinationEffect;
using On = PageEngine.Switchover.DestinationEvent;
using State = PageEngine.Switchover.DestinationState;

namespace PageEngine.Simulation.Running;

// Owns: the destination's side of one attempt: takes the pages in, and carries out what the shipped table asks for.

internal sealed class DestinationProcess : MachineProcess<State, On, Does>
{
    private readonly SwitchoverAttempt _attempt;
    private readonly HashSet<int> _batches = [];
    private readonly PageSet _offered;
    private Packet _prepare;
    private (int Round, int Total)? _barrier;
    private bool _isSealed;
    private bool _restoreWaits;
    private bool _abandonsRestore;

    public DestinationProcess(World world, int number, SwitchoverAttempt attempt, GuestCopy copy)
        : base(world, SimulatedSide.Destination, number)
    {
        _attempt = attempt;
        _offered = new PageSet(world.Options.Guest.Pages);
        Copy = copy;
        Enter(State.Receiving);
    }

    public GuestCopy Copy { get; }

    public SwitchoverAttempt Identity => _attempt;

    /// <summary>Gets whether the answer to PREPARE may have left.</summary>
    public bool MayHaveAnswered { get; private set; }

    /// <summary>Gets whether ABORT has come: without a store that is the source's word that it runs.</summary>
    public bool WasAborted { get; private set; }

    public bool IsHeldEmpty => State == State.HeldEmpty;

    public override string Hold => DestinationSwitchover.HoldOf(State, World.Mode) is var hold and not HoldReason.None ? hold.ToString() : "";

    public HoldReason HoldReason => DestinationSwitchover.HoldOf(State, World.Mode);

    protected override On ConnectionLostEvent => On.ConnectionLost;

    protected override On CancelEvent => On.CancelRequested;

    public void Begin() => StartSignsOfLife();

    public override void Receive(SimulatedMessageKind kind, in Packet packet)
    {
        Heard();
        switch (kind)
        {
            case SimulatedMessageKind.Pages:
                TakeBatch(packet);
                break;
            case SimulatedMessageKind.RoundEnd:
                _barrier = (packet.Round, packet.Total);
                AnswerBarrier();
                break;
            case SimulatedMessageKind.Prepare:
                if (State == State.Receiving)
                {
                    _prepare = packet;
                    StartPeriod(2 * World.Options.Timers.Claim, On.RetryPeriodOver);
                }

                Feed(On.PrepareReceived);
                break;
            case SimulatedMessageKind.Commit:
                Feed(On.CommitReceived);
                break;
            case SimulatedMessageKind.Abort:
                WasAborted = true;
                Feed(On.AbortReceived);
                break;
        }
    }

    protected override Transition<State, Does> Next(State state, On e) => World.Options.Rules.Destination(state, e, World.Mode);

    protected override bool IsEnd(State state) => DestinationSwitchover.IsEnd(state);

    protected override void Entered(State was) => _abandonsRestore = State == State.Abandoning && was == State.Restoring;

    protected override void Ended()
    {
        if (State != State.RunsHere)
        {
            World.Network.Close(this);
        }
    }

    protected override void Apply(Does effect)
    {
        SimulatedCosts costs = World.Options.Costs;
        switch (effect)
        {
            case Does.RestoreAndCheck:
                BeginWork();
                _restoreWaits = true;
                After(World.Options.Timers.Network, EndWaitForPages);
                TryRestore();
                break;
            case Does.JournalPrepared:
                BeginHostWork(SimulatedHostWorkKind.Journal, costs.DiskWrite, fate => Journaled(fate, JournalEntryKind.Prepared, On.PreparedJournaled));
                break;
            case Does.SendPrepared:
                MayHaveAnswered = true;
                Say(SimulatedMessageKind.Prepared);
                break;
            case Does.SendRefused:
                Say(SimulatedMessageKind.Refused);
                break;
            case Does.ReadRecord:
                BeginWork();
                World.Store.Read(this, _attempt.BaseEpoch, Journal.State.KnownMark, seen => Answer(Meaning(seen)));
                break;
            case Does.CreateOwnEpoch:
                Create(_attempt.ForDestination);
                break;
            case Does.CreateEpochForSource:
                Create(_attempt.ForSource);
                break;
            case Does.JournalHandBack:
                BeginHostWork(SimulatedHostWorkKind.Journal, costs.DiskWrite, fate => Journaled(fate, JournalEntryKind.HandingBack, On.HandBackJournaled));
                break;
            case Does.CreateHandBackEpoch:
                Create(_attempt.HandBack);
                break;
            case Does.RaiseGuards:
                BeginHostWork(SimulatedHostWorkKind.RaiseGuards, costs.RaiseGuards, fate =>
                {
                    if (!fate.Fails)
                    {
                        World.Guard.Raise(_attempt.ForDestination.Epoch);
                    }

                    return fate.Fails ? On.GuardsFailed : On.GuardsRaised;
                });
                break;
            case Does.MarkResuming:
                Mark(OwnershipMark.Resuming, JournalEntryKind.Resuming);
                break;
            case Does.ResumeGuest:
                BeginHostWork(SimulatedHostWorkKind.ResumeGuest, costs.Resume, Resumed);
                break;
            case Does.SendRunning:
                Say(SimulatedMessageKind.Running);
                break;
            case Does.MarkRunning:
                Mark(OwnershipMark.Running, JournalEntryKind.Running);
                break;
            case Does.SendHandedBack:
                Say(SimulatedMessageKind.HandedBack);
                break;
            case Does.JournalSettled:
                World.Settle(this, _attempt.ForDestination.Epoch);
                break;
            case Does.Discard:
                World.Promises.CheckDiscard(this);
                Begin(costs.Free, () =>
                {
                    World.Drop(Copy, "is discarded");
                    return On.CopyDiscarded;
                });
                break;
            case Does.StopLocalWork:
                EndWaitForPages();
                break;
            case Does.StartRetryTimer:
                StartTimer(World.Options.Timers.Retry, () =>
                    LostAt is { } lost && World.Clock.Now - lost > World.Options.Timers.Claim ? On.ClaimDue : On.RetryDue);
                break;
            case Does.ReportHeld:
                HasReportedHold = true;
                World.Say(Name, $"is in doubt: {Hold}");
                break;
            case Does.ReportLost:
                World.Promises.CheckLost(this);
                break;
        }
    }

    protected override void Died(bool keepsMemory)
    {
        switch (State)
        {
            case State.JournalingPrepared:
            case State.Abandoning when !_abandonsRestore:
                World.MayHaveWritten(Journal, JournalEntryKind.Prepared, _attempt.BaseEpoch);
                break;
            case State.JournalingHandBack:
                World.MayHaveWritten(Journal, JournalEntryKind.HandingBack, _attempt.HandBack.Epoch);
                break;
            case State.Resuming when keepsMemory && World.Draw(2) == 0:
                World.Resume(Copy, _attempt.ForDestination.Epoch, Name);
                break;
        }

        if (!keepsMemory)
        {
            World.Drop(Copy, "dies with its process");
        }

        Reset(World.Clock.Now);
        _restoreWaits = false;
        _isSealed = true;
        Enter(State.None);
    }

    protected override void Restart()
    {
        On e = Journal.State.RestartDestination(Copy.IsHere);
        if (e == On.None)
        {
            Enter(Copy.IsActive ? State.RunsHere : State.Discarded);
            if (!Copy.IsActive && Copy.IsHere)
            {
                World.Promises.CheckDiscard(this);
                World.Drop(Copy, "is cleaned up");
            }

            World.Settle(this, _attempt.BaseEpoch);
            return;
        }

        Enter(State.Restarted);
        StartPeriod(2 * World.Options.Timers.Claim, On.RetryPeriodOver);
        Feed(e);
    }

    // A batch is applied once, and never after the copy was sealed: a late one cannot put an old version over a new one.
    private void TakeBatch(in Packet packet)
    {
        if (_isSealed || !Copy.IsHere || !_batches.Add(packet.Batch))
        {
            return;
        }

        uint[] versions = Copy.Versions!;
        for (int i = 0; i < packet.Pages!.Length; i++)
        {
            versions[packet.Pages[i]] = packet.Versions![i];
            _offered.Add(packet.Pages[i]);
        }

        AnswerBarrier();
        TryRestore();
    }

    private void AnswerBarrier()
    {
        if (_barrier is { } barrier && _batches.Count >= barrier.Total)
        {
            _barrier = null;
            World.Network.Send(this, SimulatedMessageKind.RoundAcknowledged, new Packet(barrier.Round, 0, 0, 0, null, null));
        }
    }

    private void TryRestore()
    {
        if (!_restoreWaits || _batches.Count < _prepare.Total)
        {
            return;
        }

        _restoreWaits = false;
        _isSealed = true;
        HostFate fate = World.Faults.Of(SimulatedHostWorkKind.Restore, Side);
        After(World.Options.Costs.Restore + fate.Delay, () =>
        {
            bool complete = !fate.Fails && Copy.IsHere && _batches.Count == _prepare.Total && _offered.Count == World.Options.Guest.Pages;
            if (complete)
            {
                Copy.Versions![World.Options.Guest.Pages] = _prepare.Device;
                Copy.IsComplete = true;
            }

            Answer(complete ? On.RestoreDone : On.RestoreFailed);
        });
    }

    private void EndWaitForPages()
    {
        if (_restoreWaits)
        {
            _restoreWaits = false;
            _isSealed = true;
            Answer(On.RestoreFailed);
        }
    }

    private On Journaled(HostFate fate, JournalEntryKind kind, On done)
    {
        if (!fate.Fails)
        {
            Journal.Append(kind, _attempt.BaseEpoch);
        }

        return fate.Fails || fate.FailsAfterEffect ? On.JournalFailed : done;
    }

    private On Resumed(HostFate fate)
    {
        if (fate.Fails)
        {
            World.PauseGuest(Copy);
            return On.ResumeFailed;
        }

        World.Resume(Copy, _attempt.ForDestination.Epoch, Name);
        return On.GuestResumed;
    }

    // The store first; where it is the authority the journal's entry need only outlive the process. Without a store the
    // entry is the mark.
    private void Mark(OwnershipMark mark, JournalEntryKind entry)
    {
        ulong epoch = _attempt.ForDestination.Epoch;
        if (!World.Options.HasStore)
        {
            BeginHostWork(SimulatedHostWorkKind.Journal, World.Options.Costs.DiskWrite, fate =>
            {
                if (!fate.Fails)
                {
                    Journal.Append(entry, epoch);
                }

                return fate.Fails || fate.FailsAfterEffect ? On.MarkFailed : On.Marked;
            });
            return;
        }

        BeginWork();
        World.Store.Mark(this, epoch, mark, done =>
        {
            if (done)
            {
                Journal.Append(entry, epoch, durable: false);
            }

            Answer(done ? On.Marked : On.MarkFailed);
        });
    }

    private void Create(OwnershipRecord record)
    {
        BeginWork();
        World.Store.Create(this, record, outcome => Answer(outcome switch
        {
            CreateOutcome.Created => On.EpochCreated,
            CreateOutcome.Conflict => On.EpochConflict,
            _ => On.EpochUnknown,
        }));
    }

    private On Meaning((OwnershipRecord Record, OwnershipMark Mark)? seen) => seen is { } found
        ? _attempt.SeenFromDestination(found.Record, found.Record.Epoch > _attempt.BaseEpoch ? found.Mark : OwnershipMark.None)
        : On.RecordUnreadable;
}
