using System.Diagnostics;

namespace PageEngine.Cli.Commands;

// Owns: how this program starts itself again: by its own path, or the runtime with its assembly.

internal static class ThisProgram
{
    /// <summary>Starts it, with its streams redirected.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="sharesError">Whether its standard error is this process's own: it may live longer.</param>
    /// <exception cref="MigrationException">It could not be started.</exception>
    public static Process Start(IEnumerable<string> arguments, bool sharesError = false)
    {
        string path = Environment.ProcessPath ?? throw new InvalidOperationException("The path of this program is not known.");
        ProcessStartInfo start = new(path)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = !sharesError,
        };
        if (Path.GetFileNameWithoutExtension(path) == "dotnet")
        {
            start.ArgumentList.Add("exec");
            start.ArgumentList.Add(Environment.GetCommandLineArgs()[0]);
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new MigrationException(MigrationErrorKind.Refused, $"Another process of this program could not be started from {path}.");
    }
}
