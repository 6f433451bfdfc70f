using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Switchover;

namespace PageEngine.Recovery;

// Owns: the public face of what happens after a crash: which attempts were left behind, and how one is settled. It may be
// called from any thread; one journal is settled by one caller at a time, because only the holder of its lock may act.

/// <summary>
/// Settles attempts whose process died, or ended in doubt. A restarted source or destination reads the ownership record and
/// does the right thing without being told; what no record can say, an operator does. The rules are those of the migration
/// itself (docs/switchover.md).
/// </summary>
public static class MigrationRecovery
{
    /// <summary>Finds what was left behind in a journal directory, oldest first, and removes what never became a journal.</summary>
    /// <param name="journalDirectory">The directory that the sessions were given; it need not exist.</param>
    /// <exception cref="MigrationException">The directory cannot be read.</exception>
    public static IReadOnlyList<OpenAttempt> Find(string journalDirectory)
    {
        ArgumentException.ThrowIfNullOrEmpty(journalDirectory);
        try
        {
            MigrationJournal.RemoveLeftovers(journalDirectory);
            return [.. MigrationJournal.List(journalDirectory).Select(Describe).OfType<OpenAttempt>().OrderBy(a => a.At)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"The journals in {journalDirectory} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Settles an attempt, or tries to for as long as the options say. Failures are in the result.</summary>
    /// <param name="attempt">The attempt, from <see cref="Find"/>.</param>
    /// <param name="options">The options.</param>
    /// <param name="cancellationToken">Ends the tries; the attempt then stays open.</param>
    public static async Task<RecoveryResult> SettleAsync(OpenAttempt attempt, RecoveryOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        ArgumentNullException.ThrowIfNull(options);
        MigrationJournal? journal = null;
        bool runsHere = false;
        RecoveryResult result;
        try
        {
            journal = UnmarkedGuests.Take(attempt.JournalPath);
            runsHere = journal is not null;
            journal ??= MigrationJournal.TryAdopt(attempt.JournalPath, options.TimeProvider);
            result = journal is null
                ? NotAdopted(attempt)
                : runsHere
                    ? await MarkRunningAsync(attempt, journal, options, cancellationToken).ConfigureAwait(false)
                    : await SettleAsync(attempt, journal, options, cancellationToken).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            result = new RecoveryResult(attempt, RecoveryOutcome.Held, e.Message) { Failure = e };
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            result = new RecoveryResult(attempt, RecoveryOutcome.Held, "It was not settled before it was stopped.");
        }

        if (journal is { State.IsSettled: true } && result.IsSettled)
        {
            journal.Retire();
        }
        else if (runsHere)
        {
            UnmarkedGuests.Keep(journal!);
            return result;
        }

        journal?.Dispose();
        if (result.IsSettled && options.Logger is { } logger)
        {
            logger.Settled(attempt.MigrationId, attempt.Role == MigrationRole.Source ? 'S' : 'D', result.Outcome, result.Description);
        }

        return result;
    }

    /// <summary>Says what is known about an attempt and what settling it would do; changes nothing.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="store">Its store; null: none, or not to be had.</param>
    /// <param name="hasCopy">Whether a copy of the guest outlived its process.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async ValueTask<RecoveryOutlook> LookAsync(
        OpenAttempt attempt, IOwnershipStore? store, bool hasCopy, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(attempt);
        try
        {
            return await RecoveryOutlooks.LookAsync(MigrationJournal.Read(attempt.JournalPath), attempt, store, hasCopy, cancellationToken).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            return new RecoveryOutlook(RecoveryWords.OfJournal(attempt), e.Message, "Nothing, until that can be read.");
        }
    }

    private static async Task<RecoveryResult> SettleAsync(
        OpenAttempt attempt, MigrationJournal journal, RecoveryOptions options, CancellationToken cancellationToken)
    {
        // What it says now, under its lock, is what counts.
        attempt = Describe(journal.Path, journal.State, alive: false);
        if (attempt.Role == MigrationRole.Source && IsSuperseded(attempt))
        {
            var superseded = new RestartContext(attempt, journal, copy: null, options, cancellationToken);
            await superseded.SettleAsync().ConfigureAwait(false);
            return new RecoveryResult(attempt, RecoveryOutcome.Discarded, "Nothing was left to settle: a later attempt of the same run began from a higher epoch, so this one had ended.");
        }

        HeldCopy? copy = options.FindCopy is { } find ? await find(attempt, cancellationToken).ConfigureAwait(false) : null;
        if (attempt.HasStore && options.Store is null && IsAtStake(attempt))
        {
            return StoreMissing(attempt);
        }

        var context = new RestartContext(attempt, journal, copy, options, cancellationToken);
        if (attempt.Role == MigrationRole.Source)
        {
            SourceEvent begin = journal.State.RestartSource(copy is not null);
            return begin == SourceEvent.None
                ? await NothingLeftAsync(context).ConfigureAwait(false)
                : await new SourceRestart(context).RunAsync(begin).ConfigureAwait(false);
        }

        DestinationEvent event_ = journal.State.RestartDestination(copy is not null);
        return event_ == DestinationEvent.None
            ? await NothingLeftAsync(context).ConfigureAwait(false)
            : await new DestinationRestart(context).RunAsync(event_).ConfigureAwait(false);
    }

    // The session ended with the guest running in this process, and only its store does not know: that is made up for.
    private static async Task<RecoveryResult> MarkRunningAsync(
        OpenAttempt attempt, MigrationJournal journal, RecoveryOptions options, CancellationToken cancellationToken)
    {
        if (attempt.HasStore && options.Store is null)
        {
            return StoreMissing(attempt);
        }

        var context = new RestartContext(attempt, journal, copy: null, options, cancellationToken);
        RecoveryResult result = await new DestinationRestart(context).MarkRunningAsync().ConfigureAwait(false);
        return journal.State.IsSettled
            ? result
            : new RecoveryResult(
                attempt, RecoveryOutcome.Held, $"The guest runs in this process. That could not be noted yet, so the attempt stays open: {context.Failure?.Message}")
            { Failure = context.Failure };
    }

    private static RecoveryResult StoreMissing(OpenAttempt attempt) => new(
        attempt, RecoveryOutcome.Held, $"The ownership store of this attempt ({attempt.Store}) decides, and it is not to be had. Bring it back, or name where it is now.");

    // Settled already, or never prepared: what is left of a copy is of no use.
    private static async Task<RecoveryResult> NothingLeftAsync(RestartContext context)
    {
        await context.DiscardAsync(mustNeverRun: false).ConfigureAwait(false);
        await context.SettleAsync().ConfigureAwait(false);
        return new RecoveryResult(context.Open, RecoveryOutcome.Discarded, "Nothing was left to settle: " + (context.Open.Progress == AttemptProgress.Unprepared
            ? "the destination was never prepared."
            : "the attempt had ended."));
    }

    // The source noted a later attempt only after this one had ended with the guest on its side. What the record says now is
    // about the later one: acting for this one could resume a guest that a destination is being given.
    private static bool IsSuperseded(OpenAttempt attempt) => Find(Path.GetDirectoryName(attempt.JournalPath)!).Any(other =>
        other.Role == MigrationRole.Source && other.GuestId == attempt.GuestId && other.BaseEpoch > attempt.BaseEpoch);

    private static bool IsAtStake(OpenAttempt attempt) => attempt.Progress != AttemptProgress.Unprepared;

    private static RecoveryResult NotAdopted(OpenAttempt attempt) => File.Exists(attempt.JournalPath)
        ? new RecoveryResult(attempt, RecoveryOutcome.ProcessIsAlive, $"The process that runs migration {attempt.MigrationId} lives and holds {attempt.JournalPath}.")
        : new RecoveryResult(attempt, RecoveryOutcome.Discarded, "It was settled meanwhile: its journal is gone.");

    private static OpenAttempt? Describe(string path)
    {
        // Its process may be ending right now.
        try
        {
            JournalState state = MigrationJournal.Read(path);
            return Describe(path, state, alive: !IsFree(path));
        }
        catch (MigrationException) when (!File.Exists(path))
        {
            return null;
        }
        catch (MigrationException e)
        {
            return new OpenAttempt
            {
                MigrationId = 0,
                Role = MigrationRole.None,
                GuestId = Guid.Empty,
                Attempt = default,
                BaseEpoch = 0,
                Progress = AttemptProgress.Unprepared,
                Store = "",
                Peer = "",
                At = File.GetLastWriteTimeUtc(path),
                ProcessIsAlive = !IsFree(path),
                JournalPath = path,
                Damage = e.Message,
            };
        }
    }

    private static OpenAttempt Describe(string path, JournalState state, bool alive) => new()
    {
        RunsInThisProcess = UnmarkedGuests.Has(path),
        MigrationId = state.Header.MigrationId,
        Role = state.Header.Side == JournalSide.Source ? MigrationRole.Source : MigrationRole.Destination,
        GuestId = state.Header.Attempt.GuestId,
        Attempt = state.Header.Attempt.Attempt,
        BaseEpoch = state.Header.Attempt.BaseEpoch,
        Progress = ProgressOf(state),
        Store = state.Header.Store,
        Peer = state.Header.Peer,
        At = state.Entries.Count > 0 ? state.Entries[^1].At : File.GetLastWriteTimeUtc(path),
        ProcessIsAlive = alive,
        JournalPath = path,
    };

    private static AttemptProgress ProgressOf(JournalState state) => state.Header.Side == JournalSide.Source
        ? state.RestartSource(guestIsHere: true) == SourceEvent.RestartedWithGuest ? AttemptProgress.MayBePrepared : AttemptProgress.Unprepared
        : state.RestartDestination(guestIsHere: true) switch
        {
            DestinationEvent.None => AttemptProgress.Unprepared,
            DestinationEvent.RestartedHandingBack => AttemptProgress.HandingBack,
            DestinationEvent.RestartedResuming when state.KnownMark == OwnershipMark.Running => AttemptProgress.Running,
            DestinationEvent.RestartedResuming => AttemptProgress.Resuming,
            _ => AttemptProgress.Prepared,
        };

    private static bool IsFree(string path)
    {
        try
        {
            using LockedFile? file = LockedFile.TryOpen(path, create: false);
            return file is not null;
        }
        catch (FileCallException)
        {
            // It cannot be told; whoever tries to settle it is told why.
            return true;
        }
    }
}
