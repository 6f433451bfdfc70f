using PageEngine.Fault.Tests.Cells;
using PageEngine.Fault.Tests.Hosts;
using PageEngine.Fault.Tests.Proxy;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Fault.Tests;

// Owns: what a network does to bytes rather than to connections: frames that change, vanish, come twice or end in the
// middle, page streams that change or break, and links that are only slow.
public class DamageTests
{
    private static readonly FaultKind[] _toFrames = [FaultKind.Corrupt, FaultKind.Truncate, FaultKind.Drop, FaultKind.Duplicate, FaultKind.HalfOpen];

    private static readonly Cell[] _frames =
    [
        .. ExpectedConversation.All
            .Where(point => point.Rehearsal <= 1 && point.Section != Section.Liveness)
            .SelectMany(point => _toFrames.Select(fault => new Cell(new AtFrame(point, Edge.Before), fault))),
    ];

    private static readonly Cell[] _pages =
    [
        // The first bytes of the first batch's head.
        new(new AtPageByte(0), FaultKind.Corrupt),
        new(new AtPageByte(40), FaultKind.Corrupt),
        .. new long[] { 0, 5000, 1 << 20, (8 << 20) + 17, 15 << 20 }
            .SelectMany(offset => new[] { FaultKind.Cut, FaultKind.Reset, FaultKind.BlackHole, FaultKind.KillSource, FaultKind.KillDestination }
                .Select(fault => new Cell(new AtPageByte(offset), fault))),
    ];

    private static readonly string[] _quick =
    [
        "switchover Prepare S>D before, corrupt",
        "switchover Prepared D>S before, truncate",
        "switchover Commit S>D before, drop",
        "switchover Running D>S before, corrupt",
        "switchover Prepared D>S before, duplicate",
        "switchover Commit S>D before, half-open",
        "page byte 40, corrupt",
        "page byte 1048576, cut",
        "page byte 8388625, black hole",
    ];

    public static TheoryData<string> Frames => Rows(_frames);

    public static TheoryData<string> Pages => Rows(_pages);

    [Theory]
    [MemberData(nameof(Frames))]
    public Task Damage_to_a_frame_ends_by_the_rules(string row) => RunAsync(_frames, row);

    [Theory]
    [MemberData(nameof(Pages))]
    public Task Damage_to_a_page_stream_leaves_the_guest_where_it_was(string row) => RunAsync(_pages, row);

    [Theory]
    [InlineData(20, 0)]
    [InlineData(0, 8 << 20)]
    public async Task Slow_link_takes_longer_and_moves_the_guest_all_the_same(int delayMilliseconds, long pageBytesPerSecond)
    {
        await using var arena = new Arena();
        FaultProcess[] hosts = await Task.WhenAll(arena.StartAsync("source", withGuest: true), arena.StartAsync("destination"));
        FaultProxy proxy = arena.ProxyTo(hosts[1]);
        proxy.Delay = TimeSpan.FromMilliseconds(delayMilliseconds);
        proxy.PageBytesPerSecond = pageBytesPerSecond;
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {proxy.EndPoint}");
        HostResult source = await hosts[0].NextAsync<HostResult>("result", 0);
        Assert.True(source.Outcome == "Completed", source.Message);
        Assert.True(source.Identical);
        Assert.Equal("running", (await hosts[1].NextAsync<HostResult>("result", 0)).Guest);
        HostVerified verified = await hosts[1].AskAsync<HostVerified>("verify", "verified");
        Assert.True(verified.IsConsistent, verified.Finding);
        arena.CheckEffects();
    }

    // A page stream has no checksum over what a page holds: a running guest changes it while it is sent. Comparing the
    // memories is what finds damage that the network did not notice.
    [Fact]
    public async Task Damage_to_pages_that_no_checksum_covers_is_found_when_the_memories_are_compared()
    {
        await using var arena = new Arena();
        FaultProcess[] hosts = await Task.WhenAll(arena.StartAsync("source", withGuest: true), arena.StartAsync("destination"));
        FaultProxy proxy = arena.ProxyTo(hosts[1]);
        proxy.OnPages = bytes =>
        {
            // In the first round, in many places: most of these pages are not written again.
            for (long at = 1 << 20; at < 15 << 20; at += 1 << 20)
            {
                if (bytes.Covers(at + 1234))
                {
                    bytes.Bytes.Span[(int)(at + 1234 - bytes.Offset)] ^= 1;
                }
            }

            return ValueTask.CompletedTask;
        };
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {proxy.EndPoint}");
        HostResult source = await hosts[0].NextAsync<HostResult>("result", 0);
        HostResult destination = await hosts[1].NextAsync<HostResult>("result", 0);
        Assert.Equal(("Failed", "DataDamaged", "RunningAtDestination", false), (source.Outcome, source.FailureKind, source.Whereabouts, source.Identical));
        Assert.Equal(false, destination.Identical);
        Assert.Equal("none", source.Guest);
        HostVerified verified = await hosts[1].AskAsync<HostVerified>("verify", "verified");
        Assert.True(verified.Corrupted > 0);
        arena.CheckEffects();
    }

    private static TheoryData<string> Rows(Cell[] cells) =>
        [.. cells.Select(cell => cell.ToString()).Where(row => Matrix.Chosen != "quick" || _quick.Contains(row))];

    private static Task RunAsync(Cell[] cells, string row) => CellRun.RunAsync(cells.Single(cell => cell.ToString() == row));
}
