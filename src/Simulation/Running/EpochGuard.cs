namespace PageEngine.Simulation.Running;

// Owns: a guarded resource: it takes effects of the highest epoch that it has heard of and refuses lower ones.

internal sealed class EpochGuard
{
    public ulong Highest { get; private set; } = 1;

    public long Taken { get; private set; }

    public void Raise(ulong epoch) => Highest = Math.Max(Highest, epoch);

    /// <summary>Takes an effect, unless it carries an old epoch.</summary>
    public bool TryTake(ulong epoch)
    {
        if (epoch < Highest)
        {
            return false;
        }

        Highest = epoch;
        Taken++;
        return true;
    }
}
