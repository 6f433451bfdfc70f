using System.IO.Pipelines;
using FsCheck;
using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using PageEngine.Bitmaps;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

public class RoundBarrierTests
{
    [Property]
    public void The_barrier_opens_with_the_last_acknowledgement_in_any_order(PositiveInt streamCount, int seed)
    {
        int streams = ((streamCount.Get - 1) % 16) + 1;
        var barrier = new RoundBarrier(3, streams);
        int[] order = [.. Enumerable.Range(0, streams)];
        new System.Random(seed).Shuffle(order);
        foreach (int stream in order)
        {
            Assert.False(barrier.Completion.IsCompleted);
            barrier.Acknowledge(new StreamRoundTotals(3, stream, stream, 1, 9));
        }

        Assert.True(barrier.Completion.IsCompletedSuccessfully);
        foreach (int stream in order)
        {
            barrier.Check(new StreamRoundTotals(3, stream, stream, 1, 9));
            foreach (StreamRoundTotals other in new StreamRoundTotals[] { new(3, stream, stream + 1, 1, 9), new(3, stream, stream, 0, 9), new(3, stream, stream, 1, 8) })
            {
                Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => barrier.Check(other)).Kind);
            }
        }
    }

    [Theory]
    [InlineData(2, 0)]
    [InlineData(4, 0)]
    [InlineData(3, 2)]
    [InlineData(3, -1)]
    [InlineData(3, 1)]
    public void An_acknowledgement_of_another_round_or_stream_or_a_second_one_is_refused(int round, int stream)
    {
        var barrier = new RoundBarrier(3, 2);
        barrier.Acknowledge(new StreamRoundTotals(3, 1, 0, 0, 0));
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => barrier.Acknowledge(new StreamRoundTotals(round, stream, 0, 0, 0))).Kind);
        Assert.False(barrier.Completion.IsCompleted);
    }

    [Fact]
    public async Task A_failure_reaches_whoever_waits()
    {
        var barrier = new RoundBarrier(0, 1);
        var cause = new MigrationException(MigrationErrorKind.ConnectionLost, "gone");
        barrier.Fail(cause);
        Assert.Same(cause, await Assert.ThrowsAsync<MigrationException>(() => barrier.Completion));
    }
}

public class RoundArrivalsTests
{
    private const string Late = "lost when nobody waited";
    [Fact]
    public async Task A_failure_that_comes_after_everybody_gave_up_leaves_no_unobserved_exception()
    {
        using var watch = new UnobservedExceptions();
        await GiveUpAsync();

        // Off the stack that what is to be collected was on.
        await Task.Yield();
        Assert.DoesNotContain(watch.Collect(), e => e.Contains(Late, StringComparison.Ordinal));

        static async Task GiveUpAsync()
        {
            var arrivals = new RoundArrivals(1);
            var barrier = new RoundBarrier(0, 1);
            using var stop = new CancellationTokenSource();
            Task waiting = arrivals.WaitForRoundAsync(0, stop.Token);
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
            arrivals.Fail(new MigrationException(MigrationErrorKind.ConnectionLost, Late));
            barrier.Fail(new MigrationException(MigrationErrorKind.ConnectionLost, Late));
        }
    }

    [Property]
    public void A_round_is_complete_when_every_stream_has_ended_it(PositiveInt streamCount, int seed)
    {
        int streams = ((streamCount.Get - 1) % 6) + 1;
        const int Rounds = 4;
        var random = new System.Random(seed);
        var arrivals = new RoundArrivals(streams);
        Task[] waits = [.. Enumerable.Range(0, Rounds).Select(r => arrivals.WaitForRoundAsync(r, default))];
        int[] next = new int[streams];
        var sums = new StreamRoundTotals[streams];
        while (next.Any(n => n < Rounds))
        {
            int stream = random.Next(streams);
            if (next[stream] == Rounds)
            {
                continue;
            }

            int pages = random.Next(100);
            arrivals.Add(new StreamRoundTotals(next[stream], stream, pages, 1, pages * 4097));
            sums[stream] = new StreamRoundTotals(next[stream]++, stream, sums[stream].DataPages + pages, sums[stream].ZeroPages + 1, 0);
            for (int r = 0; r < Rounds; r++)
            {
                if (next.Min() <= r)
                {
                    Assert.False(waits[r].IsCompleted);
                }
                else
                {
                    Assert.True(arrivals.WaitForRoundAsync(r, default).IsCompletedSuccessfully);
                }
            }
        }

        Task.WaitAll(waits);
        arrivals.Check(sums);
        Assert.Equal(sums.Sum(s => s.DataPages), arrivals.Sum().DataPages);
        sums[^1] = sums[^1] with { DataPages = sums[^1].DataPages + 1 };
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => arrivals.Check(sums)).Kind);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => arrivals.Check([.. sums, default])).Kind);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_repeated_or_skipped_round_is_refused(int round)
    {
        var arrivals = new RoundArrivals(1);
        arrivals.Add(new StreamRoundTotals(0, 0, 1, 0, 1));
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => arrivals.Add(new StreamRoundTotals(round, 0, 1, 0, 1))).Kind);
    }

    [Fact]
    public async Task A_failure_reaches_waits_before_and_after_it()
    {
        var arrivals = new RoundArrivals(1);
        Task before = arrivals.WaitForRoundAsync(0, default);
        arrivals.Fail(new MigrationException(MigrationErrorKind.ConnectionLost, "gone"));
        await Assert.ThrowsAsync<MigrationException>(() => before);
        await Assert.ThrowsAsync<MigrationException>(() => arrivals.WaitForRoundAsync(0, default));
    }
}

