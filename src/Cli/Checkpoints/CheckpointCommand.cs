using System.CommandLine;
using PageEngine.Checkpoints;
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
            QemuPageKeeper.Create(host),
        };
        return command;
    }

    /// <summary>Opens what a new checkpoint is to add to.</summary>
    /// <exception cref="UsageException">The new file would take the place of one that it needs, or stand where its parent is not found.</exception>
    public static CheckpointChain OpenParent(string parent, string file)
    {
        CheckpointChain chain = CheckpointChain.Open(parent);
        string directory = Path.GetDirectoryName(Path.GetFullPath(parent)) ?? "/";
        bool isFile = file != Standard;
        string? problem = isFile && (Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/") != directory ? $"the parent is looked for beside {file}; save it in {directory}."
            : isFile && chain.All.Any(c => c.FileName == Path.GetFileName(file)) ? $"{file} is needed by what would replace it; give the new checkpoint another name."
            : null;
        if (problem is null)
        {
            return chain;
        }

        chain.Dispose();
        throw new UsageException($"--parent: {problem}");
    }

    /// <summary>Makes the argument that names a file.</summary>
    public static Argument<string> File(string description, string name = "FILE") => new(name) { Description = description };

    /// <summary>Makes the option that names a compression.</summary>
    public static WordOption<CheckpointCompression> Compress() => new(
        "--compress", "none|lz4|zstd", "How pages are stored. Default none: fastest to memory-backed storage, and the file can be mapped.",
        CheckpointCompression.None,
        OptionParsers.OneOf(
            ("none", CheckpointCompression.None),
            ("lz4", CheckpointCompression.Lz4),
            ("zstd", CheckpointCompression.Zstd)));

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
