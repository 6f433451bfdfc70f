using System.Diagnostics;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Checkpoints;

// Owns: where the results of the checkpoint commands go: lines for people, one JSON object for programs.

/// <summary>One run of a checkpoint command.</summary>
/// <param name="host">The surroundings.</param>
/// <param name="json">Where the JSON goes; null: nowhere.</param>
/// <param name="bytesOnStdout">Whether stdout is for the checkpoint itself.</param>
internal sealed class CheckpointResults(Host host, string? json, bool bytesOnStdout = false)
{
    /// <summary>Gets where people read.</summary>
    public TextWriter People { get; } = json == JsonOutput.ToStdout || bytesOnStdout ? host.Error : host.Out;

    /// <summary>Gets the processor time of this process so far, in seconds.</summary>
    public static double CpuSeconds => Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds;

    /// <summary>Refuses what cannot be: two things on stdout.</summary>
    public void Check()
    {
        if (bytesOnStdout && json == JsonOutput.ToStdout)
        {
            throw new UsageException("--json: stdout is the checkpoint's already; give a file, for example --json report.json.");
        }
    }

    /// <summary>Says what happens, to whoever watches.</summary>
    public void Step(string text)
    {
        if (host.ErrorIsTerminal)
        {
            host.Error.WriteLine(text);
        }
    }

    /// <summary>Writes the JSON, when it was asked for.</summary>
    public void Publish(CheckpointDocument document)
    {
        if (json is not null)
        {
            JsonOutput.Write(host, json, document, JsonContext.Documents.CheckpointDocument);
        }

        People.Flush();
    }

    /// <summary>Says what a checkpoint is.</summary>
    public void Describe(CheckpointDocument document)
    {
        long others = (document.MemoryBytes / 4096) - document.DataPages - document.EqualPages;
        People.WriteLine($"guest      {document.GuestId} ({document.Kind}), epoch {document.Epoch}, {(document.Suspended ? "suspended" : "snapshot")}");
        People.WriteLine($"memory     {Units.FormatBytes(document.MemoryBytes)}: {Human.Count(document.DataPages)} pages stored, {Human.Count(document.EqualPages)} equal to others, {Human.Count(others)} {(document.Parent is null ? "zero" : "zero or the parent's")}");
        People.WriteLine($"file       {Units.FormatBytes(document.FileBytes)}, written {document.CreatedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC, digest {document.Digest}");
        if (document.Parent is { } parent)
        {
            People.WriteLine($"adds to    {parent}");
        }
    }
}
