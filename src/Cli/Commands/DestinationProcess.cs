using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using PageEngine.Cli.Output;

namespace PageEngine.Cli.Commands;

// Owns: the destination of demo: a second process of this program. It lives no longer than this one: its stdin is a pipe
// from here, and it ends when that closes, however this process ends.

/// <summary>A destination in a process of its own.</summary>
internal sealed class DestinationProcess : IDisposable
{
    private const string ListeningOn = "listening on ";

    private readonly Process _process;
    private readonly string _reportPath;
    private readonly TaskCompletionSource<IPEndPoint> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _relayed;
    private volatile string? _lastError;

    private DestinationProcess(Process process, string reportPath, TextWriter error)
    {
        _process = process;
        _reportPath = reportPath;
        _relayed = Task.WhenAll(ReadOutputAsync(process.StandardOutput), RelayErrorsAsync(process.StandardError, error));
    }

    /// <summary>Gets where it listens. Fails when it ended before it did.</summary>
    public Task<IPEndPoint> Listening => _listening.Task;

    /// <summary>Starts it.</summary>
    /// <param name="arguments">The arguments of `receive`, without the place of its report.</param>
    /// <param name="reportPath">Where it writes its report.</param>
    /// <param name="error">Receives what it writes to stderr, line by line.</param>
    public static DestinationProcess Start(IEnumerable<string> arguments, string reportPath, TextWriter error)
    {
        return new DestinationProcess(ThisProgram.Start(["receive", .. arguments, "--json", reportPath, ReceiveCommand.UntilStdinCloses]), reportPath, error);
    }

    /// <summary>Waits until it has ended.</summary>
    /// <param name="limit">After this it is ended.</param>
    /// <returns>Its report; null when it left none.</returns>
    public async Task<ReportDocument?> WaitForReportAsync(TimeSpan limit)
    {
        using CancellationTokenSource late = new(limit);
        try
        {
            await _process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            _lastError = $"it did not end within {Units.FormatDuration(limit)}";
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        await _relayed;
        try
        {
            return JsonSerializer.Deserialize(await File.ReadAllTextAsync(_reportPath), JsonContext.Documents.ReportDocument);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Says how it ended.</summary>
    public string DescribeEnd()
    {
        int code = _process.ExitCode;

        // The shell's convention, which the framework follows: 128 and the number of the signal.
        string how = code > 128
            ? $"by signal {(code - 128).ToString(CultureInfo.InvariantCulture)}"
            : $"with exit code {code.ToString(CultureInfo.InvariantCulture)}";
        return _lastError is { } error ? $"{how} ({error})" : how;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task ReadOutputAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            if (line.StartsWith(ListeningOn, StringComparison.Ordinal) && IPEndPoint.TryParse(line.AsSpan(ListeningOn.Length), out IPEndPoint? endPoint))
            {
                _listening.TrySetResult(endPoint);
            }
        }

        // Nothing more will come: whoever still waits for the address must not wait for ever.
        await _process.WaitForExitAsync();
        _listening.TrySetException(new MigrationException(
            MigrationErrorKind.Refused, $"The destination process ended {DescribeEnd()} before it listened."));
    }

    private async Task RelayErrorsAsync(StreamReader errors, TextWriter error)
    {
        while (await errors.ReadLineAsync() is { } line)
        {
            _lastError = line;
            error.WriteLine($"destination: {line}");
        }
    }
}
