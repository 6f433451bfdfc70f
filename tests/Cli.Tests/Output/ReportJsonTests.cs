using System.Text.Json;
using PageEngine.Cli.Output;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.Output;

public sealed class ReportJsonTests
{
    private static readonly GuestFindings _findings = new() { Consistent = true, Operations = 1_234_567, LostOperations = 0, RepeatedOperations = 0 };

    [Fact]
    public void A_completed_migration_has_every_name_of_the_contract()
    {
        ReportDocument document = ReportMapping.ToDocument(
            Reports.Completed(), _findings, TimeSpan.FromMilliseconds(6.25), TimeSpan.FromMilliseconds(6.2));
        Assert.Equal(File.ReadAllText("Output/completed.json").TrimEnd(), JsonSerializer.Serialize(document, JsonContext.Documents.ReportDocument));
    }

    [Fact]
    public void A_failed_migration_says_why_and_where_the_guest_is()
    {
        ReportDocument document = ReportMapping.ToDocument(Reports.Failed(MigrationErrorKind.ConnectionLost));
        using JsonDocument json = JsonDocument.Parse(JsonSerializer.Serialize(document, JsonContext.Documents.ReportDocument));
        JsonElement failure = json.RootElement.GetProperty("failure");
        Assert.Equal("failed", json.RootElement.GetProperty("outcome").GetString());
        Assert.Equal("connectionLost", failure.GetProperty("kind").GetString());
        Assert.Equal("preCopy", failure.GetProperty("phase").GetString());
        Assert.Equal("transport", failure.GetProperty("detectedBy").GetString());
        Assert.Equal("running", failure.GetProperty("guest").GetString());
        Assert.Contains("network", failure.GetProperty("whatToDo").GetString(), StringComparison.Ordinal);
        Assert.Equal("IOException: reset", Assert.Single(failure.GetProperty("causes").EnumerateArray()).GetString());
        JsonElement seen = Assert.Single(failure.GetProperty("observations").EnumerateArray());
        Assert.Equal(("transport", 1500.25), (seen.GetProperty("detectedBy").GetString(), seen.GetProperty("atMs").GetDouble()));
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("switchover").ValueKind);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("verified").GetProperty("memory").ValueKind);
    }

    [Theory]
    [InlineData(MigrationErrorKind.NotConverging, "notConverging")]
    [InlineData(MigrationErrorKind.AbortTimeReached, "abortTimeReached")]
    public void Kinds_are_camel_case(MigrationErrorKind kind, string word) => Assert.Equal(
        word, ReportMapping.ToDocument(Reports.Failed(kind)).Failure!.Kind);

    [Fact]
    public void A_document_survives_writing_and_reading()
    {
        ReportDocument document = ReportMapping.ToDocument(Reports.Completed(), _findings);
        string json = JsonSerializer.Serialize(document, JsonContext.Documents.ReportDocument);
        ReportDocument? read = JsonSerializer.Deserialize(json, JsonContext.Documents.ReportDocument);
        Assert.Equal(json, JsonSerializer.Serialize(read, JsonContext.Documents.ReportDocument));
    }

    [Fact]
    public void Merging_takes_from_the_destination_what_only_it_saw()
    {
        ReportDocument source = ReportMapping.ToDocument(Reports.Completed() with { DestinationCpu = null });
        ReportDocument destination = ReportMapping.ToDocument(
            Reports.Completed() with
            {
                Role = MigrationRole.Destination,
                Memory = null,
                SourceCpu = null,
                DestinationCpu = TimeSpan.FromSeconds(0.5),
                Rounds = [],
                Peer = "somewhere else",
            },
            _findings with { LostOperations = 2, Problem = "two are missing", Consistent = false },
            TimeSpan.FromMilliseconds(9),
            TimeSpan.FromMilliseconds(8));
        ReportDocument merged = ReportMapping.Merge(source, destination);
        Assert.Equal(
            source with
            {
                Guest = source.Guest with { LongestStallMs = 9, SwitchoverStallMs = 8, Operations = 1_234_567 },
                CpuSeconds = new CpuDocument { Source = 0.81, Destination = 0.5 },
                Verified = source.Verified with { Guest = "inconsistent", GuestProblem = "two are missing", LostOperations = 2, RepeatedOperations = 0 },
            },
            merged);
        Assert.Equal("identical", merged.Verified.Memory);
        GuestFindings? findings = ReportMapping.Findings(merged);
        Assert.NotNull(findings);
        Assert.False(findings.IsGood);
        Assert.Equal(2, findings.LostOperations);
    }

    [Fact]
    public void A_prediction_that_is_not_known_is_null()
    {
        MigrationReport report = Reports.Completed();
        report = report with { Switchover = report.Switchover! with { Predicted = new Planning.SwitchoverPrediction(TimeSpan.MaxValue, TimeSpan.FromMilliseconds(4)) } };
        SwitchoverDocument switchover = ReportMapping.ToDocument(report).Switchover!;
        Assert.Null(switchover.PredictedMs);
        Assert.Null(switchover.PredictedPartsMs.Pages);
        Assert.Equal(4, switchover.PredictedPartsMs.Fixed);
    }
}