public class StreamJoinerTests
{
    private static MigrationConnection Connection() => MigrationConnection.FromPipe(DuplexEnd.Pair().Left, "a stream");

    [Fact]
    public async Task Streams_join_once_with_the_token_and_come_out_in_order()
    {
        var joiner = new StreamJoiner(3);
        Task all = joiner.AllJoinedAsync(default);
        MigrationConnection[] connections = [Connection(), Connection(), Connection()];
        foreach (int i in new[] { 2, 0, 1 })
        {
            Assert.False(all.IsCompleted);
            Assert.False(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, i, Guid.NewGuid()), connections[i]));
            Assert.False(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, i, Guid.Empty), connections[i]));
            Assert.False(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, 3, joiner.Token), connections[i]));
            Assert.True(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, i, joiner.Token), connections[i]));
            Assert.False(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, i, joiner.Token), connections[i]));
        }

        await all;
        Assert.Equal(connections, joiner.Close());
        Assert.Empty(joiner.Close());
    }

    [Fact]
    public void Nobody_joins_after_the_close()
    {
        var joiner = new StreamJoiner(2);
        MigrationConnection first = Connection();
        Assert.True(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, 1, joiner.Token), first));
        Assert.Equal([first], joiner.Close());
        Assert.False(joiner.TryJoin(new ConnectionPreamble(ConnectionPurpose.Pages, 0, joiner.Token), Connection()));
        Assert.NotEqual(joiner.Token, new StreamJoiner(2).Token);
    }
}

