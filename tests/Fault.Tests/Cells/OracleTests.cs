using PageEngine.Fault.Tests.Proxy;
using PageEngine.Ownership;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Fault.Tests.Cells;

// Owns: that what the matrix expects keeps the rules that stand above all rows, and that its rows are what they are said to be.
public class OracleTests
{
    private static readonly FramePoint[] _path =
    [
        FramePoint.Switchover(Way.ToDestination, ControlKind.Prepare),
        FramePoint.Switchover(Way.ToSource, ControlKind.Prepared),
        FramePoint.Switchover(Way.ToDestination, ControlKind.Commit),
        FramePoint.Switchover(Way.ToSource, ControlKind.Running),
    ];

    [Fact]
    public void Nothing_that_is_allowed_has_the_guest_run_twice() =>
        Assert.All(Everything(), c => Assert.All(Oracle.Allowed(c.Fault, c.Facts), e => Assert.False(e is { Source: "running", Destination: "running" })));

    [Fact]
    public void Incomplete_copy_is_never_allowed_to_run() =>
        Assert.All(Everything().Where(c => !c.Facts.IsPrepared && !c.Facts.HasRun && c.Facts.RecordIsSources), c =>
            Assert.All(Oracle.Allowed(c.Fault, c.Facts), e => Assert.NotEqual("running", e.Destination)));

    [Fact]
    public void Network_that_fails_leaves_exactly_one_running() =>
        Assert.All(Everything().Where(c => c.Fault is FaultKind.Cut or FaultKind.BlackHole or FaultKind.Drop), c =>
            Assert.All(Oracle.Allowed(c.Fault, c.Facts), e => Assert.Single(new[] { e.Source, e.Destination }, "running")));

    [Fact]
    public void Prepared_copy_whose_source_died_always_runs() =>
        Assert.All(Everything().Where(c => c.Fault is (FaultKind.KillSource or FaultKind.RestartSource) && c.Facts.IsPrepared), c =>
            Assert.All(Oracle.Allowed(c.Fault, c.Facts), e => Assert.Equal("running", e.Destination)));

    [Fact]
    public void Restart_never_takes_a_guest_that_runs() =>
        Assert.All(Everything(), c => Assert.All(Oracle.Allowed(c.Fault, c.Facts).Where(e => e.Source == "running" || e.Destination == "running"), e =>
        {
            Ending recovered = Oracle.Recovered(e, c.Facts);
            Assert.Equal((e.Source == "running", e.Destination == "running"), (recovered.Source == "running", recovered.Destination == "running"));
        }));

    [Fact]
    public void Matrix_has_every_boundary_under_every_fault_once()
    {
        string[] rows = [.. Matrix.Faults.SelectMany(Matrix.All).Select(cell => cell.ToString())];
        Assert.Equal(rows.Length, rows.Distinct().Count());
        Assert.Equal(Matrix.Faults.Length * Matrix.Boundaries.Count(), rows.Length);
        Assert.Superset(ExpectedConversation.All.ToHashSet(), Matrix.Boundaries.Select(b => b.Point).ToHashSet());
        Assert.True(rows.Length > 600);
    }

    private static IEnumerable<(FaultKind Fault, CellFacts Facts)> Everything() =>
        from fault in Matrix.Faults.Append(FaultKind.Drop)
        from sent in Enumerable.Range(0, _path.Length + 1)
        from arrived in Enumerable.Range(0, sent + 1)
        from sources in new[] { true, false }
        from mark in Enum.GetValues<OwnershipMark>()
        select (fault, new CellFacts(_path[..arrived].ToHashSet(), _path[..sent].ToHashSet(), sources, mark));
}
