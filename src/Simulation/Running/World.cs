using PageEngine.Ownership;
using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Workloads;
using PageEngine.Switchover;

namespace PageEngine.Simulation.Running;

// Owns: the whole simulated system and its loop. One thread, one seed. After every step every promise is checked.

internal sealed class World : ISimulatedSystem
{
    private static readonly TimeSpan _nextAttemptAfter = TimeSpan.FromMilliseconds(200);
    private readonly List<SimulationTraceEntry> _trace = [];
    private readonly GuestRun _guestRun;
    private readonly Guid _guest;
    private readonly RunId _sourceRun;
    private SimulationRandom _random;
    private TimeSpan? _pausedAt;
    private ulong _fingerprint;

    public World(SimulationOptions options)
    {
        Options = options;
        IsTracing = options.RecordsTrace;
        Mode = options.HasStore ? OwnershipMode.Store : OwnershipMode.NoStore;
        _random = new SimulationRandom(SimulationRandom.Derive(options.Seed, purpose: 2));
        _guest = NewGuid();
        _sourceRun = new RunId(NewGuid());
        Pages = new GuestPages(options.Guest.Pages, options.Guest.ZeroPages, options.Rules.NeverRearms);
        _guestRun = new GuestRun(Pages, SimulationRandom.Derive(options.Seed, purpose: 3));
        Faults = new FaultBoard(options.Faults, Clock, what => Say("fault", what));
        Network = new Network(this);
        Store = new StoreProcess(this, new OwnershipRecord(_guest, 1, _sourceRun, default));
        SourceCopy = new GuestCopy("source", _sourceRun, Pages.FirstCopy()) { IsComplete = true, IsActive = true, Epoch = 1 };
        Promises = new Promises(this);
        LastEpoch = 1;
    }

    public SimulationOptions Options { get; }

    public OwnershipMode Mode { get; }

    public VirtualClock Clock { get; } = new();

    public Network Network { get; }

    public StoreProcess Store { get; }

    public EpochGuard Guard { get; } = new();

    public FaultBoard Faults { get; }

    public GuestPages Pages { get; }

    public GuestCopy SourceCopy { get; }

    public Promises Promises { get; }

    public List<SourceProcess> Sources { get; } = [];

    public List<DestinationProcess> Destinations { get; } = [];

    public SourceProcess Source => Sources[^1];

    public DestinationProcess Destination => Destinations[^1];

    public bool IsTracing { get; }

    public long Steps { get; private set; }

    public SimulationViolation? Violation { get; private set; }

    public ulong LastEpoch { get; private set; }

    public TimeSpan Blackout { get; private set; }

    public ulong Fingerprint => _fingerprint;

    public IReadOnlyList<SimulationTraceEntry> Trace => _trace;

    public TimeSpan Now => Clock.Now;

    public void Run()
    {
        foreach (SimulationFault fault in Options.Faults)
        {
            fault.Begin(this);
        }

        StartAttempt();
        RunUntilQuiet();
        if (Violation is null && Promises.CheckEnd(replayed: false))
        {
            Say("end", "every message is delivered once more");
            Faults.HasCeased = true;
            Network.Replay();
            RunUntilQuiet();
            if (Violation is null)
            {
                Promises.CheckEnd(replayed: true);
            }
        }
    }

    public SimulatedProcess Process(SimulatedSide side, int attempt) =>
        side == SimulatedSide.Source ? Sources[attempt] : Destinations[attempt];

    public void Violate(SimulationPromise promise, string what)
    {
        if (Violation is null)
        {
            Violation = new SimulationViolation(promise, Steps, Clock.Now, what);
            Say("PROMISE", $"{promise} is broken: {what}");
        }
    }

    public void Say(string who, string what)
    {
        if (IsTracing)
        {
            _trace.Add(new SimulationTraceEntry(Steps, Clock.Now, who, what));
        }
    }

    public int Draw(int limit) => _random.Below(limit);

    public string NameOf(RunId run) =>
        run == _sourceRun ? "the source" : Destinations.Find(process => process.Copy.Run == run)?.Name ?? run.ToString();

    public void StaysAtSource(SourceProcess source)
    {
        Say(source.Name, "reports that the guest runs on here");
        if (source == Source && Sources.Count < Options.Attempts)
        {
            source.After(_nextAttemptAfter, () =>
            {
                if (source == Source && SourceCopy.IsActive)
                {
                    StartAttempt();
                }
            });
        }
    }

    /// <summary>Lets every active copy do what it does until now.</summary>
    public void LetGuestRun()
    {
        Run(SourceCopy, Sources.Count > 0 ? 1 - Source.Rounds.Throttle : 1);
        foreach (DestinationProcess destination in Destinations)
        {
            Run(destination.Copy, 1);
        }
    }

