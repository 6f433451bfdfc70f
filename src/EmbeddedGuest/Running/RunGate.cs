using System.Runtime.CompilerServices;

namespace PageEngine.EmbeddedGuest.Running;

// Owns: who may run. A virtual CPU is inside (it executes operations) or outside (parked, or sleeping between two
// slices: both are safe points). Closing waits until all are outside. The handshake is two flags and two fences: a
// virtual CPU says "inside" and then looks at the gate; the closer shuts the gate and then looks at the virtual CPUs.
// One of them sees the other, so a sleeper need not be woken for a pause.

internal sealed class RunGate(int virtualCpus)
{
    // 128 bytes apart: a pair of cache lines, which the prefetcher moves together.
    private const int Stride = 32;

    /// <summary>About 10 us. An operation takes less, unless its thread has lost its core, perhaps to the closer: then
    /// spinning only keeps it away (2000 spins: a median of 86 us for a pause on a busy machine).</summary>
    private const int SpinsBeforeWait = 250;


    private readonly int[] _inside = new int[(virtualCpus + 1) * Stride];
    private readonly object _parked = new();
    private readonly object _leaving = new();
    private volatile bool _closed = true;
    private volatile bool _ended;
    private volatile int _openings;

    /// <summary>Gets whether virtual CPUs must leave. They look before every operation.</summary>
    internal bool IsClosed => _closed;

    /// <summary>Gets how often the gate was opened: it tells a virtual CPU that time has passed outside.</summary>
    internal int Openings => _openings;

    /// <summary>A virtual CPU waits until it may run and goes inside.</summary>
    /// <returns>False when the guest has ended.</returns>
    internal bool Enter(int virtualCpu)
    {
        ref int inside = ref _inside[(virtualCpu + 1) * Stride];
        while (true)
        {
            // An exchange is a full fence: the gate is read after "inside" can be seen.
            Interlocked.Exchange(ref inside, 1);
            if (!_closed)
            {
                return true;
            }

            Leave(virtualCpu);
            lock (_parked)
            {
                while (_closed && !_ended)
                {
                    Monitor.Wait(_parked);
                }

                if (_ended)
                {
                    return false;
                }
            }
        }
    }

    /// <summary>A virtual CPU goes outside, all its writes done and marked.</summary>
    internal void Leave(int virtualCpu)
    {
        Interlocked.Exchange(ref _inside[(virtualCpu + 1) * Stride], 0);
        if (_closed)
        {
            lock (_leaving)
            {
                Monitor.PulseAll(_leaving);
            }
        }
    }

    /// <summary>Closes the gate and waits until all virtual CPUs are outside.</summary>
    internal void Close()
    {
        _closed = true;
        Interlocked.MemoryBarrier();
        for (int i = 1; i <= virtualCpus; i++)
        {
            ref int inside = ref _inside[i * Stride];
            for (int spins = 0; spins < SpinsBeforeWait && Volatile.Read(ref inside) != 0; spins++)
            {
                Thread.SpinWait(1);
            }

            // Still inside: it lost its core in the middle of an operation. It needs this one to go on.
            lock (_leaving)
            {
                while (Volatile.Read(ref inside) != 0)
                {
                    Monitor.Wait(_leaving);
                }
            }
        }
    }

    /// <summary>Opens the gate.</summary>
    internal void Open()
    {
        lock (_parked)
        {
            _openings++;
            _closed = false;
            Monitor.PulseAll(_parked);
        }
    }

    /// <summary>Closes the gate for good.</summary>
    internal void End()
    {
        Close();
        lock (_parked)
        {
            _ended = true;
            Monitor.PulseAll(_parked);
        }
    }
}
