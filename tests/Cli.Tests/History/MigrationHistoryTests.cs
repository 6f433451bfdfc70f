using System.Diagnostics;
using System.Text.Json;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.History;

public sealed class MigrationHistoryTests : IDisposable
{
    private readonly TestHost _host = new();
    private readonly StateDirectory _directory;
    private readonly MigrationHistory _history;

    public MigrationHistoryTests()
    {
        _directory = new StateDirectory(_host.State);
        _directory.Create();
        _history = new MigrationHistory(_directory);
    }

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task List_of_nothing_says_so()
    {
        Assert.Equal(0, await _host.RunAsync("list"));
        Assert.Equal($"No migrations in {_host.State}.\n", _host.Out.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void A_migration_is_active_until_it_ends_and_then_in_the_history()
    {
        _history.Begin(Reports.Id, "source", Reports.Guest.ToString(), 1L << 30, "127.0.0.1:4444", DateTimeOffset.UnixEpoch);
        HistoryEntry running = Assert.Single(_history.List());
        Assert.Equal((HistoryEntry.Running, Environment.ProcessId), (running.Outcome, running.ProcessId));
        Assert.True(running.BelongsTo("active"));
        Assert.False(running.BelongsTo("history"));

        _history.End(ReportMapping.ToDocument(Reports.Completed()));
        HistoryEntry ended = Assert.Single(_history.List());
        Assert.Equal(("completed", 350.0, 6.4), (ended.Outcome, ended.TotalMs, ended.BlackoutMs));
        Assert.False(ended.BelongsTo("active"));
        Assert.True(ended.BelongsTo("history"));
        Assert.False(ended.BelongsTo("failed"));
        Assert.Empty(Directory.GetFiles(_directory.Active));
    }

    [Fact]
    public void A_marker_of_a_dead_process_is_interrupted()
    {
        using Process process = Process.Start("true")!;
        process.WaitForExit();
        _history.Begin(Marker() with { ProcessId = process.Id, ProcessStartTicks = 1 });
        HistoryEntry entry = Assert.Single(_history.List());
        Assert.Equal(HistoryEntry.Interrupted, entry.Outcome);
        Assert.True(entry.BelongsTo("failed"));
    }

    [Fact]
    public void A_marker_whose_number_another_process_got_is_interrupted()
    {
        _history.Begin(Marker() with { ProcessId = Environment.ProcessId, ProcessStartTicks = 1 });
        Assert.Equal(HistoryEntry.Interrupted, Assert.Single(_history.List()).Outcome);
    }

    [Fact]
    public async Task Both_sides_of_one_migration_are_two_entries_and_the_source_is_shown_first()
    {
        _history.End(ReportMapping.ToDocument(Reports.Completed() with { Role = MigrationRole.Destination }));
        _history.End(ReportMapping.ToDocument(Reports.Completed()));
        Assert.Equal(2, _history.Find(Reports.Id).Count);

        Assert.Equal(0, await _host.RunAsync("show", "1451061663105920"));
        Assert.Contains("Migration 1451061663105920 (source)", _host.Out, StringComparison.Ordinal);
        Assert.Contains("pageengine show 1451061663105920 --role destination", _host.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_shows_a_table_of_what_was_asked_for()
    {
        _history.End(ReportMapping.ToDocument(Reports.Completed()));
        _history.End(ReportMapping.ToDocument(Reports.Failed(MigrationErrorKind.NotConverging) with { MigrationId = 5 }));
        Assert.Equal(0, await _host.RunAsync("list"));
        Assert.Matches(@"(?m)^\s+1451061663105920\s+2015-12-25 16:39:25\s+source\s+3f2b8c1e\s+completed\s+1 GiB\s+350 ms\s+6\.4 ms\s*$", _host.Out);
        Assert.Matches(@"(?m)^\s+5\s+2015-12-25 16:39:25\s+source\s+3f2b8c1e\s+failed: notConverging\s+1 GiB\s+350 ms\s*$", _host.Out);
    }

    [Fact]
    public async Task List_failed_leaves_out_what_went_well()
    {
        _history.End(ReportMapping.ToDocument(Reports.Completed()));
        _history.End(ReportMapping.ToDocument(Reports.Failed(MigrationErrorKind.NotConverging) with { MigrationId = 5 }));
        Assert.Equal(0, await _host.RunAsync("list", "failed", "--json", "-"));
        using JsonDocument json = JsonDocument.Parse(_host.Out);
        JsonElement entry = Assert.Single(json.RootElement.GetProperty("migrations").EnumerateArray().ToArray());
        Assert.Equal(5UL, entry.GetProperty("migrationId").GetUInt64());
        Assert.Equal("notConverging", entry.GetProperty("failureKind").GetString());
    }

    [Fact]
    public async Task Show_writes_the_report_as_json()
    {
        ReportDocument document = ReportMapping.ToDocument(Reports.Completed());
        _history.End(document);
        string path = Path.Combine(_host.State, "shown.json");
        Assert.Equal(0, await _host.RunAsync("show", "1451061663105920", "--json", path));
        Assert.Equal(JsonSerializer.Serialize(document, JsonContext.Documents.ReportDocument) + "\n", File.ReadAllText(path));
        Assert.Empty(_host.Out);
    }

    [Fact]
    public async Task Show_of_an_unknown_id_says_how_to_find_one()
    {
        Assert.Equal(2, await _host.RunAsync("show", "42"));
        Assert.Contains("There is no migration 42", _host.Error, StringComparison.Ordinal);
        Assert.Contains("pageengine list", _host.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_hides_only_itself()
    {
        _history.End(ReportMapping.ToDocument(Reports.Completed()));
        File.WriteAllText(Path.Combine(_directory.History, "7-source.json"), "{ \"migrationId\": ");
        Assert.Equal(0, await _host.RunAsync("list", "history"));
        Assert.Contains("1451061663105920", _host.Out, StringComparison.Ordinal);
    }

    [Fact]
    public void The_newest_come_first()
    {
        for (int i = 0; i < 3; i++)
        {
            MigrationReport report = Reports.Completed();
            _history.End(ReportMapping.ToDocument(report with { MigrationId = (ulong)(10 + i), StartedAt = report.StartedAt.AddHours(i % 2 == 0 ? i : -i) }));
        }

        Assert.Equal([12UL, 10UL, 11UL], _history.List().Select(e => e.MigrationId));
    }

    [Fact]
    public void Own_process_has_a_start_time_and_a_name_with_brackets_does_not_confuse()
    {
        Assert.NotNull(ProcessIdentity.StartTicks(Environment.ProcessId));
        Assert.Equal(22, ProcessIdentity.ParseStartTicks("1 (a) b) S) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23"));
        Assert.Null(ProcessIdentity.ParseStartTicks("nonsense"));
    }

    [Theory]
    [InlineData("/given", "/xdg", "/home/u", true, "/given")]
    [InlineData(null, "/xdg", "/home/u", true, "/var/lib/pageengine")]
    [InlineData(null, "/xdg", "/home/u", false, "/xdg/pageengine")]
    [InlineData(null, "relative", "/home/u", false, "/home/u/.local/state/pageengine")]
    [InlineData("", "", "/home/u", false, "/home/u/.local/state/pageengine")]
    public void The_state_directory_follows_the_environment(string? given, string? xdg, string home, bool root, string expected)
    {
        StateDirectory directory = StateDirectory.Choose(
            name => name switch { "PAGEENGINE_STATE" => given, "XDG_STATE_HOME" => xdg, "HOME" => home, _ => null }, root);
        Assert.Equal(expected, directory.Root);
    }

    [Fact]
    public void A_state_directory_that_cannot_be_made_is_refused_with_a_remedy()
    {
        MigrationException exception = Assert.Throws<MigrationException>(() => new StateDirectory("/proc/nowhere").Create());
        Assert.Equal(MigrationErrorKind.Refused, exception.Kind);
        Assert.Contains("PAGEENGINE_STATE", exception.Message, StringComparison.Ordinal);
    }

    private static ActiveMarker Marker() => new()
    {
        MigrationId = Reports.Id,
        Role = "source",
        GuestId = Reports.Guest.ToString(),
        MemoryBytes = 1L << 30,
        Peer = "p",
        StartedAt = DateTimeOffset.UnixEpoch,
        ProcessId = 1,
        ProcessStartTicks = 1,
    };
}
