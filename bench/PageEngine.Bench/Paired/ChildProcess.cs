using System.Diagnostics;

namespace PageEngine.Bench.Paired;

// Owns: one process of a measurement: started, read line by line, ended with the measurement whatever happens.

internal sealed class ChildProcess : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(120);

    private readonly Process _process;
    private readonly string _name;

    private ChildProcess(Process process, string name)
    {
        _process = process;
        _name = name;
    }

    internal static ChildProcess Start(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        return new ChildProcess(Process.Start(start)!, Path.GetFileName(program));
    }

    /// <summary>Starts this program again, with other arguments.</summary>
    internal static ChildProcess StartSelf(IEnumerable<string> arguments) => Start(Environment.ProcessPath!, arguments);

    /// <summary>Reads lines until one starts with a word, and returns what follows it.</summary>
    internal async Task<string> ReadAsync(string startsWith)
    {
        while (await _process.StandardOutput.ReadLineAsync().WaitAsync(_patience) is { } line)
        {
            if (line.StartsWith(startsWith, StringComparison.Ordinal))
            {
                return line[startsWith.Length..];
            }
        }

        throw new InvalidOperationException($"{_name} ended without the line '{startsWith}'.");
    }

    /// <summary>Reads all that it prints until it ends.</summary>
    internal async Task<string> ReadToEndAsync()
    {
        string text = await _process.StandardOutput.ReadToEndAsync().WaitAsync(_patience);
        await _process.WaitForExitAsync().WaitAsync(_patience);
        return _process.ExitCode == 0 ? text : throw new InvalidOperationException($"{_name} failed with exit code {_process.ExitCode}.");
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }
}
