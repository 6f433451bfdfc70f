using System.CommandLine;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Qemu;

namespace PageEngine.Cli.Checkpoints;

// Owns: the options that make a checkpoint command one about a QEMU machine.

/// <summary>The options of one command.</summary>
internal sealed class QemuCheckpointOptions
{
    private readonly Option<string?> _qmp;
    private readonly WordOption<int?> _pid = QemuCommand.ProcessId();

    /// <summary>Adds the options to a command.</summary>
    public QemuCheckpointOptions(Command command, string description)
    {
        _qmp = new Option<string?>("--qmp") { Description = description, HelpName = "PATH" };
        command.Options.Add(_qmp);
        command.Options.Add(_pid);
    }

    /// <summary>Gets the monitor and the process; null: the command is about the guest in this program.</summary>
    /// <exception cref="UsageException">An option was given that means nothing for the guest that is asked for.</exception>
    public (string Monitor, int? ProcessId)? Read(ParseResult parsed, params ReadOnlySpan<string?> others)
    {
        if (parsed.GetValue(_qmp) is not { } monitor)
        {
            return _pid.IsGiven(parsed) ? throw new UsageException("--pid: it names QEMU's process; give --qmp, too.") : null;
        }

        foreach (string? other in others)
        {
            if (other is not null)
            {
                throw new UsageException($"{other}: it means nothing for a QEMU machine (--qmp).");
            }
        }

        return (monitor, _pid.Read(parsed));
    }
}
