using PageEngine.Fault.Tests.Proxy;
using PageEngine.Ownership;
using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Cells;

// Owns: how a cell may end, by the rules of docs/switchover.md ("When something fails"). Pure: it knows what went wrong,
// which frames arrived, and what the record says, and nothing of how the engine works.

/// <summary>What a host has of the guest at the end: running, held, none, or dead when the host itself is.</summary>
internal readonly record struct Ending(string Source, string Destination)
{
    internal static readonly Ending AtSource = new("running", "none");
    internal static readonly Ending AtDestination = new("none", "running");
    internal static readonly Ending Nowhere = new("none", "none");

    public override string ToString() => $"source {Source}, destination {Destination}";
}

/// <summary>What is known about a cell once everything has settled.</summary>
/// <param name="Delivered">The frames that had arrived, or were still going to, when it went wrong.</param>
/// <param name="Seen">All frames that either side ever sent.</param>
/// <param name="RecordIsSources">Whether the highest epoch is the source's.</param>
/// <param name="Mark">Its mark.</param>
internal sealed record CellFacts(IReadOnlySet<FramePoint> Delivered, IReadOnlySet<FramePoint> Seen, bool RecordIsSources, OwnershipMark Mark)
{
    private static readonly FramePoint _prepare = FramePoint.Switchover(Way.ToDestination, ControlKind.Prepare);
    private static readonly FramePoint _prepared = FramePoint.Switchover(Way.ToSource, ControlKind.Prepared);
    private static readonly FramePoint _running = FramePoint.Switchover(Way.ToSource, ControlKind.Running);

    internal bool PrepareLeft => Seen.Contains(_prepare);

    internal bool IsPrepared => Seen.Contains(_prepared);

    internal bool PreparedArrived => Delivered.Contains(_prepared);

    internal bool HasRun => Seen.Contains(_running);

    internal bool RunningArrived => Delivered.Contains(_running);
}

internal static class Oracle
{
    internal static IReadOnlyList<Ending> Allowed(FaultKind fault, CellFacts facts) => fault switch
    {
        // The guest ran at the destination and the source knew it: that was the end of the migration.
        _ when facts.RunningArrived => [Dead(fault, Ending.AtDestination)],

        // The source commits on the answer, and the destination finds that in the record. Without the answer it takes the
        // guest back, and the prepared copy goes.
        FaultKind.None => [Ending.AtDestination],
        FaultKind.Cut or FaultKind.BlackHole or FaultKind.Corrupt or FaultKind.Truncate or FaultKind.Drop => facts.PreparedArrived ? [Ending.AtDestination] : [Ending.AtSource],

        // What was under way may be lost with the connection, and what a frame caused may still get through before its second
        // copy ends it: the record says which of the two it was.
        FaultKind.Duplicate or FaultKind.Reset or FaultKind.HalfOpen or FaultKind.StoreAway => facts.RecordIsSources
            ? facts.HasRun ? [] : [Ending.AtSource]
            : [Ending.AtDestination],

        // A complete copy claims the guest. An incomplete one never runs: nobody is left.
        FaultKind.KillSource or FaultKind.RestartSource => facts.IsPrepared ? [new("dead", "running")] : [new("dead", "none")],

        // Once the source has granted the guest, only the destination or an operator gives it back. A guest that has run at
        // the destination died there.
        // One that starts again in time frees a source that still waits for it.
        FaultKind.RestartDestination when facts.RecordIsSources => facts.PreparedArrived ? [new("running", "dead"), new("held", "dead")] : [new("running", "dead")],
        FaultKind.KillDestination or FaultKind.RestartDestination => facts.RecordIsSources
            ? [new("running", "dead")]
            : facts.HasRun || facts.Mark == OwnershipMark.Running ? [new("none", "dead")] : [new("held", "dead")],

        FaultKind.PauseSource => facts.IsPrepared ? [Ending.AtDestination] : [Ending.AtSource],
        FaultKind.PauseDestination => facts.RecordIsSources
            ? facts.PreparedArrived ? [] : [Ending.AtSource]
            : [Ending.AtDestination, new("held", "running")],

        // Before PREPARE nobody needs the store. After it nobody may run without it, unless the record was read in time.
        FaultKind.StoreGone when !facts.PrepareLeft => [Ending.AtSource],
        FaultKind.StoreGone => facts.HasRun
            ? [Ending.AtDestination, new("held", "running")]
            : [new("held", facts.IsPrepared ? "held" : "none")],
        _ => throw new ArgumentOutOfRangeException(nameof(fault)),
    };

    /// <summary>Gets how a cell ends once every host lives again and has settled what it left, by the record alone.</summary>
    internal static Ending Recovered(Ending ending, CellFacts facts) => ending switch
    {
        { Source: "running" } => Ending.AtSource,
        { Destination: "running" } => Ending.AtDestination,

        // Both copies are complete: the record says whose it is. Nobody has it yet: the source takes it.
        { Source: "held", Destination: "held" } => facts.RecordIsSources ? Ending.AtSource : Ending.AtDestination,

        // The destination's copy died: it gives the guest back, unless the guest may have run there.
        { Source: "held", Destination: "dead" } => facts.Mark == OwnershipMark.None ? Ending.AtSource : new("held", "none"),
        { Source: "held" } => Ending.AtSource,

        // No copy is left.
        _ => Ending.Nowhere,
    };

    private static Ending Dead(FaultKind fault, Ending ending) => fault switch
    {
        FaultKind.KillSource or FaultKind.RestartSource => ending with { Source = "dead" },
        FaultKind.KillDestination or FaultKind.RestartDestination => ending with { Destination = "dead" },
        _ => ending,
    };
}
