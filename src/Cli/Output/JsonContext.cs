using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using PageEngine.Cli.Bench;
using PageEngine.Cli.Checkpoints;
using PageEngine.Cli.History;
using PageEngine.Cli.LogAnalysis;

namespace PageEngine.Cli.Output;

// Owns: how documents become JSON: camelCase, indented, nulls written (a reader need not guess whether a name exists).

/// <summary>The serialization of every document of this program, generated at build time.</summary>
[JsonSerializable(typeof(ReportDocument))]
[JsonSerializable(typeof(MigrationListDocument))]
[JsonSerializable(typeof(HistoryEntry))]
[JsonSerializable(typeof(ActiveMarker))]
[JsonSerializable(typeof(PredictionDocument))]
[JsonSerializable(typeof(HeldGuestHeader))]
[JsonSerializable(typeof(LinkDocument))]
[JsonSerializable(typeof(MigrationBenchDocument))]
[JsonSerializable(typeof(GuestRight))]
[JsonSerializable(typeof(GuestProcess))]
[JsonSerializable(typeof(CheckpointDocument))]
[JsonSerializable(typeof(LogAnalysisDocument))]
internal sealed partial class JsonContext : JsonSerializerContext
{
    /// <summary>Gets the context to use. Messages keep their quotes and umlauts: this JSON is never put into HTML.</summary>
    public static JsonContext Documents { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
