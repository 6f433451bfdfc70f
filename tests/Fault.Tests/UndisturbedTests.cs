using PageEngine.Fault.Tests.Cells;
using PageEngine.Fault.Tests.Hosts;
using PageEngine.Fault.Tests.Proxy;
using Xunit;

namespace PageEngine.Fault.Tests;

// Owns: what the harness does when nothing goes wrong. The matrix stands on it.
public class UndisturbedTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public async Task Undisturbed_migration_moves_the_guest_through_the_proxy(int streams, bool dataEndPoint)
    {
        await using var arena = new Arena();
        FaultProcess[] hosts = await Task.WhenAll(
            arena.StartAsync("source", withGuest: true, $"streams={streams}"), arena.StartAsync("destination", false, $"data-end-point={dataEndPoint}"));
        FaultProxy proxy = arena.ProxyTo(hosts[1]);
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {proxy.EndPoint}");
        HostResult source = await hosts[0].NextAsync<HostResult>("result", 0);
        HostResult destination = await hosts[1].NextAsync<HostResult>("result", 0);

        Assert.Equal(("Completed", "none", true), (source.Outcome, source.Guest, source.Identical));
        Assert.Equal(("Completed", "running", true), (destination.Outcome, destination.Guest, destination.Identical));
        HostVerified verified = await hosts[1].AskAsync<HostVerified>("verify", "verified");
        Assert.True(verified.IsConsistent, verified.Finding);
        Assert.True(verified.RanOn);
        Assert.Equal(1 + streams, proxy.Connections);
        Assert.Empty(arena.Leftovers("source", "destination"));
        arena.CheckEffects();
    }

    [Fact]
    public async Task Undisturbed_conversation_is_the_one_that_the_matrix_is_made_of()
    {
        await using var arena = new Arena();
        FaultProcess[] hosts = await Task.WhenAll(arena.StartAsync("source", withGuest: true), arena.StartAsync("destination"));
        FaultProxy proxy = arena.ProxyTo(hosts[1]);
        hosts[1].Tell("receive");
        hosts[0].Tell($"migrate {proxy.EndPoint}");
        await hosts[0].NextAsync<HostResult>("result", 0);
        await hosts[1].NextAsync<HostResult>("result", 0);

        // More rehearsals may come, and more signs of life.
        HashSet<FramePoint> seen = [.. proxy.Conversation.Seen.Where(point =>
            point.Rehearsal <= ExpectedConversation.Rehearsals && (point.Section != Section.Liveness || point.Number == 1))];
        seen.RemoveWhere(point => point.Section == Section.Liveness && !ExpectedConversation.Liveness.Contains(point));
        Assert.Equal(ExpectedConversation.All.Order(Comparer<FramePoint>.Create((a, b) => string.CompareOrdinal(a.ToString(), b.ToString()))).Select(p => p.ToString()),
            seen.Select(p => p.ToString()).Order(StringComparer.Ordinal));
    }
}
