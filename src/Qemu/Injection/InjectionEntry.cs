namespace PageEngine.Qemu.Injection;

// Owns: the door through which an application that brings its runtime along can be the short-lived process itself.

/// <summary>For the beginning of an application's main method.</summary>
public static class InjectionEntry
{
    /// <summary>The first argument of the short-lived process.</summary>
    internal const string Word = "qemu-injection";

    /// <summary>Gets whether this application can be the short-lived process.</summary>
    internal static bool IsInstalled { get; private set; }

    /// <summary>Does the work of the short-lived process that stops QEMU for a moment, where this process was started as one.
    /// Needed in applications that are published with their runtime; harmless in others.</summary>
    /// <param name="arguments">The application's arguments.</param>
    /// <returns>The exit code with which to end at once; null: go on as an application.</returns>
    public static int? RunIfAsked(string[] arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        IsInstalled = true;
        return arguments is [Word, .. string[] rest] ? InjectionProgram.Main(rest) : null;
    }
}
