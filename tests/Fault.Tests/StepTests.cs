using PageEngine.Fault.Tests.Cells;
using PageEngine.Fault.Tests.Hosts;
using PageEngine.Fault.Tests.Proxy;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Fault.Tests;

// Owns: faults at the steps that a host takes between two frames, where no network shows them.
public class StepTests
{
    private static readonly Cell[] _kills =
    [
        .. Cells("source", FaultKind.KillSource, "stage", "pause", "save", "create", "power-off"),
        .. Cells("destination", FaultKind.KillDestination, "stage", "load", "raise", "mark-resuming", "resume", "mark-running"),
        .. Cells("source", FaultKind.RestartSource, "pause", "create"),
        .. Cells("destination", FaultKind.RestartDestination, "load", "raise", "mark-resuming", "resume"),
    ];

    private static readonly Cell[] _pauses =
    [
        .. Cells("source", FaultKind.PauseSource, "pause", "create"),
        .. Cells("destination", FaultKind.PauseDestination, "load", "raise", "resume"),
    ];

    private static readonly string[] _quick =
    [
        "source pause after, kill source",
        "source create before, kill source",
        "source create after, kill source",
        "destination load before, kill destination",
        "destination raise before, kill destination",
        "destination mark-resuming after, kill destination",
        "destination resume after, kill destination",
        "destination mark-running after, kill destination",
        "source create before, pause source",
        "destination raise before, pause destination",
    ];

    public static TheoryData<string> Kills => Rows(_kills);

    public static TheoryData<string> Pauses => Rows(_pauses);

    [Theory]
    [MemberData(nameof(Kills))]
    public Task Kill_at_a_step_ends_by_the_rules(string row) => RunAsync(_kills, row);

    [Theory]
    [MemberData(nameof(Pauses))]
    public Task Pause_at_a_step_ends_by_the_rules(string row) => RunAsync(_pauses, row);

    [Fact]
    public async Task Guards_that_cannot_be_raised_give_the_guest_back()
    {
        await using var arena = new Arena();
        FaultProcess[] hosts = await Task.WhenAll(arena.StartAsync("source", withGuest: true), arena.StartAsync("destination"));
        await hosts[1].ArmAsync("raise", "before", 0, "fail");
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {arena.ProxyTo(hosts[1]).EndPoint}");
        HostResult source = await hosts[0].NextAsync<HostResult>("result", 0);
        HostResult destination = await hosts[1].NextAsync<HostResult>("result", 0);

        Assert.Equal(("running", "RunningAtSource", 3ul), (source.Guest, source.Whereabouts, source.Epoch));
        Assert.Equal(("none", "RunningAtSource"), (destination.Guest, destination.Whereabouts));
        (OwnershipRecord record, _) = await arena.RecordAsync();
        Assert.Equal(3ul, record.Epoch);
        Assert.Equal(await arena.FirstRunAsync(), record.Holder);
        HostVerified verified = await hosts[0].AskAsync<HostVerified>("verify", "verified");
        Assert.True(verified.IsConsistent, verified.Finding);
        Assert.True(verified.RanOn);

        await hosts[1].DisarmAsync();
        (int first, int second) = (hosts[0].Mark(), hosts[1].Mark());
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {arena.ProxyTo(hosts[1]).EndPoint}");
        Assert.Equal("Completed", (await hosts[0].NextAsync<HostResult>("result", first)).Outcome);
        Assert.Equal(4ul, (await hosts[1].NextAsync<HostResult>("result", second)).Epoch);
        Assert.Empty(arena.Leftovers("source", "destination"));
        arena.CheckEffects();
    }

    private static IEnumerable<Cell> Cells(string host, FaultKind fault, params string[] steps) =>
        steps.SelectMany(step => new[] { new Cell(new AtStep(host, step, Edge.Before), fault), new Cell(new AtStep(host, step, Edge.After), fault) });

    private static TheoryData<string> Rows(Cell[] cells) =>
        [.. cells.Select(cell => cell.ToString()).Where(row => Matrix.Chosen != "quick" || _quick.Contains(row))];

    private static Task RunAsync(Cell[] cells, string row) => CellRun.RunAsync(cells.Single(cell => cell.ToString() == row));
}
