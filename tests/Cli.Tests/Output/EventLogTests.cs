using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using PageEngine.Cli.Output;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.Output;

public sealed class EventLogTests : IDisposable
{
    private static readonly DateTimeOffset _at = new(2015, 12, 25, 17, 39, 25, 848, TimeSpan.FromHours(1));

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"pageengine-log-{Guid.NewGuid():N}.log");

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(
        "1451061663105920 S: Stopping pre-copy: only 0 pages left to send",
        "2015-12-25T16:39:25.848Z info 1451061663105920 S: Stopping pre-copy: only 0 pages left to send")]
    [InlineData("Guest started.", "2015-12-25T16:39:25.848Z info 77 D: Guest started.")]
    [InlineData("77 Sheep: not a side", "2015-12-25T16:39:25.848Z info 77 D: 77 Sheep: not a side")]
    [InlineData("two\nlines\r\nand a third", "2015-12-25T16:39:25.848Z info 77 D: two | lines | and a third")]
    public void A_line_has_time_level_id_and_side(string message, string line) =>
        Assert.Equal(line, EventLog.Format(_at, LogLevel.Information, 'D', 77, message, exception: null));

    [Fact]
    public void A_line_before_any_migration_has_a_dash_for_the_id() => Assert.Equal(
        "2015-12-25T16:39:25.848Z warning - D: Listening.", EventLog.Format(_at, LogLevel.Warning, 'D', null, "Listening.", exception: null));

    [Fact]
    public void An_exception_is_part_of_its_line() => Assert.Equal(
        "2015-12-25T16:39:25.848Z error 77 S: Failed. (the cause | and more)",
        EventLog.Format(_at, LogLevel.Error, 'S', 77, "Failed.", new IOException("the cause\nand more")));

    [Fact]
    public void A_file_gets_every_line_and_keeps_what_was_there()
    {
        File.WriteAllText(_path, "before\n");
        FakeTimeProvider time = new(_at);
        using (EventLog log = new(time, 'S', new MigrationWatch(time), new AppendFile(_path), terminal: null))
        {
            log.MigrationId = 77;
            Write(log, LogLevel.Information, "one");
            Write(log, LogLevel.Debug, "not this");
            Write(log, LogLevel.Error, "two");
        }

        Assert.Equal(
            ["before", "2015-12-25T16:39:25.848Z info 77 S: one", "2015-12-25T16:39:25.848Z error 77 S: two"],
            File.ReadAllLines(_path));
    }

    [Fact]
    public void Two_logs_may_share_a_file()
    {
        FakeTimeProvider time = new(_at);
        const int Lines = 2000;
        using (EventLog source = new(time, 'S', new MigrationWatch(time), new AppendFile(_path), terminal: null))
        using (EventLog destination = new(time, 'D', new MigrationWatch(time), new AppendFile(_path), terminal: null))
        {
            Parallel.Invoke(
                () => Repeat(source, Lines),
                () => Repeat(destination, Lines));
        }

        string[] lines = File.ReadAllLines(_path);
        Assert.Equal(2 * Lines, lines.Length);
        Assert.All(lines, l => Assert.Matches("^2015-12-25T16:39:25.848Z info - [SD]: line [0-9]+$", l));
        Assert.Equal(Lines, lines.Count(l => Regex.IsMatch(l, " S: ")));
    }

    [Fact]
    public void A_full_disk_is_remembered_and_stops_nothing()
    {
        FakeTimeProvider time = new(_at);
        EventLog log = new(time, 'S', new MigrationWatch(time), new AppendFile("/dev/full"), terminal: null);
        Write(log, LogLevel.Information, "one");
        log.Dispose();
        Assert.Contains("space", log.WriteError, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_opened_is_an_error_with_a_remedy()
    {
        IOException exception = Assert.Throws<IOException>(() => new AppendFile("/nowhere/at/all.log"));
        Assert.Contains("/nowhere/at/all.log", exception.Message, StringComparison.Ordinal);
        Assert.Contains("Give another file", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void While_the_guest_stands_still_nothing_is_written()
    {
        FakeTimeProvider time = new(_at);
        MigrationWatch watch = new(time);
        watch.Report(Progress(MigrationPhase.Pause));
        using EventLog log = new(time, 'S', watch, new AppendFile(_path), terminal: null);
        Write(log, LogLevel.Information, "in the blackout");
        Thread.Sleep(500);
        Assert.Empty(File.ReadAllText(_path));
        watch.Report(Progress(MigrationPhase.Complete));
        Assert.True(SpinWait.SpinUntil(() => new FileInfo(_path).Length > 0, TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData(MigrationPhase.PreCopy, false)]
    [InlineData(MigrationPhase.Pause, true)]
    [InlineData(MigrationPhase.Prepare, true)]
    [InlineData(MigrationPhase.Commit, true)]
    [InlineData(MigrationPhase.Resume, true)]
    [InlineData(MigrationPhase.Complete, false)]
    public void The_blackout_is_quiet(MigrationPhase phase, bool quiet)
    {
        MigrationWatch watch = new(new FakeTimeProvider(_at));
        watch.Report(Progress(phase));
        Assert.Equal(quiet, watch.MustBeQuiet);
    }

    [Fact]
    public void A_blackout_that_does_not_end_is_not_quiet_for_ever()
    {
        FakeTimeProvider time = new(_at);
        MigrationWatch watch = new(time);
        watch.Report(Progress(MigrationPhase.Pause));
        time.Advance(TimeSpan.FromSeconds(4));
        watch.Report(Progress(MigrationPhase.Commit));
        Assert.True(watch.MustBeQuiet);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(watch.MustBeQuiet);
    }

    private static MigrationProgress Progress(MigrationPhase phase) => new(phase, 1, 10, 5, 4096, 1e6, null, TimeSpan.FromSeconds(1));

    private static void Repeat(EventLog log, int lines)
    {
        for (int i = 0; i < lines; i++)
        {
            Write(log, LogLevel.Information, $"line {i}");
        }
    }

    private static void Write(EventLog log, LogLevel level, string text) =>
        log.Log(level, default, text, exception: null, static (state, _) => state);
}
