using PageEngine.Simulation.Faults;
using PageEngine.Switchover;

namespace PageEngine.Simulation.Running;

// Owns: how one side drives its table: the state is taken over first, then the effects are carried out in order; at most
// one of them is under way; one timer, which a change of state stops. These are the duties of docs/switchover.md.

internal abstract class MachineProcess<TState, TEvent, TEffect>(World world, SimulatedSide side, int attempt)
    : SimulatedProcess(world, side, attempt)
    where TState : struct, Enum
    where TEvent : struct, Enum
    where TEffect : struct, Enum
{
    private static readonly TimeSpan _tick = TimeSpan.FromTicks(1);
    private readonly Queue<TEffect> _effects = new();
    private bool _effectWasAsked;
    private bool _connectionWasMissing;
    private bool _isUnderWay;
    private int _timer;
    private bool _timerIsArmed;
    private int _period;
    private bool _periodIsArmed;
    private bool _signsOfLife;
    private TimeSpan _lastHeard;

    public TState State { get; private set; }

    public override string StateName => State.ToString();

    public override bool HasEnded => IsEnd(State);

    public override bool HasWork => _timerIsArmed || _periodIsArmed || _isUnderWay || _effects.Count > 0;

    /// <summary>Gets whether this side has reported that it holds.</summary>
    public bool HasReportedHold { get; protected set; }

    /// <summary>Gets when the connection was lost; null while there is one.</summary>
    protected TimeSpan? LostAt { get; private set; }

    public override void LoseConnection()
    {
        LostAt ??= World.Clock.Now;
        Feed(ConnectionLostEvent);
    }

    public override void Cancel() => Feed(CancelEvent);

    protected abstract TEvent ConnectionLostEvent { get; }

    protected abstract TEvent CancelEvent { get; }

    protected abstract Transition<TState, TEffect> Next(TState state, TEvent e);

    protected abstract bool IsEnd(TState state);

    protected abstract void Apply(TEffect effect);

    protected virtual void Entered(TState was)
    {
    }

    protected virtual void Ended()
    {
    }

    protected void Enter(TState state) => State = state;

    /// <summary>Gives an event to the table and carries out what it answers.</summary>
    protected void Feed(TEvent e)
    {
        // It stands still between two effects of an answer: whatever comes waits.
        if (_effects.Count > 0)
        {
            After(_tick, () => Feed(e));
            return;
        }

        Transition<TState, TEffect> answer = Next(State, e);
        if (answer.IsUnexpected)
        {
            World.Violate(SimulationPromise.EveryEventIsExpected, $"the {Name} cannot take {e} in {State}");
            return;
        }

        if (!EqualityComparer<TState>.Default.Equals(State, answer.State))
        {
            if (World.IsTracing)
            {
                World.Say(Name, $"{State} -> {answer.State} on {e}");
            }

            TState was = State;
            State = answer.State;
            _timerIsArmed = World.Options.Rules.LeavesTimers && _timerIsArmed;
            _timer++;
            Entered(was);
        }

        for (int i = 0; i < answer.Count; i++)
        {
            _effects.Enqueue(answer[i]);
        }

        CarryOut();
    }

    protected void StartTimer(TimeSpan after, Func<TEvent> due)
    {
        _timerIsArmed = true;
        int timer = ++_timer;
        After(after, () =>
        {
            if (_timer == timer && _timerIsArmed)
            {
                _timerIsArmed = false;
                Feed(due());
            }
        });
    }

    protected void StartPeriod(TimeSpan after, TEvent over)
    {
        _periodIsArmed = true;
        int period = ++_period;
        After(after, () =>
        {
            if (_period == period && _periodIsArmed)
            {
                _periodIsArmed = false;
                Feed(over);
            }
        });
    }

    /// <summary>Begins what ends in exactly one answer.</summary>
    protected void Begin(TimeSpan duration, Func<TEvent> complete)
    {
        BeginWork();
        After(duration, () => Answer(complete()));
    }

    protected void BeginWork()
    {
        if (_isUnderWay)
        {
            World.Violate(SimulationPromise.EveryEventIsExpected, $"the {Name} begins work in {State} while other work is under way");
        }

        _isUnderWay = true;
    }

    protected void Answer(TEvent e)
    {
        _isUnderWay = false;
        Feed(e);
    }

    /// <summary>Begins work of this host's own, which may fail.</summary>
    protected void BeginHostWork(SimulatedHostWorkKind kind, TimeSpan duration, Func<HostFate, TEvent> complete)
    {
        HostFate fate = World.Faults.Of(kind, Side);
        Begin(duration + fate.Delay, () => complete(fate));
    }

    protected void Say(SimulatedMessageKind kind, in Packet packet = default) =>
        _connectionWasMissing |= !World.Network.Send(this, kind, packet);

    protected void StartSignsOfLife()
    {
        _lastHeard = World.Clock.Now;
        _signsOfLife = true;
        After(World.Options.Timers.SignOfLife, SignOfLife);
    }

    protected void Heard() => _lastHeard = World.Clock.Now;

    protected void Reset(TimeSpan? lostAt)
    {
        _effects.Clear();
        _effectWasAsked = false;
        _connectionWasMissing = false;
        _isUnderWay = false;
        _timerIsArmed = false;
        _periodIsArmed = false;
        _signsOfLife = false;
        LostAt = lostAt;
    }

    private void CarryOut()
    {
        int incarnation = Incarnation;
        while (_effects.TryPeek(out TEffect effect))
        {
            if (!_effectWasAsked && Interrupts(effect))
            {
                return;
            }

            _effectWasAsked = false;
            _effects.Dequeue();
            Apply(effect);
            if (Incarnation != incarnation || World.Violation is not null)
            {
                return;
            }
        }

        if (IsEnd(State))
        {
            _timerIsArmed = World.Options.Rules.LeavesTimers && _timerIsArmed;
            _periodIsArmed = false;
            Ended();
        }

        if (_connectionWasMissing)
        {
            _connectionWasMissing = false;
            Feed(ConnectionLostEvent);
        }
    }

    private bool Interrupts(TEffect effect)
    {
        ProcessFate fate = World.Faults.Before(EffectNames<TEffect>.Of(effect), Side, Attempt);
        if (fate.Crashes && !IsOver)
        {
            World.Say("fault", $"the {Name} crashes before {effect}");
            World.Crash(this, fate.KeepsMemory, fate.RestartsAfter, fate.LosesPower);
            return true;
        }

        if (fate.Pause > TimeSpan.Zero)
        {
            World.Faults.Note(World.Clock.Now + fate.Pause, $"the {Name} stands still before {effect} for {fate.Pause.TotalMilliseconds:0} ms");
            PauseUntil(World.Clock.Now + fate.Pause);
            _effectWasAsked = true;
            After(fate.Pause, CarryOut);
            return true;
        }

        return false;
    }

    private void SignOfLife()
    {
        if (!_signsOfLife || HasEnded || !World.Network.IsConnected(Side, Attempt))
        {
            return;
        }

        if (World.Clock.Now - _lastHeard > World.Options.Timers.Network)
        {
            World.Say(Name, "has heard nothing for too long");
            World.Network.Close(this);
            LoseConnection();
            return;
        }

        World.Network.Send(this, SimulatedMessageKind.SignOfLife);
        After(World.Options.Timers.SignOfLife, SignOfLife);
    }
}
