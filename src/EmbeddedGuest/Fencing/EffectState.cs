namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: what of a guest's effects travels with it. Immutable.

/// <param name="Done">The number of the last effect that a guard has confirmed; 0: none.</param>
/// <param name="InFlight">The number of the effect that was sent without an answer, Done + 1; 0: none. Whoever runs the
/// guest next repeats it: same number, same content.</param>
internal readonly record struct EffectState(ulong Done, ulong InFlight);
