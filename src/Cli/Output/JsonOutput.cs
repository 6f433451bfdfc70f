using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace PageEngine.Cli.Output;

// Owns: where JSON goes: a file that is either the old one or the whole new one, or stdout for "-".

/// <summary>Writes documents as JSON.</summary>
internal static class JsonOutput
{
    /// <summary>The name that means stdout.</summary>
    public const string ToStdout = "-";

    /// <summary>Writes a document.</summary>
    /// <param name="host">Whose stdout "-" means.</param>
    /// <param name="target">A path or "-".</param>
    /// <param name="document">The document.</param>
    /// <param name="type">How it is serialized.</param>
    public static void Write<T>(Host host, string target, T document, JsonTypeInfo<T> type)
    {
        string json = JsonSerializer.Serialize(document, type);
        if (target == ToStdout)
        {
            host.Out.WriteLine(json);
            host.Out.Flush();
        }
        else
        {
            WriteFile(target, json + '\n');
        }
    }

    /// <summary>Replaces a file as a whole: a reader sees the old text or the new one, never half of it.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void WriteFile(string path, string text)
    {
        string full = Path.GetFullPath(path);

        // A device, a pipe or what a link leads to is written where it is: renaming would put a plain file in its place.
        if (IsSpecial(full))
        {
            File.WriteAllText(full, text);
            return;
        }

        string temporary = $"{full}.{Environment.ProcessId}.tmp";
        try
        {
            File.WriteAllText(temporary, text);
            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static bool IsSpecial(string path) =>
        path.StartsWith("/dev/", StringComparison.Ordinal)
        || path.StartsWith("/proc/", StringComparison.Ordinal)
        || (File.Exists(path) && File.ResolveLinkTarget(path, returnFinalTarget: false) is not null);
}
