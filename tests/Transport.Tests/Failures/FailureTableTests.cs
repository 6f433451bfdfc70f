using PageEngine.Ownership;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

/// <summary>Every row of docs/failure-handling.md on real sessions: who notices, what both sides report, which roles are
/// ended, and who runs in the end.</summary>
public class FailureTableTests
{
    public static TheoryData<string> Rows => [.. FailureRows.All.Select(row => row.Name)];

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Row(string name)
    {
        FailureRow row = FailureRows.All.Single(r => r.Name == name);
        await using FailureScene scene = await FailureScene.CreateAsync();
        row.Arrange(scene);

        await scene.RunAsync().WaitAsync(TimeSpan.FromMinutes(2));

        Check("source", row.Source, scene.Report);
        Check("destination", row.Destination, scene.Result?.Report);
        await scene.AssertRunsAsync(row.Runs);
        if (row.Source is { Kind: not MigrationErrorKind.None })
        {
            Assert.Equal(row.Phase, scene.Report.Failure!.Phase);
            Assert.NotEmpty(scene.Report.Failure.WhatToDo);
            AssertHandled(scene.SourceLog.Lines);
        }

        if (row.Destination is { Kind: not MigrationErrorKind.None })
        {
            AssertHandled(scene.DestinationLog.Lines);
        }

        // The guest's own call throws on one side; the other hears of it in the same words.
        if (scene.Report.Failure is { ReportedByPeer: true } told)
        {
            Assert.Equal(told.Message, $"The peer reports: {scene.Result!.Report.Failure!.Message}");
            Assert.Equal((told.Kind, told.DetectedBy), (scene.Result.Report.Failure.Kind, scene.Result.Report.Failure.DetectedBy));
        }

        if (row.Epoch > 0)
        {
            OwnershipRecord? record = await scene.Store.ReadAsync(scene.Guest.Id, default);
            Assert.Equal(row.Epoch, record!.Epoch);
        }

        Assert.All(scene.SourceLog.Lines.Concat(scene.DestinationLog.Lines).Where(line => line.Contains("4711", StringComparison.Ordinal)), line => Assert.Matches(@"4711 [SD]:", line));
    }

    [Fact]
    public void The_document_has_the_same_rows()
    {
        string[] documented = [.. FailureDocument.Rows.Select(row => row.Name)];
        Assert.Equal(FailureRows.All.Select(row => row.Name).Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_document_says_what_the_row_expects(string name)
    {
        FailureRow row = FailureRows.All.Single(r => r.Name == name);
        FailureDocument.Row documented = FailureDocument.Rows.Single(r => r.Name == name);
        Assert.Equal(row.Phase.ToString(), documented.Phase, ignoreCase: true);
        if (row.Source is { DetectedBy: not DetectedBy.None } source)
        {
            Assert.StartsWith(source.DetectedBy.ToString(), documented.DetectedBy, StringComparison.OrdinalIgnoreCase);
        }

        Assert.Equal(
            row.Runs switch { Runs.AtSource => "source", Runs.AtDestination => "destination", _ => "nobody, held" },
            documented.Guest);
    }

    private static void Check(string side, Expected? expected, MigrationReport? report)
    {
        if (expected is null)
        {
            return;
        }

        Assert.NotNull(report);
        string what = $"{side}: {report.Outcome}, {report.Failure}";
        Assert.True(expected.Outcome == report.Outcome, what);
        Assert.True(expected.Kind == (report.Failure?.Kind ?? MigrationErrorKind.None), what);
        if (expected.DetectedBy != DetectedBy.None)
        {
            Assert.True(expected.DetectedBy == report.Failure!.DetectedBy, what);
            Assert.NotEmpty(report.Failure.Observations);
        }
    }

    // Detected first, then taken up by the supervisor, who ends the others before himself.
    private static void AssertHandled(IReadOnlyList<string> log)
    {
        int detected = IndexOf(log, ": Detected by the ");
        int handled = IndexOf(log, ": The supervisor handles the failure");
        int supervisor = IndexOf(log, ": The Supervisor ended");
        Assert.True(detected >= 0 && detected < handled && handled < supervisor, string.Join('\n', log));
        Assert.Single(log, line => line.Contains(": The supervisor handles the failure", StringComparison.Ordinal));
        foreach (string role in new[] { "Monitor", "Transport" })
        {
            int ended = IndexOf(log, $": The {role} ended");
            Assert.True(ended < 0 || (handled < ended && ended < supervisor), string.Join('\n', log));
        }
    }

    private static int IndexOf(IReadOnlyList<string> log, string text)
    {
        for (int i = 0; i < log.Count; i++)
        {
            if (log[i].Contains(text, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }
}
