using PageEngine.Fault.Tests.Proxy;

namespace PageEngine.Fault.Tests.Cells;

// Owns: one cell of the matrix: where, and what goes wrong there.

internal enum FaultKind
{
    None,
    Cut,
    Reset,
    BlackHole,
    KillSource,
    KillDestination,
    PauseSource,
    PauseDestination,

    /// <summary>The store goes away and does not come back while anybody waits for it.</summary>
    StoreGone,

    /// <summary>The store goes away for a second.</summary>
    StoreAway,
}

internal sealed record Cell(FramePoint Point, Edge Edge, FaultKind Fault)
{
    public override string ToString() => $"{Point} {Edge.ToString().ToLowerInvariant()}, {Words(Fault)}";

    internal static string Words(FaultKind fault) => fault switch
    {
        FaultKind.Cut => "cut",
        FaultKind.Reset => "reset",
        FaultKind.BlackHole => "black hole",
        FaultKind.KillSource => "kill source",
        FaultKind.KillDestination => "kill destination",
        FaultKind.PauseSource => "pause source",
        FaultKind.PauseDestination => "pause destination",
        FaultKind.StoreGone => "store gone",
        FaultKind.StoreAway => "store away for a second",
        _ => "nothing",
    };
}
