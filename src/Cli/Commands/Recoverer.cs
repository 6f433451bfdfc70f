using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Cli.Qemu;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Reporting;

namespace PageEngine.Cli.Commands;

// Owns: how this program settles what an earlier process of it left behind: which store, which copy, what the history says
// afterwards. Safe to use from any thread; the journal's lock decides between two.

/// <summary>How an attempt is to be settled.</summary>
internal sealed record RecoverySettings
{
    /// <summary>Gets what the operator says.</summary>
    public OperatorWord Operator { get; init; }

    /// <summary>Gets the store's directory, when it is not where the journal says.</summary>
    public string? OwnershipDirectory { get; init; }

    /// <summary>Gets for how long to try.</summary>
    public required TimeSpan RetryPeriod { get; init; }

    /// <summary>Gets how long a prepared destination waits for its source.</summary>
    public required TimeSpan ClaimTimeout { get; init; }
}

/// <summary>Settles attempts of this host.</summary>
/// <param name="time">The clock.</param>
/// <param name="state">Where this host's state is.</param>
/// <param name="logger">The log.</param>
/// <param name="warn">Receives what could not be kept.</param>
internal sealed class Recoverer(TimeProvider time, StateDirectory state, ILogger logger, Action<string> warn)
{
    private readonly MigrationHistory _history = new(state);
    private readonly HeldGuests _held = new(state.Held);
    private readonly GuestProcesses _processes = new(state.Processes);
    private readonly GuestRights _rights = new(state.Rights);
    private readonly ConcurrentDictionary<(ulong Id, string Role), IGuest> _inMemory = new();

    /// <summary>Gets or sets what raises guards before a guest resumes here; null: nothing is guarded.</summary>
    public Func<Guid, ulong, CancellationToken, ValueTask>? RaiseGuards { get; set; }

    /// <summary>Gets or sets where the journals are.</summary>
    public string JournalDirectory { get; set; } = state.Journal;

    /// <summary>Gets the guests that are kept beyond their process.</summary>
    public HeldGuests Held => _held;

    /// <summary>Gets the processes that have guests of their own.</summary>
    public GuestProcesses Processes => _processes;

    /// <summary>Gets the rights under which guests run here in processes of their own.</summary>
    public GuestRights Rights => _rights;

    /// <summary>Finds the attempts that are open, with those whose process lives.</summary>
    public IReadOnlyList<OpenAttempt> Find()
    {
        _held.RemoveLeftovers(IsAlive);
        return [.. MigrationRecovery.Find(JournalDirectory).Select(a => a.ProcessIsAlive || a.Damage is not null ? a : a with { ProcessIsAlive = ProcessOf(a) is not null })];
    }

    /// <summary>Gets the process that runs an attempt or has its guest, as far as this host's lists know; null when none does.
    /// This process does so, too, until it has saved the guest or keeps it for the settling.</summary>
    public int? ProcessOf(OpenAttempt attempt)
    {
        string role = HeldGuests.RoleOf(attempt);
        bool mine = _inMemory.ContainsKey((attempt.MigrationId, role));
        return _history.FindMarker(attempt.MigrationId, role) is { } marker && MigrationHistory.IsAlive(marker) && !(mine && marker.ProcessId == Environment.ProcessId)
            ? marker.ProcessId
            : null;
    }

    /// <summary>Keeps a guest in this process, because it could not be saved.</summary>
    public void KeepInMemory(ulong migrationId, string role, IGuest guest) => _inMemory[(migrationId, role)] = guest;

    /// <summary>Tells whether a copy of an attempt's guest is here.</summary>
    public bool HasCopy(OpenAttempt attempt) =>
        _inMemory.ContainsKey((attempt.MigrationId, HeldGuests.RoleOf(attempt))) || _held.Has(attempt.MigrationId, HeldGuests.RoleOf(attempt)) || LivesInAProcess(attempt);

    /// <summary>Tells whether an attempt's guest lives in a process of its own, which goes on when this one ends.</summary>
    public bool LivesInAProcess(OpenAttempt attempt) => _processes.Has(attempt);

    /// <summary>Says what is known about an attempt and what settling it would do.</summary>
    public async Task<RecoveryOutlook> LookAsync(OpenAttempt attempt, string? ownershipDirectory)
    {
        (FileOwnershipStore? store, string? why) = OpenStore(attempt, ownershipDirectory);
        using (store)
        {
            RecoveryOutlook outlook = await MigrationRecovery.LookAsync(attempt, store, HasCopy(attempt));
            return why is null ? outlook : outlook with { Record = why };
        }
    }

