using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using Xunit;

namespace PageEngine.Transport.Tests.Streams;

/// <summary>Streams of which only some carry pages.</summary>
public sealed class StreamGateTests
{
    private const long Large = StreamGate.MinPages + 1000;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Rounds_large_and_small_arrive_whole()
    {
        using GuestMemory source = TestMemory.Of(Large);
        using GuestMemory destination = TestMemory.Of(Large);
        TestMemory.Fill(source, 3);
        var gate = new StreamGate(4, TimeProvider.System);
        await using StreamRig rig = await StreamRig.StartAsync(source, destination, 4, Connections.TcpAsync, gate: gate);
        rig.Pending.SetAll();
        StreamRoundTotals[] first = await rig.RunRoundAsync();
        Assert.True(first[0].DataPages > 0);
        Assert.InRange(gate.Active, 1, 4);
        for (int round = 0; round < 3; round++)
        {
            for (long page = round; page < Large; page += 500)
            {
                TestMemory.FillPage(source, page, 10 + round);
                rig.Pending.Set(page);
            }

            int active = gate.Active;
            StreamRoundTotals[] small = await rig.RunRoundAsync();
            Assert.All(small.Where(t => t.Stream >= active), t => Assert.Equal(0, t.DataPages));
        }

        await rig.FinishAsync();
        TestMemory.AssertEqual(source, destination);
    }

    [Fact]
    public async Task A_stream_that_waits_for_its_turn_can_be_cancelled()
    {
        using GuestMemory source = TestMemory.Of(Large);
        using GuestMemory destination = TestMemory.Of(Large);
        TestMemory.Fill(source, 3);
        var gate = new StreamGate(3, TimeProvider.System);

        // So slow that nobody but the first has a turn, and that the round would take a minute.
        var pacer = new BandwidthPacer(1 << 20, TimeProvider.System);
        await using StreamRig rig = await StreamRig.StartAsync(source, destination, 3, Connections.TcpAsync, pacer, gate: gate);
        rig.Pending.SetAll();
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rig.RunRoundAsync(cancellationToken: stop.Token)).WaitAsync(_patience);
        Assert.True(rig.Pending.Any());
    }

    [Fact]
    public async Task A_stream_without_a_turn_waits_until_there_is_nothing_to_claim()
    {
        using GuestMemory memory = TestMemory.Of(Large);
        using var pending = new Bitmaps.DirtyBitmap(Large);
        var gate = new StreamGate(2, TimeProvider.System);
        var round = new PageRound(0, memory, pending, null) { DirtyPages = Large };
        using var interrupt = new ManualResetEventSlim();
        gate.Wait(0, round, interrupt); // has its turn: returns
        Task waiting = Task.Run(() => gate.Wait(1, round, interrupt));
        await Task.Delay(50);
        Assert.False(waiting.IsCompleted);
        while (round.TryClaim(out _))
        {
        }

        gate.Wake();
        await waiting.WaitAsync(_patience);
    }
}