public sealed class PeerLivenessTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly Pipe _out = new(new PipeOptions(useSynchronizationContext: false));
    private readonly List<MigrationException> _silent = [];
    private readonly ControlChannel _peer;
    private readonly PeerLiveness _liveness;

    public PeerLivenessTests()
    {
        _liveness = new PeerLiveness(new ControlChannel(new DuplexEnd(new Pipe().Reader, _out.Writer)), _time, Limit, _silent.Add);
        _peer = new ControlChannel(new DuplexEnd(_out.Reader, new Pipe().Writer));
    }

    public void Dispose()
    {
        _liveness.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _peer.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    [Fact]
    public async Task A_sign_of_life_goes_out_every_second()
    {
        for (int i = 0; i < 3; i++)
        {
            _time.Advance(PeerLiveness.Interval);
            Assert.Equal(ControlKind.Ping, (await _peer.ReceiveAsync()).Kind);
        }

        Assert.Empty(_silent);
    }

    [Fact]
    public async Task A_peer_is_silent_only_after_the_limit_and_not_while_it_speaks()
    {
        for (int i = 0; i < 20; i++)
        {
            _time.Advance(PeerLiveness.Interval);
            await _liveness.HeardAsync(new ControlFrame(ControlKind.PauseNotice, default));
        }

        Pass(Limit);
        Assert.Empty(_silent);
        _time.Advance(PeerLiveness.Interval);
        Assert.Equal(MigrationErrorKind.Timeout, Assert.Single(_silent).Kind);
        Assert.Contains("silent", _silent[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_process_that_was_stopped_itself_does_not_blame_its_peer()
    {
        _time.Advance(Limit * 10);
        Assert.Empty(_silent);
        Pass(Limit);
        Assert.Empty(_silent);
        Pass(PeerLiveness.Interval);
        Assert.Single(_silent);
    }

    private void Pass(TimeSpan time)
    {
        for (TimeSpan passed = TimeSpan.Zero; passed < time; passed += PeerLiveness.Interval)
        {
            _time.Advance(PeerLiveness.Interval);
        }
    }

    [Fact]
    public async Task A_ping_is_answered_with_its_number_and_a_pong_measures_the_shortest_round_trip()
    {
        var ping = new PayloadWriter();
        new PingMessage(42).Write(ping);
        await _liveness.HeardAsync(new ControlFrame(ControlKind.Ping, ping.Written.ToArray()));
        ControlFrame answer = await _peer.ReceiveAsync();
        Assert.Equal(ControlKind.Pong, answer.Kind);
        Assert.Equal(42UL, PingMessage.Read(answer.Payload.Span, answer.Kind).Stamp);

        Assert.Equal(TimeSpan.Zero, _liveness.RoundTrip);
        foreach ((int took, int shortest) in new[] { (30, 30), (50, 30), (10, 10) })
        {
            await _liveness.PingAsync();
            byte[] stamp = (await _peer.ReceiveAsync()).Payload.ToArray();
            _time.Advance(TimeSpan.FromMilliseconds(took));
            await _liveness.HeardAsync(new ControlFrame(ControlKind.Pong, stamp));
            Assert.Equal(TimeSpan.FromMilliseconds(shortest), _liveness.RoundTrip);
        }
    }

    [Fact]
    public async Task A_channel_that_cannot_send_is_reported()
    {
        await _out.Reader.CompleteAsync();
        _time.Advance(PeerLiveness.Interval);
        Assert.Equal(MigrationErrorKind.ConnectionLost, Assert.Single(_silent).Kind);
    }

    [Fact]
    public async Task Nothing_fires_after_it_was_disposed()
    {
        await _liveness.DisposeAsync();
        await _out.Reader.CompleteAsync();
        _time.Advance(Limit * 10);
        Assert.Empty(_silent);
    }

    [Fact]
    public async Task A_ping_under_way_reports_nothing_after_it_was_disposed()
    {
        var full = new Pipe(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1, useSynchronizationContext: false));
        var liveness = new PeerLiveness(new ControlChannel(new DuplexEnd(new Pipe().Reader, full.Writer)), _time, Limit, _silent.Add);
        _time.Advance(PeerLiveness.Interval);
        await liveness.DisposeAsync();
        int before = _silent.Count;
        await full.Reader.CompleteAsync();
        await Task.Delay(20);
        Assert.Equal(before, _silent.Count);
    }
}

public class SwitchoverStopwatchTests
{
    [Property]
    public void The_parts_add_up_to_the_blackout(NonNegativeInt[] laps, NonNegativeInt restore, NonNegativeInt read, NonNegativeInt resume)
    {
        var time = new FakeTimeProvider();
        var watch = new SwitchoverStopwatch(time);
        time.Advance(TimeSpan.FromSeconds(1));
        watch.Begin();
        SwitchoverPart[] parts = [SwitchoverPart.Pause, SwitchoverPart.Harvest, SwitchoverPart.StateSave, SwitchoverPart.Harvest, SwitchoverPart.Pages];
        TimeSpan sum = TimeSpan.Zero;
        int i = 0;
        TimeSpan Lap()
        {
            TimeSpan lap = TimeSpan.FromTicks(laps.Length == 0 ? 1 : laps[i++ % laps.Length].Get);
            time.Advance(lap);
            sum += lap;
            return lap;
        }

        foreach (SwitchoverPart part in parts)
        {
            Lap();
            watch.Mark(part);
        }

        Lap();
        watch.Prepared(TimeSpan.FromTicks(restore.Get));
        Lap();
        watch.Mark(SwitchoverPart.Commit);
        TimeSpan last = Lap();
        Assert.Null(watch.Blackout);
        watch.Running(TimeSpan.FromTicks(read.Get), TimeSpan.FromTicks(resume.Get));

        // What the destination does not account for was spent on the way there and back, half of it after the guest ran.
        TimeSpan underWay = (last - TimeSpan.FromTicks(Math.Min((long)read.Get + resume.Get, last.Ticks))) / 2;
        Assert.Equal(sum - underWay, watch.Blackout);
        Assert.Equal(watch.Blackout, watch.Parts.Total);
        Assert.All(
            new[] { watch.Parts.Pause, watch.Parts.Harvest, watch.Parts.StateSave, watch.Parts.Pages, watch.Parts.StateTransfer, watch.Parts.Restore, watch.Parts.Commit, watch.Parts.Resume },
            p => Assert.True(p >= TimeSpan.Zero));
    }

    [Fact]
    public void A_guest_that_is_resumed_here_stood_still_until_then()
    {
        var time = new FakeTimeProvider();
        var watch = new SwitchoverStopwatch(time);
        watch.Begin();
        time.Advance(TimeSpan.FromMilliseconds(3));
        watch.Mark(SwitchoverPart.Pause);
        time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.Equal(TimeSpan.FromMilliseconds(7), watch.SincePause);
        watch.ResumedHere();
        Assert.Equal(TimeSpan.FromMilliseconds(7), watch.Blackout);
        Assert.Equal(watch.Blackout, watch.Parts.Total);
    }
}

public class ProgressTrackerTests
{
    private sealed class Sink : IProgress<MigrationProgress>
    {
        internal List<MigrationProgress> All { get; } = [];

        public void Report(MigrationProgress value) => All.Add(value);
    }

    [Fact]
    public async Task It_tells_ten_times_a_second_and_at_each_phase_and_never_after_the_end()
    {
        var time = new FakeTimeProvider();
        var sink = new Sink();
        var tracker = new ProgressTracker(sink, time, null);
        tracker.Phase(MigrationPhase.PreCopy);
        Assert.Equal(MigrationPhase.PreCopy, Assert.Single(sink.All).Phase);
        using var pending = new DirtyBitmap(100);
        pending.SetAll();
        tracker.RoundBegins(0, 100, pending);
        pending.Clear();
        pending.Set(5);
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(11, sink.All.Count);
        Assert.Equal((0, 100L, 1L), (sink.All[^1].Round, sink.All[^1].RoundPages, sink.All[^1].RoundPagesLeft));
        Assert.Equal(TimeSpan.FromSeconds(1), sink.All[^1].Elapsed);

        tracker.RoundEnds(1000);
        time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal((1000L, 0L), (sink.All[^1].WireBytes, sink.All[^1].RoundPagesLeft));
        Assert.Equal(10_000, sink.All[^1].BytesPerSecond, 1.0);
        await tracker.DisposeAsync();
        int told = sink.All.Count;
        time.Advance(TimeSpan.FromSeconds(5));
        tracker.Phase(MigrationPhase.Complete);
        Assert.Equal(told, sink.All.Count);
    }

    [Fact]
    public async Task The_streams_own_count_is_shown_where_there_is_one()
    {
        var time = new FakeTimeProvider();
        var sink = new Sink();
        long bytes = 7;
        var tracker = new ProgressTracker(sink, time, () => bytes);
        tracker.Phase(MigrationPhase.PreCopy);
        bytes = 8;
        tracker.Phase(MigrationPhase.Pause);
        Assert.Equal([7L, 8L], sink.All.Select(p => p.WireBytes));
        await tracker.DisposeAsync();
    }
}

public class RehearsalTests
{
    // Steps of one rehearsal in microseconds: approach, pause, harvest, barrier, saving, transfer, restoring, commit, resume.
    [Property]
    public void Each_step_is_expected_to_take_the_longer_of_the_last_two_rehearsals_and_half_as_long_again(ushort[] older, ushort[] before, ushort[] last)
    {
        SwitchoverFixedCosts expected = SourceRehearsal.Expect([Costs(older), Costs(before), Costs(last)]);
        TimeSpan[] steps = Steps(expected);
        for (int i = 0; i < steps.Length; i++)
        {
            Assert.Equal(TimeSpan.FromMicroseconds(Math.Max(At(before, i), At(last, i))) * 1.5, steps[i]);
        }

        Assert.Equal(steps[1..].Aggregate(TimeSpan.Zero, (sum, step) => sum + step), expected.Total);
    }

    private static double At(ushort[] steps, int i) => i < steps.Length ? steps[i] : i;

    private static SwitchoverFixedCosts Costs(ushort[] steps)
    {
        TimeSpan Step(int i) => TimeSpan.FromMicroseconds(At(steps, i));
        return new SwitchoverFixedCosts
        {
            Approach = Step(0),
            Pause = Step(1),
            Harvest = Step(2),
            Barrier = Step(3),
            StateSave = Step(4),
            StateTransfer = Step(5),
            Restore = Step(6),
            Commit = Step(7),
            Resume = Step(8),
        };
    }

    private static TimeSpan[] Steps(SwitchoverFixedCosts costs) =>
        [costs.Approach, costs.Pause, costs.Harvest, costs.Barrier, costs.StateSave, costs.StateTransfer, costs.Restore, costs.Commit, costs.Resume];
}
