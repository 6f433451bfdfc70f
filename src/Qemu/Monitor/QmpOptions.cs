using Microsoft.Extensions.Logging;

namespace PageEngine.Qemu.Monitor;

// Owns: the limits of a monitor connection.

/// <summary>The limits of a monitor connection.</summary>
public sealed record QmpOptions
{
    /// <summary>Gets how long QEMU may take to greet and to answer a command; default 10 s. A monitor serves one client at a
    /// time: one that does not greet has another.</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Gets the longest line, in bytes, that is accepted from QEMU; default 16 MiB.</summary>
    public int MaxLineBytes { get; init; } = 16 << 20;

    /// <summary>Gets where each command is noted, at level debug; null: nowhere.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
