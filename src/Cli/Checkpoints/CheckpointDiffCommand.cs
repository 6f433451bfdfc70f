using System.CommandLine;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Memory;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint diff`: which pages and devices differ between two checkpoints.

/// <summary>Compares checkpoints.</summary>
internal static class CheckpointDiffCommand
{
    private const int MaxLines = 20;

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("One checkpoint.");
        Argument<string> other = CheckpointCommand.File("The other one, of the same memory layout.", "OTHER");
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "diff",
            "Shows which pages and devices differ between two checkpoints. Exit code 0 for both answers; the JSON says which.",
            "pageengine checkpoint diff before.ckpt after.ckpt")
        {
            file, other, json,
        };
        command.SetAction((parsed, cancellationToken) => Task.FromResult(Run(host, parsed.GetValue(file)!, parsed.GetValue(other)!, parsed.GetValue(json), cancellationToken)));
        return command;
    }

    private static int Run(Host host, string file, string other, string? json, CancellationToken cancellationToken)
    {
        CheckpointResults results = new(host, json);
        using CheckpointChain one = CheckpointChain.Open(file);
        using CheckpointChain two = CheckpointChain.Open(other);
        CheckpointDifference difference = one.CompareWith(two, cancellationToken);
        TextWriter people = results.People;
        people.WriteLine(difference.IsSame
            ? "They hold the same memory and state."
            : $"{Human.Count(difference.PageCount)} of {Human.Count(one.Checkpoint.Layout.PageCount)} pages differ, and {difference.Devices.Count} device {(difference.Devices.Count == 1 ? "section" : "sections")}.");
        foreach (PageRange range in difference.Pages.Take(MaxLines))
        {
            people.WriteLine($"  pages {range.Start} to {range.End - 1}");
        }

        if (difference.Pages.Count > MaxLines)
        {
            people.WriteLine($"  and {Human.Count(difference.Pages.Count - MaxLines)} more runs");
        }

        foreach (string device in difference.Devices.Take(MaxLines))
        {
            people.WriteLine($"  device {device}");
        }

        results.Publish(CheckpointDocument.From("diff", file, one.Checkpoint) with
        {
            ChangedPages = difference.PageCount,
            ChangedDevices = difference.Devices,
        });
        return ExitCodes.Done;
    }
}
