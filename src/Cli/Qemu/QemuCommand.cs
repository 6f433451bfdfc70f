using System.CommandLine;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Qemu;

// Owns: `qemu`: the commands that move a real virtual machine.

/// <summary>Groups the commands for QEMU machines.</summary>
internal static class QemuCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Host host) => new ExampleCommand(
        "qemu",
        "Moves a running, unmodified QEMU virtual machine, from outside.",
        "pageengine qemu receive --qmp /run/vm/destination.qmp --listen 127.0.0.1:4444",
        "pageengine qemu send --qmp /run/vm/source.qmp --to 127.0.0.1:4444")
    {
        QemuSendCommand.Create(host),
        QemuReceiveCommand.Create(host),
    };

    /// <summary>Makes the option that names the monitor.</summary>
    internal static Option<string> Qmp() => new("--qmp")
    {
        Description = "QEMU's monitor socket, as in -qmp unix:PATH,server=on,wait=off.",
        HelpName = "PATH",
        Required = true,
    };

    /// <summary>Makes the option that names QEMU's process.</summary>
    internal static WordOption<int?> ProcessId() => new(
        "--pid", "N", "QEMU's process, where it is not found by itself. Default: the one behind the monitor.", null,
        text => int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out int pid) && pid > 0
            ? (pid, null)
            : (null, "is no process number; `pgrep -a qemu` lists QEMU's"));
}
