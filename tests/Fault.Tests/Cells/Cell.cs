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

    /// <summary>Killed, started again at once, and settling what it finds while the other side still waits.</summary>
    RestartSource,
    RestartDestination,
    PauseSource,
    PauseDestination,

    /// <summary>The store goes away and does not come back while anybody waits for it.</summary>
    StoreGone,

    /// <summary>The store goes away for a second.</summary>
    StoreAway,

    // One piece of what is on its way: a frame, or a byte of the page stream.
    Corrupt,
    Truncate,
    Drop,
    Duplicate,

    /// <summary>The way to the destination is closed, the way back is not.</summary>
    HalfOpen,
}

/// <summary>When it goes wrong.</summary>
internal abstract record Trigger
{
    /// <summary>Gets the part of the migration, for summaries.</summary>
    internal abstract string Part { get; }
}

/// <summary>At a frame of the control connection.</summary>
internal sealed record AtFrame(FramePoint Point, Edge Edge) : Trigger
{
    internal override string Part => Point.Section.ToString().ToLowerInvariant();

    public override string ToString() => $"{Point} {Edge.ToString().ToLowerInvariant()}";
}

/// <summary>At a step that a host takes by itself.</summary>
internal sealed record AtStep(string Host, string Step, Edge Edge) : Trigger
{
    internal override string Part => "steps";

    public override string ToString() => $"{Host} {Step} {Edge.ToString().ToLowerInvariant()}";
}

/// <summary>At a byte of the page stream.</summary>
internal sealed record AtPageByte(long Offset) : Trigger
{
    internal override string Part => "pages";

    public override string ToString() => $"page byte {Offset}";
}

internal sealed record Cell(Trigger At, FaultKind Fault)
{
    public override string ToString() => $"{At}, {Words(Fault)}";

    internal static string Words(FaultKind fault) => fault switch
    {
        FaultKind.Cut => "cut",
        FaultKind.Reset => "reset",
        FaultKind.BlackHole => "black hole",
        FaultKind.KillSource => "kill source",
        FaultKind.KillDestination => "kill destination",
        FaultKind.RestartSource => "restart source",
        FaultKind.RestartDestination => "restart destination",
        FaultKind.PauseSource => "pause source",
        FaultKind.PauseDestination => "pause destination",
        FaultKind.StoreGone => "store gone",
        FaultKind.StoreAway => "store away for a second",
        FaultKind.HalfOpen => "half-open",
        _ => fault.ToString().ToLowerInvariant(),
    };
}
