namespace PageEngine.Simulation.Running;

// Owns: virtual time and what is due when. What is due at the same time happens in the order in which it was scheduled,
// so that a run is the same every time.

internal sealed class VirtualClock
{
    private readonly PriorityQueue<VirtualAct, (long Ticks, long Number)> _queue = new();
    private long _number;

    public TimeSpan Now { get; private set; }

    public void Schedule(TimeSpan at, VirtualAct act) => _queue.Enqueue(act, (Math.Max(at.Ticks, Now.Ticks), _number++));

    /// <summary>Takes the next act that is due by a time, and moves time there.</summary>
    public bool TryTake(TimeSpan until, out VirtualAct act)
    {
        if (!_queue.TryPeek(out act, out (long Ticks, long Number) due) || due.Ticks > until.Ticks)
        {
            return false;
        }

        _queue.Dequeue();
        Now = TimeSpan.FromTicks(due.Ticks);
        return true;
    }
}

/// <summary>Something that is due.</summary>
/// <param name="Owner">The process that does it; null for what no process can stop.</param>
/// <param name="Incarnation">Which life of the process; negative when any life will do.</param>
/// <param name="Act">What.</param>
internal readonly record struct VirtualAct(SimulatedProcess? Owner, int Incarnation, Action Act);