    public void PauseGuest(GuestCopy copy)
    {
        if (copy.IsActive)
        {
            LetGuestRun();
            copy.IsActive = false;
            _pausedAt ??= Clock.Now;
            Say("guest", $"stands still on the {copy.Name}");
        }
    }

    public void Resume(GuestCopy copy, ulong epoch, string by)
    {
        LetGuestRun();
        Promises.CheckResume(copy, epoch, by);
        if (Violation is not null)
        {
            return;
        }

        if (!copy.IsActive)
        {
            // However short it runs: from here on no other copy is the guest.
            copy.RanUntil = Clock.Now;
            Pages.ChangeDevices(copy);
            Blackout = _pausedAt is { } paused && Clock.Now - paused > Blackout ? Clock.Now - paused : Blackout;
            _pausedAt = null;
        }

        copy.IsActive = true;
        copy.HasRun = true;
        copy.Epoch = epoch;
        LastEpoch = epoch;
        Say("guest", $"runs on the {copy.Name} under epoch {epoch}");
        Effect(copy);
    }

    public void Drop(GuestCopy copy, string how)
    {
        if (copy.IsHere)
        {
            Say("guest", $"the copy on the {copy.Name} {how}");
            copy.Drop();
        }
    }

    public void RecordCreated(OwnershipRecord record)
    {
        Say("Store", $"epoch {record.Epoch} is created for {NameOf(record.Holder)}");
        foreach (DestinationProcess destination in Destinations)
        {
            destination.Copy.IsDecidedAgainst |= record.Epoch > destination.Identity.BaseEpoch && record.Holder != destination.Copy.Run;
        }
    }

    public void MayHaveWritten(SimulatedJournal journal, JournalEntryKind kind, ulong epoch)
    {
        switch (Draw(3))
        {
            case 0:
                journal.Append(kind, epoch);
                break;
            case 1:
                journal.Tear();
                break;
        }
    }

    public void Settle(SimulatedProcess process, ulong epoch)
    {
        HostFate fate = Faults.Of(SimulatedHostWorkKind.Journal, process.Side);
        if (!fate.Fails)
        {
            process.Journal.Append(JournalEntryKind.Settled, epoch);
        }

        process.Journal.FailedToSettle = fate.Fails;
    }

    public void Crash(SimulatedProcess process, bool keepsMemory, TimeSpan? restartsAfter, bool powerLoss)
    {
        LetGuestRun();
        Faults.Note(Clock.Now + (restartsAfter ?? TimeSpan.Zero), keepsMemory ? "the guest's memory survives" : "the guest's memory is gone");
        bool wasActive = process.Side == SimulatedSide.Source ? SourceCopy.IsActive : ((DestinationProcess)process).Copy.IsActive;
        process.Crash(keepsMemory, powerLoss);
        _pausedAt = wasActive && !keepsMemory ? null : _pausedAt;
        Network.Close(process);
        process.IsDeadForGood = restartsAfter is null;
        if (restartsAfter is { } after)
        {
            Clock.Schedule(Clock.Now + after, new VirtualAct(null, 0, () =>
            {
                Say(process.Name, $"restarts; its journal: {process.Journal}; memory {(MemoryOf(process) ? "here" : "gone")}");
                process.Revive();
            }));
        }
    }

    void ISimulatedSystem.Schedule(TimeSpan after, Action act)
    {
        ArgumentNullException.ThrowIfNull(act);
        ArgumentOutOfRangeException.ThrowIfLessThan(after, TimeSpan.Zero);
        Clock.Schedule(Clock.Now + after, new VirtualAct(null, 0, () =>
        {
            if (!Faults.HasCeased)
            {
                act();
            }
        }));
    }

    void ISimulatedSystem.Crash(SimulatedSide side, bool keepsMemory, TimeSpan? restartsAfter, bool powerLoss)
    {
        if (side == SimulatedSide.Store)
        {
            ((ISimulatedSystem)this).StoreOutage(restartsAfter ?? Options.MaxVirtualTime);
            return;
        }

        SimulatedProcess process = Newest(side);
        if (process.IsAlive && !process.IsOver)
        {
            Say("fault", $"the {process.Name} crashes in {process.StateName}");
            Crash(process, keepsMemory, restartsAfter, powerLoss);
        }
    }

