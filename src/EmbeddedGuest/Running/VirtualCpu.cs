using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.State;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Running;

// Owns: one virtual CPU: its thread, its counters and its pacing. The thread writes the counters; others read them at
// any time and set them only while the gate is closed. The loop allocates nothing. A safe point lies before every
// operation, where all writes of the one before are done and marked.

internal sealed class VirtualCpu
{
    private readonly int _index;
    private readonly RunGate _gate;
    private readonly GuestClock _clock;
    private readonly OperationExecutor _executor;
    private readonly GuestControls _controls;
    private readonly Thread _thread;
    private Counters _counters;
    private Pacer _pacer;
    private ThrottleWindow _throttle;
    private int _seenOpenings;
    private long _allocatedBytes;

    internal VirtualCpu(int index, RunGate gate, GuestClock clock, OperationExecutor executor, GuestControls controls, Pacer pacer)
    {
        _index = index;
        _gate = gate;
        _clock = clock;
        _executor = executor;
        _controls = controls;
        _pacer = pacer;
        _thread = new Thread(Run) { IsBackground = true, Name = $"vcpu {index}" };
    }

    internal long Operations => Volatile.Read(ref _counters.Operations);

    internal long FirstOperationAt => Volatile.Read(ref _counters.FirstOperationAt);

    internal long LongestStallTicks => Volatile.Read(ref _counters.LongestStallTicks);

    /// <summary>Gets what the thread allocated on the managed heap since it was started, as of its last safe point
    /// with a sleep or a pause.</summary>
    internal long AllocatedBytes => Volatile.Read(ref _allocatedBytes);

    /// <summary>Gets the state; only while the gate is closed.</summary>
    internal VirtualCpuState State =>
        new(_counters.Operations, _counters.Chain, _counters.LastOperationAt, _counters.LongestStallTicks);

    /// <summary>Takes a state over; only while the gate is closed. The next operation counts as the first one here.</summary>
    internal void Load(VirtualCpuState state)
    {
        _counters.Operations = state.Operations;
        _counters.Chain = state.Chain;
        _counters.LongestStallTicks = state.LongestStallTicks;
        _counters.LastOperationAt = 0;
        _counters.FirstOperationAt = 0;
    }

    internal void Start() => _thread.Start();

    /// <summary>Waits for the thread's end; the gate has ended.</summary>
    internal void Join() => _thread.Join();

    /// <summary>Does operations on the calling thread, unpaced and untimed: for rehearsal, tests and benchmarks.</summary>
    internal void Step(long operations)
    {
        ExplicitWriteTracer? tracer = _controls.Tracer;
        for (long i = 0; i < operations; i++)
        {
            ExecuteNext(tracer);
        }
    }

    private void Run()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        while (_gate.Enter(_index))
        {
            long sleep = RunInside();
            Volatile.Write(ref _allocatedBytes, GC.GetAllocatedBytesForCurrentThread() - before);
            _gate.Leave(_index);
            if (sleep > 0)
            {
                _clock.Sleep(sleep);
            }
        }
    }

    // Runs until the gate closes (returns 0) or nothing is due (returns how many ticks to sleep).
    private long RunInside()
    {
        long now = _clock.Now();
        if (_seenOpenings != _gate.Openings)
        {
            _seenOpenings = _gate.Openings;
            _pacer.Restart(now);
        }

        ExplicitWriteTracer? tracer = _controls.Tracer;
        while (!_gate.IsClosed)
        {
            double throttle = _controls.ThrottleFraction;
            if (throttle > 0)
            {
                long pause = _throttle.TicksToSleep(now, throttle, _clock.Frequency);
                if (pause > 0)
                {
                    _pacer.Forfeit(now + pause);
                    return pause;
                }
            }

            int due = _pacer.Take(now);
            if (due == 0)
            {
                return _pacer.TicksToWait();
            }

            while (due > 0 && !_gate.IsClosed)
            {
                ExecuteNext(tracer);
                now = _clock.Now();
                Stamp(now);
                due--;
            }

            _pacer.GiveBack(due);
        }

        return 0;
    }

    private void ExecuteNext(ExplicitWriteTracer? tracer)
    {
        long number = _counters.Operations;
        _counters.Chain = _executor.Execute(number, _counters.Chain, tracer);
        Volatile.Write(ref _counters.Operations, number + 1);
    }

    private void Stamp(long now)
    {
        long last = _counters.LastOperationAt;
        _counters.LastOperationAt = now;
        if (last == 0)
        {
            Volatile.Write(ref _counters.FirstOperationAt, now);
        }
        else if (now - last > _counters.LongestStallTicks)
        {
            _counters.LongestStallTicks = now - last;
        }
    }

    // Written with every operation: padded, so that two virtual CPUs never share a pair of cache lines.
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    private struct Counters
    {
        [FieldOffset(128)]
        internal long Operations;

        [FieldOffset(136)]
        internal ulong Chain;

        [FieldOffset(144)]
        internal long LastOperationAt;

        [FieldOffset(152)]
        internal long FirstOperationAt;

        [FieldOffset(160)]
        internal long LongestStallTicks;
    }
}
