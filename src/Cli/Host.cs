namespace PageEngine.Cli;

// Owns: everything this program takes from the process around it: streams, terminal, environment, clock. Commands get it
// handed in, so that tests run them without a process.

/// <summary>The surroundings of one run of the program.</summary>
internal sealed record Host
{
    private const int UsualWidth = 110;

    /// <summary>Gets where results go.</summary>
    public required TextWriter Out { get; init; }

    /// <summary>Gets where errors, notes and progress go.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Gets whether <see cref="Out"/> is a terminal.</summary>
    public bool OutIsTerminal { get; init; }

    /// <summary>Gets whether <see cref="Error"/> is a terminal.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Gets whether colours may be used on a terminal.</summary>
    public bool Colors { get; init; }

    /// <summary>Gets the width of the terminal, in columns.</summary>
    public int Width { get; init; } = UsualWidth;

    /// <summary>Gets the clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Gets the environment.</summary>
    public Func<string, string?> Variable { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Gets whether the user is root.</summary>
    public bool IsRoot { get; init; }

    /// <summary>Takes everything from this process.</summary>
    public static Host FromProcess() => new()
    {
        Out = Console.Out,
        Error = Console.Error,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        // https://no-color.org: set and not empty means no colours.
        Colors = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
            && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"),
        Width = TerminalWidth(),
        IsRoot = Environment.IsPrivilegedProcess,
    };

    private static int TerminalWidth()
    {
        try
        {
            return Console.WindowWidth is > 0 and int width ? width : UsualWidth;
        }
        catch (IOException)
        {
            return UsualWidth;
        }
    }
}
