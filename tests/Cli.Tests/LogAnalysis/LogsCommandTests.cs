using System.IO.Compression;
using System.IO.Pipes;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using PageEngine.Cli.LogAnalysis;
using PageEngine.Cli.Output;
using PageEngine.Cli.Tests.EndToEnd;
using Xunit;

namespace PageEngine.Cli.Tests.LogAnalysis;

// Owns: `logs analyze` as a person and a program see it.
public sealed class LogsCommandTests : IDisposable
{
    private const ulong OlderId = 78343750;

    private const ulong NewerId = 1451061663105920;

    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task The_older_log_gives_the_rounds_and_rates_of_the_table()
    {
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(LogLineParserTests.Sample("older-source.log"))).Migrations);
        Assert.Equal((OlderId, "192.168.1.58", "192.168.1.56", "uptime", "fewModified"), (migration.MigrationId!.Value, migration.SourceAddress, migration.DestinationAddress, migration.Clock, migration.PreCopy!.StoppedBecause));
        Assert.Equal([34_205.0, 2_903, 874], migration.Rounds.Select(r => r.DurationMs!.Value));
        Assert.Equal([null, 38_769L, 9_616L], migration.Rounds.Select(r => r.DirtyPages));
        Assert.Equal([38_769L, 9_616L, 3_872L], migration.Rounds.Select(r => r.LeftPages!.Value));
        Assert.Equal([4.427, 12.939, 17.305], migration.Rounds.Select(r => Math.Round(r.DirtyBytesPerSecond!.Value / (1 << 20), 3)));
        Assert.Equal([52.17, 42.98], migration.Rounds.Skip(1).Select(r => Math.Round(r.TransmitBytesPerSecond!.Value / (1 << 20), 2)));
        Assert.Equal(("unknown", null), (migration.Outcome, migration.Failure));
        Assert.Contains("the end", migration.Missing);
    }

    [Fact]
    public async Task The_newer_log_gives_the_timeline()
    {
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(LogLineParserTests.Sample("newer-source.log"))).Migrations);
        Assert.Equal((NewerId, 2, 2758492L, 1830931L), (migration.MigrationId!.Value, migration.Streams, migration.SourceWorld!.Value, migration.DestinationWorld!.Value));
        Assert.Equal((283.0, 104.0, 948.0), (migration.PreCopy!.DurationMs!.Value, migration.Switchover.StopToSentMs!.Value, migration.Switchover.SentToEndMs!.Value));
        Assert.Equal((0L, 500.0, 52_403_100.0, 524_031L), (migration.PreCopy.RemainingPages!.Value, migration.PreCopy.GoalMs!.Value, migration.PreCopy.T2dPercent!.Value, migration.PreCopy.LastRoundPages!.Value));
        Assert.Equal(2.116 * (1 << 20), migration.PreCopy.BandwidthBytesPerSecond!.Value, 1.0);
        Assert.Null(migration.Switchover.BandwidthBytesPerSecond);
        Assert.Equal("completed", migration.Outcome);
        Assert.Equal("2015-12-25 16:39:25.565Z", migration.StartedAt);
        Assert.Equal((0.0, "opening"), (migration.Timeline[0].SinceStartMs!.Value, migration.Timeline[0].Kind));
        Assert.Equal(3, migration.Timeline.Count(t => t.Kind == "connectionBound"));
    }

    [Fact]
    public async Task A_negative_buffer_size_is_flagged() => Assert.Contains(
        Assert.Single((await AnalyzeAsync(LogLineParserTests.Sample("newer-source.log"))).Migrations).Warnings,
        w => w.Contains("-565184049 bytes", StringComparison.Ordinal));

    [Fact]
    public async Task The_general_failure_message_is_named_and_is_no_cause()
    {
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(LogLineParserTests.Sample("aborted-source.log"))).Migrations);
        Assert.Equal(("failed", "unknown", true), (migration.Outcome, migration.Failure!.Kind, migration.Failure.GeneralMessageLogged));
        Assert.Equal(["0xbad00e0"], migration.Failure.Causes.Select(c => c.Status).OfType<string>());
        Assert.All(migration.Failure.Causes, c => Assert.True(c.IsConsequence));

        Assert.Equal(0, await _host.RunAsync("logs", "analyze", LogLineParserTests.Sample("aborted-source.log"), "--timeline"));
        Assert.Contains("The general failure message was logged, too. It names no cause.", _host.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("most likely", _host.Out, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task The_codes_of_both_sides_become_one_cause()
    {
        // The source only saw that something ended it; the destination names what.
        string source = Write("source.log", "2031-03-02T12:11:10.313Z cpu5:700301)WARNING: Migrate: 270: 1900000000000003 S: Failed: IO was aborted (0xbad00e0) @0x418000000011\n");
        string destination = Write("destination.log", "2031-03-02T12:11:10.400Z cpu5:700301)WARNING: Migrate: 270: 1900000000000003 D: Failed: Maximum switchover time for migration exceeded(0xbad0109) @0x418000000022\n");
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(source, destination)).Migrations);
        Assert.Equal(("timeout", "Maximum switchover time for migration exceeded"), (migration.Failure!.Kind, migration.Failure.Message));
        Assert.Equal([("source", "0xbad00e0"), ("destination", "0xbad0109")], migration.Failure.Causes.Select(c => (c.Side!, c.Status!)));

        // The same status in decimal, as other logs print it.
        Assert.Equal(("timeout", false), FailureCauses.KindOf(195_887_104 + 0x109));
    }

    [Fact]
    public async Task A_failure_of_this_program_keeps_its_kind_and_its_words()
    {
        string log = Write("own.log", Join(
            "2026-11-23T10:33:50.020Z error 77 S: Failed in phase PreCopy, detected by Monitor: NotConverging: 345 pages left: it would take too long.",
            "2026-11-23T10:33:50.022Z info 77 S: Finished: Failed"));
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(log)).Migrations);
        Assert.Equal(("failed", "notConverging"), (migration.Outcome, migration.Failure!.Kind));
        Assert.EndsWith("345 pages left: it would take too long.", migration.Failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Both_hosts_logs_are_one_migration_and_their_clocks_are_compared()
    {
        string source = Write("source.log", Join(
            "2031-03-02T17:00:00.000Z In(182) vmkernel: cpu7:700501 opID=d0000001)Migrate: 314: vmotion: Source vmmLeaderID = 700510, ts = 7180000000000000001, srcIP = <198.51.100.31> dstIP = <198.51.100.32> Dest wid = 700610 using SHARED swap, encrypted",
            "2031-03-02T17:00:09.000Z cpu2:700155)VMotionSend: 4001: 7180000000000000001 S: Sent all modified pages to destination (network bandwidth ~198.500 MB/s)"));
        string destination = Write("destination.log", Join(
            "2031-03-02T19:00:00.004+01:00 In(182) vmkernel: cpu3:700601)Migrate: 314: vmotion: Dest vmmLeaderID = 700610, ts = 7180000000000000001, srcIP = <198.51.100.31> dstIP = <198.51.100.32> Dest wid = 0 using SHARED swap, encrypted",
            "2031-03-02T19:00:05.004+01:00 cpu2:10561)WARNING: FSR: 3282: 7180000000000000001 D: The migration exceeded the maximum switchover time of 100 second(s)."));
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(destination, source)).Migrations);
        Assert.Equal((3_600_004.0, 1000.0, true), (migration.ClockOffset!.DestinationAheadMs, migration.ClockOffset.UncertaintyMs, migration.ClockOffset.Applied));
        Assert.Equal([0.0, 0, 5000, 9000], migration.Timeline.Select(t => t.SinceStartMs!.Value));
        Assert.Equal((700510L, 700610L), (migration.SourceWorld!.Value, migration.DestinationWorld!.Value));
    }

    [Fact]
    public void Messages_both_ways_bound_the_offset()
    {
        static LogEvent Step(string text, int ms) => new() { Kind = LogEventKind.SwitchoverStep, Text = text, Stamp = new LogStamp(LogClock.Utc, ms * TimeSpan.TicksPerMillisecond) };
        LogEvent[] source = [Step("Preparing on LastPassDone", 100_000), Step("Granting on PeerPrepared", 100_010)];
        LogEvent[] destination = [Step("Restoring on PrepareReceived", 103_002), Step("Prepared on PreparedJournaled", 103_006)];

        // At most 3002 by the way there and at least 2996 by the way back, and a millisecond for what stamps cut off.
        ClockOffset offset = ClockOffset.Of(source, destination)!.Value;
        Assert.Equal((2999.0, 4.0, true), (offset.Estimate / 10_000.0, offset.Uncertainty / 10_000.0, offset.IsCertain));
        Assert.Null(ClockOffset.Of(source, []));
    }

    [Fact]
    public async Task Rotated_and_compressed_files_are_read_in_order()
    {
        string[] lines = File.ReadAllLines(LogLineParserTests.Sample("older-source.log"));
        string newest = Write("vmkernel.log", Join(lines[2], lines[3]));
        string oldest = Path.Combine(_host.State, "vmkernel.1.gz");
        using (GZipStream zip = new(File.Create(oldest), CompressionLevel.Fastest))
        {
            zip.Write(Encoding.UTF8.GetBytes(Join(lines[0])));
        }

        string middle = Write("vmkernel.0", Join(lines[1]));
        LogAnalysisDocument document = await AnalyzeAsync(newest, oldest, middle);
        Assert.Equal([oldest, middle, newest], document.Files.Select(f => f.Path));
        Assert.Single(document.Files.Select(f => f.Log).Distinct());
        Assert.Equal([34_205.0, 2_903, 874], Assert.Single(document.Migrations).Rounds.Select(r => r.DurationMs!.Value));
    }

    [Theory]
    [InlineData("/l/vmkernel.log", "/l/vmkernel")]
    [InlineData("/l/vmkernel.log.3", "/l/vmkernel")]
    [InlineData("/l/vmkernel.3.gz", "/l/vmkernel")]
    [InlineData("/l/vmware-12.log", "/l/vmware")]
    [InlineData("/l/vmware.log", "/l/vmware")]
    [InlineData("/l/host-7", "/l/host-7")]
    [InlineData("/l/.log", "/l/.log")]
    [InlineData("/l/vmkernel.log.3.gz", "/l/vmkernel")]
    [InlineData("/l/vmkernel.0", "/l/vmkernel")]
    [InlineData("/l/10.0.0.2", "/l/10.0.0.2")]
    [InlineData("/l/10.0.0.2.log", "/l/10.0.0.2")]
    [InlineData("/l/host-2.log", "/l/host-2")]
    public void Files_of_one_log_are_told_by_their_names(string path, string log) => Assert.Equal(log, LogFile.LogOf(path));

    [Fact]
    public async Task A_log_that_lacks_lines_says_what_it_lacks()
    {
        string[] lines = File.ReadAllLines(LogLineParserTests.Sample("older-source.log"));
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(Write("part.log", Join("something else", lines[2], lines[3][..^20])))).Migrations);
        Assert.Equal(OlderId, migration.MigrationId);
        Assert.Equal([null, 874.0], migration.Rounds.Select(r => r.DurationMs));
        Assert.Contains("the opening line", migration.Missing);
        Assert.Contains("lines about the first rounds", migration.Missing);
        Assert.Contains("the destination's log", migration.Missing);
        Assert.Contains(migration.Warnings, w => w.Contains("cut off", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_that_holds_no_known_line_is_code_5()
    {
        Assert.Equal(5, await _host.RunAsync("logs", "analyze", Write("other.log", "nothing\nof\nthis\n")));
        Assert.Contains("no line of these files is one that a migration writes", _host.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_code_2()
    {
        Assert.Equal(2, await _host.RunAsync("logs", "analyze", Path.Combine(_host.State, "none.log")));
        Assert.Contains("cannot be read", _host.Error, StringComparison.Ordinal);
        Assert.Equal(2, await _host.RunAsync("logs", "analyze", _host.State));
        Assert.Contains("is a directory", _host.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_is_read_once_and_whole()
    {
        string text = Join("Dest wid", File.ReadAllText(LogLineParserTests.Sample("older-source.log")).TrimEnd());
        using Pipe pipe = new(text);
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(pipe.Path)).Migrations);
        Assert.Equal([34_205.0, 2_903, 874], migration.Rounds.Select(r => r.DurationMs!.Value));
    }

    [Fact]
    public async Task One_migration_of_many_can_be_chosen()
    {
        string all = Write("all.log", File.ReadAllText(LogLineParserTests.Sample("older-source.log")) + File.ReadAllText(LogLineParserTests.Sample("newer-source.log")));
        Assert.Equal([OlderId, NewerId], (await AnalyzeAsync(all)).Migrations.Select(m => m.MigrationId!.Value));
        Assert.Equal([NewerId], (await AnalyzeAsync(all, "--id", "1451061663105920")).Migrations.Select(m => m.MigrationId!.Value));
    }

    [Fact]
    public async Task A_growing_log_is_followed_over_its_rotation()
    {
        string[] lines = File.ReadAllLines(LogLineParserTests.Sample("older-source.log"));
        string log = Write("vmkernel.log", Join(lines[0]));
        string json = Path.Combine(_host.State, "followed.json");
        using ProgramRun follow = ProgramRun.Start(_host.State, $"logs analyze --follow {log} --json {json}");
        await follow.PrintedAsync("78343750 is under way since up 1:05:39:48.296");
        File.AppendAllText(log, lines[1][..30]);
        File.AppendAllText(log, lines[1][30..] + "\n");
        await follow.PrintedAsync("78343750  ?: another round, 38,769 pages modified");
        File.Move(log, log + ".1");
        File.WriteAllText(log, Join(lines[2], lines[3]));
        await follow.PrintedAsync("pre-copy stops, 3,872 pages left");
        follow.Signal(ProgramRun.SIGINT);
        Assert.Equal(0, await follow.ExitCodeAsync());
        LogAnalysisDocument document = JsonSerializer.Deserialize(File.ReadAllText(json), JsonContext.Documents.LogAnalysisDocument)!;
        Assert.Equal([34_205.0, 2_903, 874], Assert.Single(document.Migrations).Rounds.Select(r => r.DurationMs!.Value));
    }

    [Fact]
    public async Task The_log_of_a_real_migration_gives_what_its_report_says()
    {
        string json = Path.Combine(_host.State, "report.json");
        string log = Path.Combine(_host.State, "demo.log");
        using ProgramRun demo = ProgramRun.Start(_host.State, $"demo --memory 64MiB --warmup 200ms --run-for 200ms --workload hot:8MiB@50MiB/s --id 77 --json {json} --log {log}");
        int code = await demo.ExitCodeAsync();
        Assert.True(code == 0, demo.Out + demo.Error);
        ReportDocument report = ProgramRun.Report(json);

        // What a side may notice, or not, when the other one leaves.
        string last = File.ReadAllLines(log).Last(line => line.Contains(" 77 D: ", StringComparison.Ordinal));
        File.AppendAllText(log, last[..(last.IndexOf(" 77 D: ", StringComparison.Ordinal) + 7)] + "Detected by the Transport (this side): ConnectionLost: The control connection to the peer was lost.\n");
        LoggedMigrationDocument migration = Assert.Single((await AnalyzeAsync(log)).Migrations, m => m.MigrationId == 77);
        Assert.Equal((report.Outcome, report.Guest.Id, report.MemoryBytes), (migration.Outcome, migration.Guest, migration.MemoryBytes!.Value));
        Assert.Equal(
            report.Rounds.Select(r => (r.Index, r.DirtyPages, r.SentPages, r.ZeroPages, r.WireBytes)),
            migration.Rounds.Select(r => (r.Index, r.DirtyPages!.Value, r.SentPages!.Value, r.ZeroPages!.Value, r.WireBytes!.Value)));
        Assert.All(report.Rounds.Zip(migration.Rounds), pair => Assert.Equal(pair.First.DurationMs, pair.Second.DurationMs!.Value, 0.051));
        Assert.Equal(report.Switchover!.ActualMs, migration.Switchover.BlackoutMs!.Value, 0.001);
        Assert.NotNull(migration.ClockOffset);
        Assert.True(migration.ClockOffset.Events >= 2);
        Assert.Null(migration.Failure);
        Assert.DoesNotContain(migration.Warnings, w => w.Contains("cut off", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_person_reads_one_block_a_migration()
    {
        Assert.Equal(0, await _host.RunAsync("logs", "analyze", LogLineParserTests.Sample("newer-source.log")));
        Assert.Contains("Migration 1451061663105920", _host.Out, StringComparison.Ordinal);
        Assert.Contains("192.168.1.176 to 192.168.1.177", _host.Out, StringComparison.Ordinal);
        Assert.Contains("stopped after 283 ms with 0 pages left, which fit into the goal of 500 ms; network bandwidth 2.1 MiB/s, t2d 52,403,100 %: the last round offered about 524,031 pages", _host.Out, StringComparison.Ordinal);
        Assert.Contains("pre-copy stopped to all pages sent 104 ms, from there to the end 948 ms", _host.Out, StringComparison.Ordinal);
        Assert.Contains("COMPLETED", _host.Out, StringComparison.Ordinal);
        Assert.Matches("17 of 17 lines recognised", _host.Out);
    }

    // The reading end of a pipe that already holds the text, by the name that the kernel gives it.
    private sealed class Pipe : IDisposable
    {
        private readonly SafePipeHandle _reading;

        public Pipe(string text)
        {
            using AnonymousPipeServerStream writing = new(PipeDirection.Out);
            _reading = writing.ClientSafePipeHandle;
            writing.Write(Encoding.UTF8.GetBytes(text));
        }

        public string Path => $"/dev/fd/{_reading.DangerousGetHandle()}";

        public void Dispose() => _reading.Dispose();
    }

    private static string Join(params string[] lines) => string.Concat(lines.Select(l => l + "\n"));

    private string Write(string name, string text)
    {
        string path = Path.Combine(_host.State, name);
        File.WriteAllText(path, text);
        return path;
    }

    private async Task<LogAnalysisDocument> AnalyzeAsync(params string[] arguments)
    {
        string json = Path.Combine(_host.State, "analysis.json");
        Assert.Equal(0, await _host.RunAsync(["logs", "analyze", .. arguments, "--json", json]));
        return JsonSerializer.Deserialize(File.ReadAllText(json), JsonContext.Documents.LogAnalysisDocument)!;
    }
}
