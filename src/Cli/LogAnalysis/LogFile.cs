using System.IO.Compression;
using System.Text.RegularExpressions;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.LogAnalysis;

// Owns: the files of logs: which of them are one log that was rotated, in what order they are read, and how one is opened.

/// <summary>One file that was named.</summary>
/// <param name="Path">Its path; "-" for stdin.</param>
/// <param name="Log">The log that it is a part of.</param>
/// <param name="First">Its first stamp.</param>
/// <param name="Once">The open stream of what can be read only once; null: open the file.</param>
internal sealed partial record LogFile(string Path, string Log, LogStamp First, Stream? Once)
{
    /// <summary>The name that means stdin.</summary>
    public const string Standard = "-";

    // A log without a stamp in so many lines has none.
    private const int SearchedLines = 2000;

    /// <summary>Looks at files and puts them into the order in which they are to be read.</summary>
    /// <exception cref="UsageException">One cannot be read.</exception>
    public static IReadOnlyList<LogFile> Order(IEnumerable<string> paths)
    {
        // Each log keeps the place of its first file; within it the oldest file comes first.
        return [.. paths.Distinct().Select(Look).GroupBy(f => f.Log).SelectMany(log => log.OrderBy(f => f.First.Ticks))];
    }

    /// <summary>Opens a file, or stdin. A compressed one is read as what it holds.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static Stream Open(string path)
    {
        try
        {
            if (path == Standard)
            {
                return Console.OpenStandardInput();
            }

            // Shared with everybody: a log that is read is still written, and rotated.
            FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (!file.CanSeek)
            {
                return file;
            }

            Span<byte> magic = stackalloc byte[2];
            bool compressed = file.ReadAtLeast(magic, 2, throwOnEndOfStream: false) == 2 && magic is [0x1f, 0x8b];
            file.Position = 0;
            return compressed ? new GZipStream(file, CompressionMode.Decompress) : file;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CannotRead(path, exception);
        }
    }

    /// <summary>Says that a file cannot be read.</summary>
    public static UsageException CannotRead(string path, Exception exception) =>
        new($"'{path}' cannot be read: {exception.Message} Name files of logs, or - for stdin.");

    /// <summary>Names the log that a file is a part of: its path without the marks of rotation. Pure.</summary>
    public static string LogOf(string path)
    {
        string name = System.IO.Path.GetFileName(path);
        string whole = RotationMark().Replace(name, "");
        return System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "", whole.Length == 0 ? name : whole);
    }

    private static LogFile Look(string path)
    {
        if (Directory.Exists(path))
        {
            throw new UsageException($"'{path}' is a directory. Name the files in it, for example {System.IO.Path.Combine(path, "*.log")}.");
        }

        // A pipe cannot be looked into without taking its first lines away.
        Stream stream = Open(path);
        if (stream is not (FileStream { CanSeek: true } or GZipStream))
        {
            return new LogFile(path, path, default, stream);
        }

        using (stream)
        {
            return new LogFile(path, LogOf(path), FirstStamp(path, stream), Once: null);
        }
    }

    private static LogStamp FirstStamp(string path, Stream stream)
    {
        try
        {
            LogLineReader reader = new(stream);
            while (reader.Lines < SearchedLines && reader.TryRead(out ReadOnlySpan<char> line))
            {
                if (LogStamp.Find(line) is { Clock: not LogClock.None } stamp)
                {
                    return stamp;
                }
            }

            return default;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            throw CannotRead(path, exception);
        }
    }

    // vmkernel.log, vmkernel.3.gz, vmkernel.log.1, vmware-12.log; but not the numbers in names and addresses of hosts.
    [GeneratedRegex(@"((?<=^vmware)-\d+)?\.log(\.\d+)?(\.gz)?$|(?<=\D)\.\d+(\.gz)?$|\.gz$", RegexOptions.CultureInvariant)]
    private static partial Regex RotationMark();
}
