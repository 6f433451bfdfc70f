namespace PageEngine.Simulation.Faults;

// Owns: the seam for faults. A fault is data: it holds no state, so that a schedule can be run again and shrunk.

/// <summary>
/// Something that goes wrong. Implementations are immutable records that hold no state of a run: each method looks at
/// what it is given (each kind of thing is counted from 0) and changes the fate that it is handed, or leaves it. Called
/// by one thread, in the order of the run.
/// </summary>
public abstract record SimulationFault
{
    /// <summary>Called once, before the first step: the place to schedule what happens at a given time.</summary>
    public virtual void Begin(ISimulatedSystem system)
    {
    }

    /// <summary>Called for every message when it is sent.</summary>
    public virtual void OnMessage(in SimulatedMessage message, ref MessageFate fate)
    {
    }

    /// <summary>Called for every request to the store when it is made.</summary>
    public virtual void OnStoreRequest(in SimulatedStoreRequest request, ref StoreFate fate)
    {
    }

    /// <summary>Called for every step of a host's own: journal, guest, guards.</summary>
    public virtual void OnHostWork(in SimulatedHostWork work, ref HostFate fate)
    {
    }

    /// <summary>Called before every effect that a side's table asked for.</summary>
    public virtual void OnEffect(in SimulatedEffect effect, ref ProcessFate fate)
    {
    }

    /// <summary>Gets milder forms of this fault, mildest first, for shrinking a failing run.</summary>
    public virtual IEnumerable<SimulationFault> Milder() => [];
}
