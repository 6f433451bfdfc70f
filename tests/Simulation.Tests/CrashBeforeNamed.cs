using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Tests;

/// <summary>A fault as a user would write one: kills a side the first time that it is about to carry out a named effect.</summary>
internal sealed record CrashBeforeNamed(SimulatedSide Side, string Effect, bool KeepsMemory, TimeSpan? RestartsAfter, bool LosesPower = false) : SimulationFault
{
    private int _seen;

    public override void Begin(ISimulatedSystem system) => _seen = 0;

    public override void OnEffect(in SimulatedEffect effect, ref ProcessFate fate)
    {
        if (effect.On == Side && effect.Name == Effect && _seen++ == 0)
        {
            fate.Crashes = true;
            fate.KeepsMemory = KeepsMemory;
            fate.RestartsAfter = RestartsAfter;
            fate.LosesPower = LosesPower;
        }
    }
}
