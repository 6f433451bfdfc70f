using System.CommandLine;
using System.Diagnostics;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint verify`: every byte of a file and of those it adds to.

/// <summary>Checks a checkpoint.</summary>
internal static class CheckpointVerifyCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("The checkpoint. Its parents are looked for beside it.");
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "verify",
            "Reads every byte of a checkpoint and of its parents and checks all that can be checked. Exit code 5: damaged.",
            "pageengine checkpoint verify guest.ckpt")
        {
            file, json,
        };
        command.SetAction((parsed, cancellationToken) => Task.FromResult(Run(host, parsed.GetValue(file)!, parsed.GetValue(json), cancellationToken)));
        return command;
    }

    private static int Run(Host host, string file, string? json, CancellationToken cancellationToken)
    {
        CheckpointResults results = new(host, json);
        long began = Stopwatch.GetTimestamp();
        using CheckpointChain chain = CheckpointChain.Open(file);
        chain.Verify(0, cancellationToken);
        TimeSpan took = Stopwatch.GetElapsedTime(began);
        CheckpointDocument document = CheckpointDocument.From("verify", file, chain.Checkpoint) with
        {
            TotalMs = took.TotalMilliseconds,
            CpuSeconds = CheckpointResults.CpuSeconds,
        };
        results.Describe(document);
        results.People.WriteLine($"whole      {chain.All.Count} {(chain.All.Count == 1 ? "file" : "files")}, {Units.FormatBytes(chain.All.Sum(c => (double)c.FileBytes))} read in {Human.Milliseconds(took.TotalMilliseconds)}");
        results.Publish(document);
        return ExitCodes.Done;
    }
}
