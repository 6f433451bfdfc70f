using PageEngine.Ownership;
using PageEngine.Simulation.Faults;
using PageEngine.Switchover;
using Does = PageEngine.Switchover.SourceEffect;
using On = PageEngine.Switchover.SourceEvent;
using State = PageEngine.Switchover.SourceState;

namespace PageEngine.Simulation.Running;

// Owns: the source's side of one attempt: carries out what the shipped table asks for.

internal sealed class SourceProcess : MachineProcess<State, On, Does>
{
    private readonly SwitchoverAttempt _attempt;
    private ulong _epoch;
    private State _withdrawnFrom;

    public SourceProcess(World world, int number, SwitchoverAttempt attempt, GuestCopy copy)
        : base(world, SimulatedSide.Source, number)
    {
        _attempt = attempt;
        _epoch = attempt.BaseEpoch;
        Copy = copy;
        Rounds = new PreCopyRounds(world, this);
        Enter(State.Copying);
    }

    public GuestCopy Copy { get; }

    public PreCopyRounds Rounds { get; }

    public bool IsCopying => State == State.Copying;

    public override string Hold => SourceSwitchover.HoldOf(State, World.Mode) is var hold and not HoldReason.None ? hold.ToString() : "";

    public HoldReason HoldReason => SourceSwitchover.HoldOf(State, World.Mode);

    protected override On ConnectionLostEvent => On.ConnectionLost;

    protected override On CancelEvent => On.CancelRequested;

    public void Begin()
    {
        StartSignsOfLife();
        Rounds.Begin();
    }

    public void Decided()
    {
        World.NoteSwitchover();
        StartPeriod(2 * World.Options.Timers.Resume, On.RetryPeriodOver);
        Feed(On.SwitchoverDecided);
    }

    public void GivesUp() => Feed(On.AttemptFailed);

    public void TimesOut()
    {
        if (IsCopying)
        {
            Feed(On.PeerTimedOut);
        }
    }

    public override void Receive(SimulatedMessageKind kind, in Packet packet)
    {
        Heard();
        On e = kind switch
        {
            SimulatedMessageKind.Prepared => On.PeerPrepared,
            SimulatedMessageKind.Refused => On.PeerRefused,
            SimulatedMessageKind.Running => On.PeerRunning,
            SimulatedMessageKind.HandedBack => On.PeerHandedBack,
            _ => On.None,
        };
        if (e != On.None)
        {
            Feed(e);
        }
        else if (kind == SimulatedMessageKind.RoundAcknowledged)
        {
            Rounds.Acknowledged(packet.Round);
        }
    }

    protected override Transition<State, Does> Next(State state, On e) => World.Options.Rules.Source(state, e, World.Mode);

    protected override bool IsEnd(State state) => SourceSwitchover.IsEnd(state);

    protected override void Entered(State was)
    {
        if (State == State.Withdrawing)
        {
            _withdrawnFrom = was;
        }
    }

    protected override void Ended()
    {
        Rounds.End();
        World.Network.Close(this);
    }

    protected override void Apply(Does effect)
    {
        SimulatedCosts costs = World.Options.Costs;
        SimulatedTimers timers = World.Options.Timers;
        switch (effect)
        {
            case Does.JournalAttempt:
                BeginHostWork(SimulatedHostWorkKind.Journal, costs.DiskWrite, Journaled);
                break;
            case Does.PauseGuest:
                BeginHostWork(SimulatedHostWorkKind.PauseGuest, costs.Pause, Paused);
                break;
            case Does.RunLastPass:
                BeginWork();
                HostFate collect = World.Faults.Of(SimulatedHostWorkKind.Collect, Side);
                Rounds.RunLastPass(costs.Harvest + collect.Delay, done => Answer(done ? On.LastPassDone : On.LastPassFailed));
                break;
            case Does.StopLocalWork:
                Rounds.StopLastPass();
                break;
            case Does.SendPrepare:
                Say(SimulatedMessageKind.Prepare, new Packet(Rounds.Round, 0, Rounds.Batches, World.Pages.DeviceVersion, null, null));
                break;
            case Does.CreateEpochForDestination:
                Create(_attempt.ForDestination);
                break;
            case Does.CreateEpochForSource:
                Create(_attempt.ForSource);
                break;
            case Does.ReadRecord:
                BeginWork();
                World.Store.Read(this, _attempt.BaseEpoch, OwnershipMark.None, seen => Answer(Meaning(seen)));
                break;
            case Does.SendCommit:
                Say(SimulatedMessageKind.Commit);
                break;
            case Does.SendAbort:
                Say(SimulatedMessageKind.Abort);
                break;
            case Does.ResumeGuestAtBase:
                Resume(_attempt.BaseEpoch);
                break;
            case Does.ResumeGuestAtOwnEpoch:
                Resume(_epoch);
                break;
            case Does.FreeMemory:
                World.Promises.CheckFree(this);
                Begin(costs.Free, () =>
                {
                    World.Drop(Copy, "is freed");
                    return On.MemoryFreed;
                });
                break;
            case Does.StartAnswerTimer or Does.StartRunningTimer:
                StartTimer(timers.Resume, static () => On.PeerTimedOut);
                break;
            case Does.StartRetryTimer:
                StartTimer(timers.Retry, static () => On.RetryDue);
                break;
            case Does.JournalSettled:
                World.Settle(this, _epoch);
                break;
            case Does.ReportHeld:
                HasReportedHold = true;
                World.Say(Name, $"is in doubt: {Hold}");
                break;
            case Does.ReportRunsHere:
                World.StaysAtSource(this);
                break;
            case Does.ReportLost:
                World.Promises.CheckLost(this);
                break;
        }
    }

