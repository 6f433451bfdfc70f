using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Running;

// Owns: the life of one side's process for one attempt: it can die, come back, and stand still. What it scheduled dies
// with it.

internal abstract class SimulatedProcess(World world, SimulatedSide side, int attempt)
{
    protected World World { get; } = world;

    public SimulatedSide Side { get; } = side;

    public int Attempt { get; } = attempt;

    public string Name { get; } = attempt == 0 ? side.ToString() : $"{side} {attempt + 1}";

    public SimulatedJournal Journal { get; } = new();

    public bool IsAlive { get; private set; } = true;

    /// <summary>Gets whether it died and will not come back.</summary>
    public bool IsDeadForGood { get; set; }

    public int Incarnation { get; private set; }

    public TimeSpan PausedUntil { get; private set; }

    public abstract bool HasEnded { get; }

    /// <summary>Gets whether its part is over, journal and all: what happens to its host from then on is not the migration's.</summary>
    public bool IsOver => HasEnded && (Journal.State.IsSettled || Side == SimulatedSide.Source);

    /// <summary>Gets whether it has a timer, work under way, or effects that were not carried out.</summary>
    public abstract bool HasWork { get; }

    /// <summary>Gets why nobody may be running, as its table says; empty for no reason.</summary>
    public abstract string Hold { get; }

    public abstract string StateName { get; }

    public void Crash(bool keepsMemory, bool powerLoss)
    {
        IsAlive = false;
        Incarnation++;
        PausedUntil = default;
        Died(keepsMemory);
        if (powerLoss)
        {
            Journal.LosePower();
        }
    }

    public void Revive()
    {
        IsAlive = true;
        Restart();
    }

    public void PauseUntil(TimeSpan until) => PausedUntil = until > PausedUntil ? until : PausedUntil;

    public void After(TimeSpan delay, Action act) =>
        World.Clock.Schedule(World.Clock.Now + delay, new VirtualAct(this, Incarnation, act));

    public abstract void Receive(SimulatedMessageKind kind, in Packet packet);

    public abstract void LoseConnection();

    public abstract void Cancel();

    /// <summary>Says what becomes of work under way, and of the memory.</summary>
    protected abstract void Died(bool keepsMemory);

    /// <summary>Goes on from the journal.</summary>
    protected abstract void Restart();
}
