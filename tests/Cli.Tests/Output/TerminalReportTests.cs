using PageEngine.Cli.Output;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.Output;

public sealed class TerminalReportTests
{
    private static readonly GuestFindings _findings = new() { Consistent = true, Operations = 1_234_567, LostOperations = 0, RepeatedOperations = 0 };

    [Fact]
    public void A_completed_migration_can_be_read_at_a_glance()
    {
        string text = Draw(ReportMapping.ToDocument(Reports.Completed(), _findings, TimeSpan.FromMilliseconds(6.25), TimeSpan.FromMilliseconds(6.2)));
        Assert.Contains("Migration 1451061663105920 (source) of guest 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e", text, StringComparison.Ordinal);
        Assert.Contains("1 GiB of memory, 2 streams, kernel tracer, peer 127.0.0.1:4444", text, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^\s+0\s+262,144\s+41,289\s+220,855\s+162\.3 MiB\s+100 ms\s+1\.6 GiB/s\s+195\.3 MiB/s\s+5,243 %", text);
        Assert.Matches(@"(?m)^\s+send 812 pages\s+2\.1 ms\s+2\.3 ms", text);
        Assert.Matches(@"(?m)^\s+everything else\s+4 ms\s+4\.1 ms", text);
        Assert.Matches(@"(?m)^\s+blackout\s+6\.1 ms\s+6\.4 ms\s+within the goal of 500 ms", text);
        Assert.Matches(@"(?m)^memory\s+identical, 262,144 pages compared", text);
        Assert.Matches(@"(?m)^guest\s+consistent, 1,234,567 operations, 0 lost, 0 repeated", text);
        Assert.Matches(@"(?m)^the guest saw\s+6\.2 ms at the switchover, longest stall otherwise 6\.3 ms", text);
        Assert.EndsWith(
            "OK The guest runs at the destination after 350 ms with a blackout of 6.4 ms: memory identical, nothing lost, nothing done twice.",
            text.TrimEnd(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_stream_that_is_no_terminal_gets_no_escape_codes_and_no_blanks_at_the_ends_of_sentences()
    {
        string text = Draw(ReportMapping.ToDocument(Reports.Completed(), _findings));
        Assert.DoesNotContain("\u001b", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\r", text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void A_terminal_gets_colours_unless_the_user_wants_none(bool colors, bool escapes)
    {
        using StringWriter writer = new();
        Host host = new() { Out = writer, Error = TextWriter.Null, OutIsTerminal = true, Colors = colors };
        TerminalReport.Write(Terminal.ForResults(host), ReportMapping.ToDocument(Reports.Completed(), _findings));
        Assert.Equal(escapes, writer.ToString().Contains("\u001b[1;32mOK", StringComparison.Ordinal));
    }

    [Fact]
    public void A_blackout_over_the_goal_says_so()
    {
        MigrationReport report = Reports.Completed();
        report = report with { Switchover = report.Switchover! with { Goal = TimeSpan.FromMilliseconds(6) } };
        Assert.Contains("over the goal of 6 ms", Draw(ReportMapping.ToDocument(report)), StringComparison.Ordinal);
    }

    [Fact]
    public void Markup_in_a_message_is_text()
    {
        MigrationReport report = Reports.Failed(MigrationErrorKind.ConnectionLost);
        report = report with { Peer = "[::1]:4444", Failure = report.Failure! with { Message = "Lost [red]it[/] at [::1]:4444." } };
        string text = Draw(ReportMapping.ToDocument(report));
        Assert.Contains("peer [::1]:4444", text, StringComparison.Ordinal);
        Assert.Contains("FAILED The migration failed; the guest runs on at the source. Lost [red]it[/] at [::1]:4444.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_message_is_not_cut_to_the_width_of_a_terminal_that_is_not_there()
    {
        MigrationReport report = Reports.Failed(MigrationErrorKind.NotConverging);
        string message = string.Join(' ', Enumerable.Repeat("word", 100)) + ".";
        report = report with { Failure = report.Failure! with { Message = message } };
        Assert.Contains(message, Draw(ReportMapping.ToDocument(report)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(MigrationOutcome.Cancelled, GuestWhereabouts.RunningAtSource, "CANCELLED", "runs on at the source")]
    [InlineData(MigrationOutcome.Failed, GuestWhereabouts.RunningAtSource, "FAILED", "runs on at the source")]
    [InlineData(MigrationOutcome.Failed, GuestWhereabouts.Lost, "LOST", "no complete copy")]
    [InlineData(MigrationOutcome.Failed, GuestWhereabouts.Held, "HELD", "is held")]
    [InlineData(MigrationOutcome.InDoubt, GuestWhereabouts.Held, "IN DOUBT", "is held")]
    public void The_verdict_says_where_the_guest_is(MigrationOutcome outcome, GuestWhereabouts guest, string mark, string words)
    {
        MigrationReport report = Reports.Failed(MigrationErrorKind.ConnectionLost, guest: guest) with { Outcome = outcome };
        (string actualMark, _, string sentence) = TerminalReport.Verdict(ReportMapping.ToDocument(report));
        Assert.Equal(mark, actualMark);
        Assert.Contains(words, sentence, StringComparison.Ordinal);
        Assert.Contains("Look at its log.", sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_is_never_called_ok()
    {
        ReportDocument memory = ReportMapping.ToDocument(Reports.Completed() with { Memory = new MemoryVerification(10, 1, 3) }, _findings);
        ReportDocument guest = ReportMapping.ToDocument(Reports.Completed(), _findings with { RepeatedOperations = 1 });
        Assert.Equal("DAMAGED", TerminalReport.Verdict(memory).Mark);
        Assert.Equal("DAMAGED", TerminalReport.Verdict(guest).Mark);
        Assert.Contains("1 differ", Draw(memory), StringComparison.Ordinal);
    }

    private static string Draw(ReportDocument document)
    {
        using StringWriter writer = new() { NewLine = "\n" };
        Host host = new() { Out = writer, Error = TextWriter.Null };
        TerminalReport.Write(Terminal.ForResults(host), document);
        return writer.ToString();
    }
}
