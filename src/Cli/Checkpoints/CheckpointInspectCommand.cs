using System.CommandLine;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint inspect`: what a file says about itself, without reading its pages.

/// <summary>Looks at a checkpoint.</summary>
internal static class CheckpointInspectCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<string> file = CheckpointCommand.File("The checkpoint.");
        Option<string?> json = CommonOptions.Json();
        ExampleCommand command = new(
            "inspect",
            "Shows what a checkpoint says about itself: guest, epoch, memory, totals, parent.",
            "pageengine checkpoint inspect guest.ckpt",
            "pageengine checkpoint inspect guest.ckpt --json -")
        {
            file, json,
        };
        command.SetAction(parsed =>
        {
            CheckpointResults results = new(host, parsed.GetValue(json));
            CheckpointDocument document = CheckpointDocument.From("inspect", parsed.GetValue(file)!, CheckpointChain.Inspect(parsed.GetValue(file)!));
            results.Describe(document);
            results.Publish(document);
            return ExitCodes.Done;
        });
        return command;
    }
}
