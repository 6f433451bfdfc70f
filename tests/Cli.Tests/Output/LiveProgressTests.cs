using PageEngine.Cli.Output;
using PageEngine.Planning;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.Output;

public sealed class LiveProgressTests
{
    [Fact]
    public void A_round_shows_its_pages_the_rate_and_the_prediction()
    {
        MigrationProgress progress = new(
            MigrationPhase.PreCopy, 2, 20_000, 5_000, 3L << 30, 1.5 * (1L << 30),
            new SwitchoverPrediction(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(3)), TimeSpan.FromSeconds(4.2));
        string text = Draw(progress, TimeSpan.FromMilliseconds(500), 1.5 * (1L << 30));
        Assert.Matches(@"round 2 █+░+  75 %  15,000 of 20,000 pages", text);
        Assert.Contains("1.5 GiB/s  switchover now: 23 ms (goal 500 ms)  4.2 s", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0, "100 %")]
    [InlineData(10, 10, "0 %")]
    [InlineData(10, 0, "100 %")]
    public void A_round_of_any_size_has_a_share(long pages, long left, string share) => Assert.Contains(
        share, Draw(new MigrationProgress(MigrationPhase.PreCopy, 0, pages, left, 0, 0, null, TimeSpan.Zero), goal: null), StringComparison.Ordinal);

    [Theory]
    [InlineData(MigrationPhase.Handshake, "agreeing")]
    [InlineData(MigrationPhase.Commit, "switching over")]
    [InlineData(MigrationPhase.Complete, "has moved")]
    public void Other_phases_have_words(MigrationPhase phase, string words) => Assert.Contains(
        words, Draw(new MigrationProgress(phase, 0, 0, 0, 0, 0, null, TimeSpan.Zero), goal: null), StringComparison.Ordinal);

    [Fact]
    public void Without_a_terminal_nothing_is_drawn()
    {
        using StringWriter error = new();
        MigrationWatch watch = new(TimeProvider.System);
        using (new LiveProgress(new Host { Out = TextWriter.Null, Error = error }, watch, goal: null, enabled: true))
        {
            watch.Report(new MigrationProgress(MigrationPhase.PreCopy, 0, 10, 5, 0, 0, null, TimeSpan.Zero));
            Thread.Sleep(300);
        }

        Assert.Empty(error.ToString());
    }

    [Fact]
    public void On_a_terminal_the_picture_is_drawn_and_goes_away()
    {
        using StringWriter error = new();
        MigrationWatch watch = new(TimeProvider.System);
        TextWriter synchronized = TextWriter.Synchronized(error);
        using (new LiveProgress(new Host { Out = TextWriter.Null, Error = synchronized, ErrorIsTerminal = true }, watch, goal: null, enabled: true))
        {
            watch.Report(new MigrationProgress(MigrationPhase.PreCopy, 7, 10, 5, 0, 0, null, TimeSpan.Zero));
            Assert.True(SpinWait.SpinUntil(() => Seen().Contains("round 7", StringComparison.Ordinal), TimeSpan.FromSeconds(30)));
        }

        string Seen()
        {
            lock (synchronized)
            {
                return error.ToString();
            }
        }
    }

    [Fact]
    public void The_rate_is_of_pages_between_two_glances_at_one_round()
    {
        CopyRate rate = new();
        rate.Add(Glance(round: 1, left: 1000, seconds: 1));
        Assert.Null(rate.BytesPerSecond);
        rate.Add(Glance(round: 1, left: 600, seconds: 1.5));
        Assert.Equal(400 * 4096 / 0.5, rate.BytesPerSecond);
        rate.Add(Glance(round: 2, left: 1000, seconds: 2));
        Assert.Equal(400 * 4096 / 0.5, rate.BytesPerSecond);
        rate.Add(Glance(round: 2, left: 1000, seconds: 3));
        Assert.Equal(0, rate.BytesPerSecond);

        static MigrationProgress Glance(int round, long left, double seconds) =>
            new(MigrationPhase.PreCopy, round, 1000, left, 0, 0, null, TimeSpan.FromSeconds(seconds));
    }

    private static string Draw(MigrationProgress progress, TimeSpan? goal, double? rate = null)
    {
        using StringWriter writer = new();
        Terminal.ForResults(new Host { Out = writer, Error = TextWriter.Null }).Write(LiveProgress.View(progress, goal, rate));
        return writer.ToString();
    }
}
