namespace PageEngine.Simulation.Running;

// Owns: the names of a table's effects, made once: a fault is told one before every effect.

internal static class EffectNames<T>
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> _names = Enum.GetValues<T>().ToDictionary(effect => effect, effect => effect.ToString());

    public static string Of(T effect) => _names[effect];
}