    void ISimulatedSystem.Pause(SimulatedSide side, TimeSpan duration)
    {
        Faults.Note(Clock.Now + duration, $"the {side} stands still for {duration.TotalMilliseconds:0} ms");
        if (side == SimulatedSide.Store)
        {
            Store.Pause(duration);
        }
        else
        {
            Newest(side).PauseUntil(Clock.Now + duration);
        }
    }

    void ISimulatedSystem.Cut()
    {
        Faults.Note(Clock.Now, "the connection is cut");
        Network.Cut(Sources.Count - 1);
    }

    void ISimulatedSystem.BlackHole(TimeSpan duration)
    {
        Faults.Note(Clock.Now + duration, $"every message vanishes for {duration.TotalMilliseconds:0} ms");
        Network.Swallow(duration);
    }

    void ISimulatedSystem.StoreOutage(TimeSpan duration)
    {
        Faults.Note(Clock.Now + duration, $"the store is away for {duration.TotalMilliseconds:0} ms");
        Store.TakeAway(duration);
    }

    void ISimulatedSystem.Cancel(SimulatedSide side)
    {
        SimulatedProcess process = Newest(side);
        Faults.Note(Clock.Now, $"the {process.Name} is asked to cancel");
        process.After(TimeSpan.Zero, process.Cancel);
    }

    private SimulatedProcess Newest(SimulatedSide side) => side == SimulatedSide.Source ? Source : Destination;

    private static bool MemoryOf(SimulatedProcess process) =>
        process is SourceProcess source ? source.Copy.IsHere : ((DestinationProcess)process).Copy.IsHere;

    private void StartAttempt()
    {
        int number = Sources.Count;
        var attempt = new SwitchoverAttempt(_guest, SourceCopy.Epoch, _sourceRun, new RunId(NewGuid()), new AttemptId(NewGuid()));
        Network.Connect();
        string name = number == 0 ? "destination" : $"destination {number + 1}";
        var source = new SourceProcess(this, number, attempt, SourceCopy);
        var destination = new DestinationProcess(this, number, attempt, new GuestCopy(name, attempt.DestinationRun, Pages.EmptyCopy()));
        Sources.Add(source);
        Destinations.Add(destination);
        Say(source.Name, $"begins attempt {number + 1} from epoch {attempt.BaseEpoch}");
        destination.Begin();
        source.Begin();
    }

    private void RunUntilQuiet()
    {
        while (Violation is null && Clock.TryTake(Deadline(), out VirtualAct act))
        {
            if (act.Owner is { } owner)
            {
                if (!owner.IsAlive || (act.Incarnation >= 0 && act.Incarnation != owner.Incarnation))
                {
                    continue;
                }

                if (owner.PausedUntil > Clock.Now)
                {
                    Clock.Schedule(owner.PausedUntil, act);
                    continue;
                }
            }

            if (++Steps > Options.MaxSteps)
            {
                return;
            }

            _fingerprint = SimulationRandom.Scramble(
                _fingerprint + (ulong)Clock.Now.Ticks + ((ulong)(act.Owner?.Side ?? 0) << 56) + (Store.Head.Epoch << 48));
            act.Act();
            Promises.CheckStep();
        }
    }

    // A guest that is copied on runs meanwhile, so that may take its time. From then on there is a bound.
    private TimeSpan Deadline()
    {
        TimeSpan from = Faults.LastAt > SwitchoverBegan ? Faults.LastAt : SwitchoverBegan;
        bool copies = Source.IsAlive && Source.IsCopying;
        return copies || from + Options.Timers.Bound > Options.MaxVirtualTime ? Options.MaxVirtualTime : from + Options.Timers.Bound;
    }

    private TimeSpan SwitchoverBegan { get; set; }

    public void NoteSwitchover() => SwitchoverBegan = Clock.Now;

    private void Run(GuestCopy copy, double speed)
    {
        if (!copy.IsActive || copy.RanUntil >= Clock.Now)
        {
            return;
        }

        _guestRun.Copy = copy;
        _guestRun.Span = (Clock.Now - copy.RanUntil) * speed;
        copy.RanUntil = Clock.Now;
        Options.Guest.Workload.Write(_guestRun);
        _guestRun.Elapsed += _guestRun.Span;
        Pages.ChangeDevices(copy);
        Effect(copy);
    }

    private void Effect(GuestCopy copy)
    {
        if (!Guard.TryTake(copy.Epoch))
        {
            Violate(SimulationPromise.OneEpochHasEffects, $"the guest on the {copy.Name} runs under epoch {copy.Epoch}, and its effects are refused: epoch {Guard.Highest} has effects");
        }
    }

    private Guid NewGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, _random.Next());
        BitConverter.TryWriteBytes(bytes[8..], _random.Next());
        return new Guid(bytes);
    }
}
