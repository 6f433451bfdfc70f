using PageEngine.Fault.Tests.Proxy;
using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Cells;

// Owns: which cells there are, and which of them are run: a representative few always, a random tenth or all on request.

internal static class Matrix
{
    /// <summary>quick (default), middle or all.</summary>
    internal const string Variable = "PAGEENGINE_FAULTS";

    /// <summary>The seed of the middle set; default 1.</summary>
    internal const string SeedVariable = "PAGEENGINE_FAULT_SEED";

    internal static readonly FaultKind[] Faults =
    [
        FaultKind.Cut, FaultKind.Reset, FaultKind.BlackHole, FaultKind.KillSource, FaultKind.KillDestination,
        FaultKind.RestartSource, FaultKind.RestartDestination, FaultKind.PauseSource, FaultKind.PauseDestination, FaultKind.StoreGone, FaultKind.StoreAway,
    ];

    internal static string Chosen => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } chosen ? chosen : "quick";

    /// <summary>Gets every frame boundary, each as the moment before a frame and the moment after it. Of the rehearsals in
    /// between only the one.</summary>
    internal static IEnumerable<(FramePoint Point, Edge Edge)> Boundaries =>
        ExpectedConversation.All.SelectMany(point => point.Rehearsal is > 1 and < ExpectedConversation.Rehearsals || point.Section == Section.Liveness
            ? [(point, Edge.Before)]
            : new[] { (point, Edge.Before), (point, Edge.After) });

    /// <summary>Gets the cells of a fault that the chosen set has.</summary>
    internal static IReadOnlyList<Cell> Of(FaultKind fault) => Chosen switch
    {
        "all" => All(fault),
        "middle" => Shuffled(fault, ulong.Parse(Environment.GetEnvironmentVariable(SeedVariable) ?? "1", System.Globalization.CultureInfo.InvariantCulture)),
        _ => Quick(fault),
    };

    internal static Cell Find(FaultKind fault, string row) => All(fault).Single(cell => cell.ToString() == row);

    internal static IReadOnlyList<Cell> All(FaultKind fault) => [.. Boundaries.Select(b => new Cell(new AtFrame(b.Point, b.Edge), fault))];

    private static IReadOnlyList<Cell> Quick(FaultKind fault)
    {
        FramePoint[] always =
        [
            FramePoint.Switchover(Way.ToDestination, ControlKind.Prepare),
            FramePoint.Switchover(Way.ToSource, ControlKind.Prepared),
            FramePoint.Switchover(Way.ToDestination, ControlKind.Commit),
        ];
        FramePoint[] once = fault switch
        {
            FaultKind.Cut => [FramePoint.Handshake(Way.ToSource, ControlKind.Welcome), FramePoint.Switchover(Way.ToSource, ControlKind.Running)],
            FaultKind.BlackHole => [FramePoint.InRehearsal(1, Way.ToSource, ControlKind.Prepared), FramePoint.Switchover(Way.ToSource, ControlKind.Running)],
            FaultKind.KillSource => [FramePoint.Round(1), FramePoint.InRehearsal(ExpectedConversation.Rehearsals, Way.ToDestination, ControlKind.Commit)],
            FaultKind.KillDestination => [FramePoint.Round(2), FramePoint.Complete(Way.ToSource, ControlKind.Hashes)],
            FaultKind.PauseSource => [FramePoint.Switchover(Way.ToDestination, ControlKind.PauseNotice)],
            FaultKind.PauseDestination => [FramePoint.InRehearsal(1, Way.ToSource, ControlKind.Running)],
            FaultKind.StoreGone => [FramePoint.Handshake(Way.ToDestination, ControlKind.Hello), FramePoint.Round(3)],
            _ => [],
        };
        IEnumerable<FramePoint> points = fault is FaultKind.Reset or FaultKind.StoreAway ? always[1..] : [.. once, .. always];
        return [.. points.Select(point => new Cell(new AtFrame(point, Edge.Before), fault)), new Cell(new AtFrame(always[1], Edge.After), fault)];
    }

    // The same seed gives the same cells on every machine.
    private static IReadOnlyList<Cell> Shuffled(FaultKind fault, ulong seed)
    {
        ulong state = (seed * 0x9E3779B97F4A7C15) ^ ((ulong)fault << 32);
        List<Cell> cells = [.. All(fault)];
        for (int i = cells.Count - 1; i > 0; i--)
        {
            state = (state * 6364136223846793005) + 1442695040888963407;
            int j = (int)((state >> 33) % (ulong)(i + 1));
            (cells[i], cells[j]) = (cells[j], cells[i]);
        }

        return [.. cells.Take(cells.Count / 8)];
    }
}
