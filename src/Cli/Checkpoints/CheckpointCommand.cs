using System.CommandLine;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Checkpoints;

// Owns: `checkpoint`: the group of its commands, and what they have in common.

/// <summary>Checkpoints as files.</summary>
internal static class CheckpointCommand
{
    /// <summary>The file name that means stdin or stdout.</summary>
    public const string Standard = "-";

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        ExampleCommand command = new(
            "checkpoint",
            "A guest as a file: saved while it runs, restored here or elsewhere, looked at, checked, compared, folded.",
            "pageengine checkpoint save guest.ckpt",
            "pageengine checkpoint restore guest.ckpt --verify",
            "pageengine checkpoint verify guest.ckpt")
        {
            CheckpointSaveCommand.Create(host),
            CheckpointRestoreCommand.Create(host),
            CheckpointInspectCommand.Create(host),
            CheckpointVerifyCommand.Create(host),
            CheckpointDiffCommand.Create(host),
            CheckpointFlattenCommand.Create(host),
        };
        return command;
    }

    /// <summary>Makes the argument that names a file.</summary>
    public static Argument<string> File(string description, string name = "FILE") => new(name) { Description = description };

    /// <summary>Makes the option that names a compression.</summary>
    public static WordOption<PageEngine.Checkpoints.CheckpointCompression> Compress() => new(
        "--compress", "none|lz4|zstd", "How pages are stored. Default none: fastest to memory-backed storage, and the file can be mapped.",
        PageEngine.Checkpoints.CheckpointCompression.None,
        OptionParsers.OneOf(
            ("none", PageEngine.Checkpoints.CheckpointCompression.None),
            ("lz4", PageEngine.Checkpoints.CheckpointCompression.Lz4),
            ("zstd", PageEngine.Checkpoints.CheckpointCompression.Zstd)));

    /// <summary>Makes the option that names an ownership store.</summary>
    public static Option<string?> Ownership() => new("--ownership")
    {
        Description = "The directory of the ownership store, which decides who may run the guest.",
        HelpName = "DIR",
    };

    /// <summary>Makes the option that lets a restore take a guest over.</summary>
    public static Option<bool> TakeOver() => new("--take-over")
    {
        Description = "Run the guest here although the ownership store says that it runs, or may run, elsewhere: its epoch there ends.",
    };
}
