using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: the thread that makes a guest's effects at a guard while the guest runs, one after the other, and their counter.
// An effect's content follows from its number and the guest's seed, so that whoever repeats it sends the same. The
// lock guards all fields; it is never held during an exchange or while the guest is told that it is fenced.

internal sealed class EffectDevice
{
    /// <summary>The longest that a pause waits for an answer. What comes later counts for nothing: the effect is in flight in
    /// the saved state and is repeated.</summary>
    private static readonly TimeSpan _longestStop = TimeSpan.FromMilliseconds(200);

    // After an exchange without an answer.
    private static readonly TimeSpan _retry = TimeSpan.FromMilliseconds(50);

    private readonly Guid _guest;
    private readonly ulong _key;
    private readonly GuardedEffects _guard;
    private readonly Action _fenced;
    private readonly Thread _thread;
    private readonly object _lock = new();
    private EffectState _state;
    private ulong _epoch;
    private long _runs;
    private bool _running;
    private bool _sending;
    private bool _ended;
    private string? _fence;

    internal EffectDevice(Guid guest, ulong seed, GuardedEffects guard, EffectState state, Action fenced)
    {
        _guest = guest;
        _key = Mixer.Mix(seed ^ Mixer.Golden);
        _guard = guard;
        _state = state;
        _fenced = fenced;
        _thread = new Thread(Run) { IsBackground = true, Name = "effects" };
        _thread.Start();
    }

    /// <summary>Gets why this copy of the guest must never run again; null: it may.</summary>
    internal string? Fence => Volatile.Read(ref _fence);

    internal EffectState State
    {
        get
        {
            lock (_lock)
            {
                return _state;
            }
        }
        set
        {
            lock (_lock)
            {
                _state = value;
            }
        }
    }

    internal void Start(ulong epoch)
    {
        lock (_lock)
        {
            _epoch = epoch;
            if (!_running)
            {
                _runs++;
                _running = _fence is null;
            }

            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>No effect begins after this; one may be under way.</summary>
    internal void BeginStop()
    {
        lock (_lock)
        {
            _running = false;
            Monitor.PulseAll(_lock);
        }
    }

    /// <summary>Waits for the one that is under way, but not long.</summary>
    internal void WaitStopped()
    {
        lock (_lock)
        {
            if (_sending)
            {
                Monitor.Wait(_lock, _longestStop);
            }
        }
    }

    /// <summary>Ends the thread, at the latest when the exchange under way is over.</summary>
    internal void End()
    {
        lock (_lock)
        {
            _ended = true;
            _running = false;
            Monitor.PulseAll(_lock);
        }
    }

    internal static ulong Content(ulong key, ulong number) => Mixer.Mix(key ^ Mixer.Mix(number));

    private void Run()
    {
        while (Next(out long run) is { } request)
        {
            GuardAnswer? answer = _guard.Ask(request);
            if (Settle(request, run, answer))
            {
                _fenced();
            }
        }
    }

    private GuardRequest? Next(out long run)
    {
        lock (_lock)
        {
            while (!_running && !_ended)
            {
                Monitor.Wait(_lock);
            }

            run = _runs;
            if (_ended)
            {
                return null;
            }

            ulong number = _state.Done + 1;
            _state = _state with { InFlight = number };
            _sending = true;
            return new GuardRequest(GuardRequestKind.Effect, _guest, _epoch, number, Content(_key, number));
        }
    }

    // Returns whether the guest is fenced from now on.
    private bool Settle(in GuardRequest request, long run, GuardAnswer? answer)
    {
        lock (_lock)
        {
            _sending = false;
            Monitor.PulseAll(_lock);
            switch (answer)
            {
                // A state may have been loaded meanwhile: then the answer is about an effect of before.
                case { Kind: GuardAnswerKind.Accepted or GuardAnswerKind.Already } when _state.InFlight == request.Number:
                    _state = new EffectState(request.Number, 0);
                    break;

                // Of the run that goes on, and of its epoch. A refusal of an earlier one says nothing about this one, and a
                // paused guest may be given a newer epoch: it repeats the effect when it runs, and sees then.
                case { Kind: GuardAnswerKind.RefusedEpoch or GuardAnswerKind.Gap } refusal when _running && run == _runs && request.Epoch == _epoch:
                    _running = false;
                    Volatile.Write(ref _fence, refusal.Kind == GuardAnswerKind.RefusedEpoch
                        ? $"the guard refuses epoch {request.Epoch}: it knows epoch {refusal.Value}, so the guest runs elsewhere"
                        : $"the guard knows another history: its last effect is {refusal.Value}, this copy's next one {request.Number}");
                    return true;
            }

            if (_running)
            {
                Monitor.Wait(_lock, answer is null ? _retry : _guard.Interval);
            }

            return false;
        }
    }
}