    /// <summary>Settles an attempt and notes in the history what it came to. A guest that then runs here is the caller's.</summary>
    public async Task<RecoveryResult> SettleAsync(OpenAttempt attempt, RecoverySettings settings, CancellationToken cancellationToken)
    {
        (FileOwnershipStore? store, string? why) = OpenStore(attempt, settings.OwnershipDirectory);
        using (store)
        {
            RecoveryResult result = await MigrationRecovery.SettleAsync(
                attempt,
                new RecoveryOptions
                {
                    Store = store,
                    FindCopy = (found, _) => ValueTask.FromResult(FindCopy(found)),
                    RaiseGuards = RaiseGuards,
                    Operator = settings.Operator,
                    RetryPeriod = settings.RetryPeriod,
                    ClaimTimeout = settings.ClaimTimeout,
                    Logger = logger,
                    TimeProvider = time,
                },
                cancellationToken);
            if (result.Outcome == RecoveryOutcome.Held && why is not null)
            {
                result = result with { Description = $"{result.Description} {why}" };
            }

            result = await KeepAsync(result);
            if (result.IsSettled)
            {
                _inMemory.TryRemove((attempt.MigrationId, HeldGuests.RoleOf(attempt)), out _);
                Note(result);
                EndProcess(result);
            }

            return result;
        }
    }

    /// <summary>Notes in the history what an attempt came to.</summary>
    /// <returns>The report as it is now.</returns>
    public ReportDocument Note(RecoveryResult result, GuestFindings? findings = null)
    {
        string role = HeldGuests.RoleOf(result.Attempt);
        ReportDocument? before = _history.FindReport(result.Attempt.MigrationId, role);
        ReportDocument report = RecoveryMapping.Apply(before, _history.FindMarker(result.Attempt.MigrationId, role), result, time.GetUtcNow(), findings);
        try
        {
            _history.End(report);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            warn($"the history could not be updated: {exception.Message}");
        }

        return report;
    }

    private static (FileOwnershipStore? Store, string? Why) OpenStore(OpenAttempt attempt, string? directory)
    {
        if (!attempt.HasStore)
        {
            return (null, null);
        }

        try
        {
            return (FileOwnershipStore.Open(directory ?? attempt.Store), null);
        }
        catch (MigrationException exception)
        {
            return (null, exception.Message);
        }
    }

    private HeldCopy? FindCopy(OpenAttempt attempt) =>
        _inMemory.TryGetValue((attempt.MigrationId, HeldGuests.RoleOf(attempt)), out IGuest? guest)
            ? new InMemory(guest)
            : _held.Find(attempt) ?? _processes.Find(attempt);

    // A guest in a process of its own can be moved on from here later: by the right that it has now.
    private void EndProcess(RecoveryResult result)
    {
        try
        {
            if (LivesInAProcess(result.Attempt) && result.Ownership is { Store: not null } ownership)
            {
                _rights.Keep(ownership);
            }

            _processes.Forget(result.Attempt.MigrationId, HeldGuests.RoleOf(result.Attempt));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            warn($"the right to run the guest could not be kept for its next move: {exception.Message}");
        }
    }

    // A guest that was opened and is held all the same must outlive this process again.
    private async Task<RecoveryResult> KeepAsync(RecoveryResult result)
    {
        string role = HeldGuests.RoleOf(result.Attempt);
        if (result.Guest is not { } guest || result.IsSettled || _inMemory.ContainsKey((result.Attempt.MigrationId, role)))
        {
            return result;
        }

        if (!_held.Has(result.Attempt.MigrationId, role) && !LivesInAProcess(result.Attempt))
        {
            try
            {
                await _held.SaveAsync(result.Attempt.MigrationId, role, guest, CancellationToken.None);
            }
            catch (MigrationException exception)
            {
                KeepInMemory(result.Attempt.MigrationId, role, guest);
                return result with { Description = $"{result.Description} {exception.Message} It is held in this process." };
            }
        }

        (guest as IDisposable)?.Dispose();
        return result with { Guest = null };
    }

    private bool IsAlive(string idAndRole)
    {
        string[] words = idAndRole.Split('.');
        return words.Length == 2 && ulong.TryParse(words[0], out ulong id) && _history.FindMarker(id, words[1]) is { } marker && MigrationHistory.IsAlive(marker);
    }

    private sealed class InMemory(IGuest guest) : HeldCopy
    {
        public override ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken) => ValueTask.FromResult(guest);
    }
}
