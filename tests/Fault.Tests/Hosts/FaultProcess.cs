using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;

namespace PageEngine.Fault.Tests.Hosts;

// Owns: one host as a process: its lines, its signals, its end. Every wait is for a line or for the end of the process;
// the limit only tells that something hangs.

internal sealed class FaultProcess : IAsyncDisposable
{
    internal static readonly TimeSpan HangLimit = TimeSpan.FromSeconds(60);

    private const int TranscriptLines = 120;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);
    private readonly Process _process;
    private readonly Lock _lock = new();
    private readonly List<string> _lines = [];
    private readonly List<TimeSpan> _times = [];
    private readonly Task _reading;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _endOfLines;
    private int _killed;

    private FaultProcess(string name, Process process)
    {
        Name = name;
        _process = process;
        _reading = Task.WhenAll(ReadAsync(process.StandardOutput, ""), ReadAsync(process.StandardError, "error "));
        _ = _reading.ContinueWith(_ => Add(null), TaskScheduler.Default);
    }

    internal string Name { get; }

    internal IPEndPoint Listening { get; private set; } = new(IPAddress.Loopback, 0);

    internal bool IsAlive => Volatile.Read(ref _killed) == 0 && !_process.HasExited;

    /// <summary>Gets everything it has said, each line with the second of the day, for people.</summary>
    internal string Transcript
    {
        get
        {
            lock (_lock)
            {
                return $"--- {Name}\n{string.Join('\n', _lines.Select((line, i) => string.Create(CultureInfo.InvariantCulture, $"{_times[i].TotalSeconds:0.000} {line}")).TakeLast(TranscriptLines))}";
            }
        }
    }

    /// <summary>Starts a host and waits until it listens, and until its guest runs if it makes one.</summary>
    internal static async Task<FaultProcess> StartAsync(string name, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "PageEngine.FaultHost.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };

        // A crash is a finding, not a core file.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        var process = new FaultProcess(name, Process.Start(start)!);
        try
        {
            string line = await process.NextAsync("listening ", 0);
            process.Listening = IPEndPoint.Parse(line);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>Gets how many lines there are: where a later wait begins.</summary>
    internal int Mark()
    {
        lock (_lock)
        {
            return _lines.Count;
        }
    }

    internal void Tell(string command)
    {
        try
        {
            _process.StandardInput.WriteLine(command);
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It is dead, and whoever waits for its answer hears so.
        }
    }

    /// <summary>Waits for the next line with this beginning, and gives its rest.</summary>
    /// <exception cref="HostException">It ended, or it hangs.</exception>
    internal async Task<string> NextAsync(string beginning, int from)
    {
        long began = Stopwatch.GetTimestamp();
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                int found = _lines.FindIndex(from, line => line.StartsWith(beginning, StringComparison.Ordinal));
                if (found >= 0)
                {
                    return _lines[found][beginning.Length..];
                }

                if (_endOfLines)
                {
                    throw new HostException($"The {Name} ended without '{beginning}'.\n{Transcript}");
                }

                changed = _changed.Task;
            }

            TimeSpan rest = HangLimit - Stopwatch.GetElapsedTime(began);
            if (rest <= TimeSpan.Zero || await Task.WhenAny(changed, Task.Delay(rest)) != changed)
            {
                throw new HostException($"The {Name} did not say '{beginning}' within {HangLimit.TotalSeconds} s.\n{Transcript}");
            }
        }
    }

    internal bool HasSaid(string beginning, int from = 0)
    {
        lock (_lock)
        {
            return _lines.FindIndex(from, line => line.StartsWith(beginning, StringComparison.Ordinal)) >= 0;
        }
    }

    internal async Task<T> NextAsync<T>(string kind, int from) =>
        JsonSerializer.Deserialize<T>(await NextAsync(kind + " ", from), _json)!;

    internal async Task<T> AskAsync<T>(string command, string kind)
    {
        int from = Mark();
        Tell(command);
        return await NextAsync<T>(kind, from);
    }

    internal async Task ArmAsync(string step, string edge, int occurrence, string action = "stop")
    {
        int from = Mark();
        Tell($"arm {step} {edge} {occurrence} {action}");
        await NextAsync("armed", from);
    }

    internal async Task DisarmAsync()
    {
        int from = Mark();
        Tell("disarm");
        await NextAsync("disarmed", from);
    }

    /// <summary>Ends it at once, and waits until it has ended.</summary>
    internal async Task KillAsync()
    {
        Interlocked.Exchange(ref _killed, 1);
        if (!_process.HasExited)
        {
            Signals.Send(_process.Id, Signals.SIGKILL);
        }

        await _process.WaitForExitAsync();
    }

    internal void Stop() => Signal(Signals.SIGSTOP);

    internal void Continue() => Signal(Signals.SIGCONT);

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        await _reading;
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (IsAlive)
        {
            Signals.Send(_process.Id, signal);
        }
    }

    private async Task ReadAsync(StreamReader reader, string prefix)
    {
        while (await reader.ReadLineAsync() is { } line)
        {
            Add(prefix + line);
        }
    }

    private void Add(string? line)
    {
        lock (_lock)
        {
            if (line is null)
            {
                _endOfLines = true;
            }
            else
            {
                _lines.Add(line);
                _times.Add(DateTimeOffset.UtcNow.TimeOfDay);
            }

            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}

/// <summary>A host did not do what it was told.</summary>
internal sealed class HostException(string message) : Exception(message);
