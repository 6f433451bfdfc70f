using System.CommandLine;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint flatten`: a chain, or a file with replaced pages, becomes one file that stands alone.

/// <summary>Folds a chain.</summary>
internal static class CheckpointFlattenCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("The youngest checkpoint of the chain.");
        Option<string> to = new("--to") { Description = "Where the new checkpoint goes; - for stdout.", HelpName = "FILE", Required = true };
        WordOption<CheckpointCompression> compress = CheckpointCommand.Compress();
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "flatten",
            "Folds a checkpoint and its parents into one file that stands alone: the bytes that a save of the same guest at that moment gives.",
            "pageengine checkpoint flatten next.ckpt --to whole.ckpt",
            "pageengine checkpoint flatten guest.ckpt --to smaller.ckpt --compress zstd")
        {
            file, to, compress, json,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            host, parsed.GetValue(file)!, parsed.GetValue(to)!, compress.Read(parsed), parsed.GetValue(json), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        Host host, string file, string to, CheckpointCompression compression, string? json, CancellationToken cancellationToken)
    {
        bool toStdout = to == CheckpointCommand.Standard;
        CheckpointResults results = new(host, json, toStdout);
        results.Check();
        using CheckpointChain chain = CheckpointChain.Open(file);
        using Stream? stdout = toStdout ? Console.OpenStandardOutput() : null;
        CheckpointReport report = await chain.FlattenAsync(
            stdout is null ? CheckpointTarget.File(to) : CheckpointTarget.Stream(stdout), new CheckpointOptions { Compression = compression }, cancellationToken);
        CheckpointDocument document = CheckpointDocument.From("flatten", to, report.Checkpoint).With(report, CheckpointResults.CpuSeconds);
        results.Describe(document);
        results.People.WriteLine($"folded     {chain.All.Count} {(chain.All.Count == 1 ? "file" : "files")} in {Human.Milliseconds(report.Total.TotalMilliseconds)}");
        results.Publish(document);
        return ExitCodes.Done;
    }
}
