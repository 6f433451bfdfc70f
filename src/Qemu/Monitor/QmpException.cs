namespace PageEngine.Qemu.Monitor;

// Owns: how a failed monitor command looks: what was asked, QEMU's own class and text.

/// <summary>QEMU refused a monitor command, or its monitor could not be used.</summary>
public sealed class QmpException : Exception
{
    /// <summary>The class of errors that this client reports itself: no connection, no answer, no QMP.</summary>
    public const string ConnectionClass = "Connection";

    /// <summary>Makes an exception.</summary>
    /// <param name="command">The command; empty when none was sent.</param>
    /// <param name="errorClass">QEMU's class, such as GenericError or CommandNotFound, or <see cref="ConnectionClass"/>.</param>
    /// <param name="description">QEMU's own text.</param>
    /// <param name="inner">The cause, if another exception was.</param>
    public QmpException(string command, string errorClass, string description, Exception? inner = null)
        : base(command.Length == 0 ? description : $"QEMU's monitor, '{command}': {description} ({errorClass})", inner)
    {
        Command = command;
        ErrorClass = errorClass;
        Description = description;
    }

    /// <summary>Gets the command; empty when none was sent.</summary>
    public string Command { get; }

    /// <summary>Gets QEMU's class of the error, or <see cref="ConnectionClass"/>.</summary>
    public string ErrorClass { get; }

    /// <summary>Gets QEMU's own text.</summary>
    public string Description { get; }

    /// <summary>Gets whether QEMU answered that it does not know the command: an older QEMU, or a device that is not there.</summary>
    public bool IsUnknownCommand => ErrorClass == "CommandNotFound";

    /// <summary>Gets whether the monitor itself is gone or silent.</summary>
    public bool IsConnection => ErrorClass == ConnectionClass;
}
