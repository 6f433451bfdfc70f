using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageBatchDecoderTests
{
    private const int Stream = 1;

    // Pages 0 to 99 in one region, 100 to 149 in another.
    private static readonly MemoryLayout _layout = new([
        new MemoryLayoutRegion(new GuestAddress(0), 100),
        new MemoryLayoutRegion(new GuestAddress(0x10_0000), 50)]);

    private readonly PageBatchDecoder _decoder = new(_layout, Stream);
    private long _sequence;
    private int _round;

    private static PageRun Data(long start, int count) => new(start, count, IsZero: false);

    private static PageRun Zero(long start, int count) => new(start, count, IsZero: true);

    private void Accept(params PageRun[] runs) => Accept(BatchForge.Data(_sequence, _round, Stream, runs), runs);

    private void Accept(in PageBatchHeader header, params PageRun[] runs)
    {
        byte[] head = BatchForge.Head(header, runs);
        _decoder.Accept(PageBatchHeader.Read(head), head);
        _sequence++;
    }

    private void Mark(PageBatchKind kind, long data, long zero, long bytes) =>
        Accept(new PageBatchHeader(kind, _round, Stream, 0, _sequence, data, zero, bytes));

    private static void Refused(string part, Action action)
    {
        MigrationException e = Assert.Throws<MigrationException>(action);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Batches_that_keep_the_rules_are_accepted_and_counted()
    {
        Accept(Data(0, 3), Zero(3, 4), Data(98, 2));
        Accept(Zero(100, 10), Data(149, 1));
        Mark(PageBatchKind.EndOfRound, 6, 14, (6 * 4096) + (3 * 56) + (5 * 8));
        Assert.Equal(new StreamRoundTotals(0, Stream, 6, 14, (6 * 4096) + 168 + 40), _decoder.LastRound);
        _round = 1;
        Accept(Data(1, 1));
        Mark(PageBatchKind.EndOfRound, 1, 0, 4096 + 56 + 8 + 56);
        _round = 2;
        Mark(PageBatchKind.EndOfStream, 7, 14, (7 * 4096) + (6 * 56) + (6 * 8));
        Assert.True(_decoder.Ended);
    }

    [Theory]
    [InlineData(149, 2)]
    [InlineData(150, 1)]
    [InlineData((1L << 40) - 1, 1)]
    [InlineData(0, PageBatchLimits.MaxPagesPerRun)]
    public void Pages_outside_the_layout_are_refused(long start, int count) => Refused("outside", () => Accept(Zero(start, count)));

    [Fact]
    public void Run_across_regions_is_refused() => Refused("crosses", () => Accept(Data(99, 2)));

    [Fact]
    public void Empty_run_is_refused() => Refused("empty", () => Accept(Data(4, 0)));

    [Fact]
    public void Page_that_came_before_in_the_round_is_refused()
    {
        Accept(Data(10, 5));
        Refused("passed", () => Accept(Data(14, 1)));
    }

    [Fact]
    public void Overlap_within_a_batch_is_refused() => Refused("passed", () => Accept(Data(10, 5), Zero(14, 1)));

    [Fact]
    public void Batch_out_of_order_is_refused()
    {
        Accept(Data(0, 1));
        Refused("was due", () => Accept(BatchForge.Data(2, 0, Stream, Data(1, 1)), Data(1, 1)));
    }

    [Fact]
    public void Repeated_batch_is_refused()
    {
        Accept(Data(0, 1));
        Refused("was due", () => Accept(BatchForge.Data(0, 0, Stream, Data(0, 1)), Data(0, 1)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void Batch_of_another_round_is_refused(int round) =>
        Refused("round", () => Accept(BatchForge.Data(0, round, Stream, Data(0, 1)), Data(0, 1)));

    [Fact]
    public void Batch_of_another_stream_is_refused() =>
        Refused("stream 2", () => Accept(BatchForge.Data(0, 0, 2, Data(0, 1)), Data(0, 1)));

    [Fact]
    public void Counts_that_do_not_fit_the_runs_are_refused()
    {
        PageBatchHeader right = BatchForge.Data(0, 0, Stream, Data(0, 2), Zero(2, 1));
        foreach (PageBatchHeader wrong in new[]
        {
            right with { DataPages = 3 },
            right with { ZeroPages = long.MaxValue },
            right with { PayloadBytes = 8191 },
            right with { PayloadBytes = -1 },
        })
        {
            var decoder = new PageBatchDecoder(_layout, Stream);
            byte[] head = BatchForge.Head(wrong, Data(0, 2), Zero(2, 1));
            Refused("header says", () => decoder.Accept(PageBatchHeader.Read(head), head));
        }
    }

    [Fact]
    public void More_pages_than_a_batch_may_have_are_refused()
    {
        var layout = new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), 200_000)]);
        foreach (PageRun[] runs in new PageRun[][] { [Data(0, 1025)], [Data(0, 1024), Data(1024, 1)], [Zero(0, 65_537)] })
        {
            var decoder = new PageBatchDecoder(layout, Stream);
            byte[] head = BatchForge.Head(BatchForge.Data(0, 0, Stream, runs), runs);
            Refused("at most", () => decoder.Accept(PageBatchHeader.Read(head), head));
        }
    }

    [Fact]
    public void Totals_that_do_not_fit_are_refused()
    {
        Accept(Data(0, 1));
        Refused("totals", () => Mark(PageBatchKind.EndOfRound, 2, 0, 4096 + 64 + 56));
    }

    [Fact]
    public void Lost_batch_is_noticed_at_the_end_of_the_round() =>
        Refused("totals", () => Mark(PageBatchKind.EndOfRound, 1, 0, 4096 + 64 + 56));

    [Fact]
    public void End_of_stream_within_a_round_is_refused()
    {
        Accept(Zero(0, 1));
        Refused("in the middle of round 0", () => Mark(PageBatchKind.EndOfStream, 0, 1, 64 + 56));
    }

    [Fact]
    public void Batch_after_the_end_is_refused()
    {
        Mark(PageBatchKind.EndOfStream, 0, 0, 56);
        Refused("follows the end", () => Accept(Data(0, 1)));
    }
}
