using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: what send and receive do first: settle what an earlier process of their side left behind. New work does not wait
// long for a store that does not answer: what stays open is said, and receive goes on trying beside its work.

/// <summary>Settles what was left behind on one side.</summary>
internal sealed class StartRecovery(CommandRun run, MigrationRole role) : IAsyncDisposable
{
    // How long new work waits for the settling of old work.
    private static readonly TimeSpan _startLimit = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _eachTry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _betweenTries = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _one = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Dictionary<string, long> _firstTried = [];
    private readonly Dictionary<string, string> _said = [];
    private readonly List<(VerifiableGuest Guest, RecoveryResult Result)> _guests = [];
    private Task _background = Task.CompletedTask;

    /// <summary>Gets the guests that came to run here.</summary>
    public IReadOnlyList<(VerifiableGuest Guest, RecoveryResult Result)> Guests
    {
        get
        {
            lock (_gate)
            {
                return [.. _guests];
            }
        }
    }

    /// <summary>Settles what can be settled now.</summary>
    public async Task AtStartAsync()
    {
        // On another thread: a store on a network file system may block for as long as it likes.
        Task once = Task.Run(() => SettleAllAsync(_stop.Token));
        if (await Task.WhenAny(once, Task.Delay(_startLimit, run.Time)) == once)
        {
            await once;
        }
        else
        {
            run.Warn("what an earlier process left behind could not be settled yet: its ownership store does not answer. `pageengine list` shows it.");
        }
    }

    /// <summary>Goes on trying until it is disposed.</summary>
    public void GoOn() => _background = Task.Run(async () =>
    {
        try
        {
            while (true)
            {
                await Task.Delay(_betweenTries, run.Time, _stop.Token);
                await SettleAllAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Told to stop.
        }
    });

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAny(_background, Task.Delay(_startLimit, run.Time));
        foreach ((VerifiableGuest guest, _) in Guests)
        {
            guest.Dispose();
        }
    }

    private async Task SettleAllAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            foreach (OpenAttempt attempt in run.Recoverer.Find().Where(a => a.Role == role && (!a.ProcessIsAlive || a.RunsInThisProcess) && a.Damage is null))
            {
                await SettleAsync(attempt, cancellationToken);
            }
        }
        catch (MigrationException exception)
        {
            run.Warn(exception.Message);
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task SettleAsync(OpenAttempt attempt, CancellationToken cancellationToken)
    {
        if (role == MigrationRole.Source && run.Recoverer.HasCopy(attempt) && !run.Recoverer.LivesInAProcess(attempt))
        {
            // This program ends when its own guest has moved: it is no place for another one to run.
            Say(attempt, $"Its guest is held here: `pageengine resolve {attempt.MigrationId.ToString(CultureInfo.InvariantCulture)}` settles it.");
            return;
        }

        RecoveryResult result = await run.Recoverer.SettleAsync(
            attempt,
            new RecoverySettings { RetryPeriod = _eachTry, ClaimTimeout = RestOfClaim(attempt) },
            cancellationToken);
        Say(attempt, result.Description);
        if (result is { Outcome: RecoveryOutcome.RunsHere, Guest: VerifiableGuest guest })
        {
            lock (_gate)
            {
                _guests.Add((guest, result));
            }
        }
        else
        {
            // A guest in a process of its own goes on there.
            (result.Guest as IDisposable)?.Dispose();
        }
    }

    // Each try is short; the source is waited for over all of them.
    private TimeSpan RestOfClaim(OpenAttempt attempt)
    {
        _firstTried.TryAdd(attempt.JournalPath, run.Time.GetTimestamp());
        TimeSpan rest = run.Settings.ClaimTimeout - run.Time.GetElapsedTime(_firstTried[attempt.JournalPath]);
        return rest > TimeSpan.Zero ? rest : TimeSpan.Zero;
    }

    private void Say(OpenAttempt attempt, string what)
    {
        if (_said.TryGetValue(attempt.JournalPath, out string? before) && before == what)
        {
            return;
        }

        _said[attempt.JournalPath] = what;
        run.Tell(attempt.MigrationId, $"{ReportMapping.Word(attempt.Role)} of guest {attempt.GuestId}, left behind: {what}");
    }
}