    protected override void Died(bool keepsMemory)
    {
        State was = State == State.Withdrawing ? _withdrawnFrom : State;
        switch (was)
        {
            case State.Journaling:
                World.MayHaveWritten(Journal, JournalEntryKind.MayBePrepared, _attempt.BaseEpoch);
                break;
            case State.Pausing when Copy.IsActive && World.Draw(2) == 0:
                World.PauseGuest(Copy);
                break;
            case State.ResumingAtBase when keepsMemory && World.Draw(2) == 0:
                World.Resume(Copy, _attempt.BaseEpoch, Name);
                break;
            case State.ResumingAtOwnEpoch when keepsMemory && World.Draw(2) == 0:
                World.Resume(Copy, _epoch, Name);
                break;
        }

        if (!keepsMemory)
        {
            World.Drop(Copy, "dies with its process");
        }

        Reset(World.Clock.Now);
        Rounds.End();
        Enter(State.None);
    }

    protected override void Restart()
    {
        On e = Journal.State.RestartSource(Copy.IsHere);
        if (e == On.None)
        {
            Enter(Copy.IsActive ? State.RunsHere : State.Released);
            return;
        }

        Enter(State.Restarted);
        StartPeriod(2 * World.Options.Timers.Resume, On.RetryPeriodOver);
        Feed(e);
    }

    private On Journaled(HostFate fate)
    {
        if (!fate.Fails)
        {
            Journal.Append(JournalEntryKind.MayBePrepared, _attempt.BaseEpoch);
        }

        return fate.Fails || fate.FailsAfterEffect ? On.JournalFailed : On.AttemptJournaled;
    }

    private On Paused(HostFate fate)
    {
        if (!fate.Fails || World.Draw(2) == 0)
        {
            World.PauseGuest(Copy);
        }

        return fate.Fails ? On.PauseFailed : On.GuestPaused;
    }

    private void Resume(ulong epoch) => BeginHostWork(SimulatedHostWorkKind.ResumeGuest, World.Options.Costs.Resume, fate =>
    {
        if (fate.Fails)
        {
            World.PauseGuest(Copy);
            return On.ResumeFailed;
        }

        World.Resume(Copy, epoch, Name);
        return On.GuestResumed;
    });

    private void Create(OwnershipRecord record)
    {
        BeginWork();
        World.Store.Create(this, record, outcome =>
        {
            _epoch = outcome == CreateOutcome.Created && record.Holder == Copy.Run ? record.Epoch : _epoch;
            Answer(outcome switch
            {
                CreateOutcome.Created => On.EpochCreated,
                CreateOutcome.Conflict => On.EpochConflict,
                _ => On.EpochUnknown,
            });
        });
    }

    private On Meaning((OwnershipRecord Record, OwnershipMark Mark)? seen)
    {
        if (seen is not { } found)
        {
            return On.RecordUnreadable;
        }

        On e = _attempt.SeenFromSource(found.Record, found.Record.Epoch > _attempt.BaseEpoch ? found.Mark : OwnershipMark.None);
        _epoch = e == On.RecordOwn ? found.Record.Epoch : _epoch;
        return e;
    }
}
