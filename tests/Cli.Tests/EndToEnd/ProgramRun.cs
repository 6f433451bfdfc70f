using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using PageEngine.Cli.Output;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: one process of the program, with a state directory of its own.

internal sealed partial class ProgramRun : IDisposable
{
    internal const int SIGINT = 2;
    internal const int SIGKILL = 9;

    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly StringBuilder _out = new();
    private readonly StringBuilder _error = new();
    private readonly Task _read;
    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private ProgramRun(Process process)
    {
        _process = process;
        _read = Task.WhenAll(ReadAsync(process.StandardOutput, _out), ReadAsync(process.StandardError, _error));
    }

    public int Id => _process.Id;

    public string Out => Text(_out);

    public string Error => Text(_error);

    /// <summary>The end point that a receive printed.</summary>
    public Task<string> Listening => _listening.Task.WaitAsync(_limit);

    public static ProgramRun Start(string state, string arguments, string? networkNamespace = null)
    {
        // Tests that were started in the background of a script ignore Ctrl-C, and what they start inherits that.
        string[] program = ["env", "--default-signal=INT", "dotnet", "exec", Path.Combine(AppContext.BaseDirectory, "PageEngine.Cli.dll"), .. arguments.Split(' ')];
        string[] command = networkNamespace is null ? program : ["ip", "netns", "exec", networkNamespace, .. program];
        ProcessStartInfo start = new(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PAGEENGINE_STATE"] = state;
        return new ProgramRun(Process.Start(start)!);
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(_limit);
        await _read;
        return _process.ExitCode;
    }

    public void Signal(int signal) => Assert.Equal(0, kill(_process.Id, signal));

    /// <summary>From now on a file that it would write beyond so many bytes ends it, by SIGXFSZ.</summary>
    public void LimitFiles(ulong bytes)
    {
        const int RLIMIT_FSIZE = 1;
        ulong[] limit = [bytes, bytes];
        Assert.Equal(0, prlimit(_process.Id, RLIMIT_FSIZE, limit, 0));
    }

    /// <summary>Waits until the program has printed something.</summary>
    public async Task PrintedAsync(string text)
    {
        long start = Stopwatch.GetTimestamp();
        while (!Out.Contains(text, StringComparison.Ordinal) && !Error.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < _limit, $"'{text}' was not printed.\n{Out}\n{Error}");
            Assert.False(_process.HasExited && _read.IsCompleted, $"It ended without printing '{text}'.\n{Out}\n{Error}");
            await Task.Delay(20);
        }
    }

    /// <summary>The processes that this one started and that still live.</summary>
    public int[] Children() => [.. File.ReadAllText($"/proc/{Id.ToString(CultureInfo.InvariantCulture)}/task/{Id.ToString(CultureInfo.InvariantCulture)}/children")
        .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];

    public static ReportDocument Report(string path) =>
        JsonSerializer.Deserialize(File.ReadAllText(path), JsonContext.Documents.ReportDocument)!;

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    [LibraryImport("libc")]
    private static partial int prlimit(int pid, int resource, [In] ulong[] newLimit, nint oldLimit);

    [LibraryImport("libc")]
    private static partial int kill(int pid, int sig);

    private static string Text(StringBuilder builder)
    {
        lock (builder)
        {
            return builder.ToString();
        }
    }

    private async Task ReadAsync(StreamReader reader, StringBuilder builder)
    {
        const string ListeningOn = "listening on ";
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(ListeningOn, StringComparison.Ordinal))
            {
                _listening.TrySetResult(line[ListeningOn.Length..]);
            }

            lock (builder)
            {
                builder.Append(line).Append('\n');
            }
        }
    }
}
