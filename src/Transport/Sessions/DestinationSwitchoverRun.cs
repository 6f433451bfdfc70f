using System.IO.Hashing;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Switchover;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the effects of the destination's switchover. The table in Switchover/DestinationSwitchover.cs decides; this
// carries out and reports back. One task runs it. The rehearsal runs this same code on a scratch guest.

/// <summary>What one switchover at the destination works on.</summary>
internal sealed record DestinationSwitchoverContext
{
    internal required MigrationIdentity Identity { get; init; }

    internal required IGuest Guest { get; init; }

    internal required PrepareMessage Prepare { get; init; }

    /// <summary>Gets the run under which this side will hold the guest.</summary>
    internal required RunId Run { get; init; }

    /// <summary>Gets the source's run: who gets the guest back if it cannot run here.</summary>
    internal required RunId SourceRun { get; init; }

    internal required DestinationTransport Transport { get; init; }

    /// <summary>Gets what is known about the pages that arrived; null in the rehearsal, whose layout is empty.</summary>
    internal required PageApplier? Applier { get; init; }

    internal required MigrationJournal? Journal { get; init; }

    internal required MigrationDestinationOptions Options { get; init; }

    /// <summary>Gets how long a lost source is waited for before the guest is claimed.</summary>
    internal required TimeSpan ClaimTimeout { get; init; }

    internal OwnershipRecord OwnRecord => new(Prepare.GuestId, Prepare.Epoch + 1, Run, Prepare.Attempt);

    internal OwnershipRecord HandBackRecord => new(Prepare.GuestId, Prepare.Epoch + 2, SourceRun, Prepare.Attempt);
}

/// <summary>One switchover at the destination.</summary>
internal sealed class DestinationSwitchoverRun
{
    private static readonly TimeSpan RecordPoll = TimeSpan.FromMilliseconds(250);

    private readonly DestinationSwitchoverContext _context;
    private readonly TimeProvider _time;
    private readonly CancellationToken _giveUp;
    private DestinationState _state = DestinationState.Receiving;
    private MigrationException? _failure;
    private TimeSpan _waited;
    private TimeSpan _restored;
    private TimeSpan _journaled;
    private TimeSpan _read;
    private long _resumeBegan;
    private long _sourceLostAt;

    private DestinationSwitchoverRun(DestinationSwitchoverContext context, CancellationToken giveUp)
    {
        _context = context;
        _time = context.Options.TimeProvider;
        _giveUp = giveUp;
    }

    private IOwnershipStore? Store => _context.Options.OwnershipStore;

    /// <summary>Answers one Prepare and says how it ended.</summary>
    /// <returns>Where the guest is, as this side knows it; the failure is null when it runs here.</returns>
    internal static async Task<(GuestWhereabouts Guest, MigrationException? Failure)> RunAsync(DestinationSwitchoverContext context, CancellationToken giveUp)
    {
        var run = new DestinationSwitchoverRun(context, giveUp);
        DestinationEvent happened = DestinationEvent.PrepareReceived;
        while (true)
        {
            DestinationTransition next = DestinationSwitchover.Next(run._state, happened, run.Store is not null);
            if (!context.Prepare.Rehearsal && next.State != run._state)
            {
                context.Identity.Logger.Transition(context.Identity.Id, context.Identity.Side, next.State.ToString(), happened.ToString());
            }

            run._state = next.State;
            if (DestinationSwitchover.IsFinal(run._state))
            {
                return await run.EndAsync(next.Effect).ConfigureAwait(false);
            }

            happened = await run.CarryOutAsync(next.Effect).ConfigureAwait(false);
        }
    }

    private async Task<DestinationEvent> CarryOutAsync(DestinationEffect effect)
    {
        try
        {
            return effect switch
            {
                DestinationEffect.RestoreAndCheck => await RestoreAsync().ConfigureAwait(false),
                DestinationEffect.JournalPrepared => Journal(),
                DestinationEffect.SendPrepared => await SendPreparedAsync().ConfigureAwait(false),
                DestinationEffect.ReadRecord => await ReadRecordAsync().ConfigureAwait(false),
                DestinationEffect.CreateOwnEpoch => await CreateAsync(_context.OwnRecord).ConfigureAwait(false),
                DestinationEffect.RaiseGuards => await RaiseGuardsAsync().ConfigureAwait(false),
                DestinationEffect.MarkResuming => await MarkAsync().ConfigureAwait(false),
                DestinationEffect.ResumeGuest => await ResumeAsync().ConfigureAwait(false),
                DestinationEffect.HandBack => await CreateAsync(_context.HandBackRecord).ConfigureAwait(false),
                DestinationEffect.None => await WaitForSourceAsync().ConfigureAwait(false),
                _ => throw new MigrationException(MigrationErrorKind.Internal, $"The destination's switchover has no step for {effect}."),
            };
        }
        catch (OperationCanceledException) when (_giveUp.IsCancellationRequested)
        {
            _failure ??= new MigrationException(MigrationErrorKind.Cancelled, "The destination was stopped.");
            return DestinationEvent.GaveUp;
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            MigrationException failure = SessionFailure.Complete(e, Phase);
            _failure ??= failure;
            return DestinationEvent.Failed;
        }
    }

    private MigrationPhase Phase => _state switch
    {
        DestinationState.Receiving or DestinationState.Restoring or DestinationState.Journaling => MigrationPhase.Prepare,
        DestinationState.Prepared or DestinationState.Reading or DestinationState.Claiming => MigrationPhase.Commit,
        _ => MigrationPhase.Resume,
    };

    private async Task<DestinationEvent> RestoreAsync()
    {
        long began = _time.GetTimestamp();
        PrepareMessage prepare = _context.Prepare;
        await _context.Transport.Arrivals.WaitForRoundAsync(prepare.Totals.Max(t => t.Round), _giveUp).ConfigureAwait(false);
        _waited = _time.GetElapsedTime(began);

        long restoreBegan = _time.GetTimestamp();
        _context.Transport.Arrivals.Check(prepare.Totals);
        if (prepare.LayoutDigest != LayoutDigest.Of(_context.Guest.Memory.Layout))
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, "The source prepared another memory layout than the one it offered.");
        }

        if (_context.Applier is { } applier && applier.OfferedPages != _context.Guest.Memory.PageCount)
        {
            throw new MigrationException(
                MigrationErrorKind.DataDamaged, $"Only {applier.OfferedPages} of {_context.Guest.Memory.PageCount} pages were ever offered. The copy is incomplete and is discarded.");
        }

        ReadOnlyMemory<byte> state = _context.Transport.TakeDeviceState();
        if (state.Length != prepare.StateBytes || XxHash3.HashToUInt64(state.Span) != prepare.StateDigest)
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The device state is not what the source saved ({state.Length} of {prepare.StateBytes} bytes, or another digest).");
        }

        await _context.Guest.LoadStateAsync(DeviceStateCodec.Decode(state), _giveUp).ConfigureAwait(false);
        _restored = _time.GetElapsedTime(restoreBegan);
        return DestinationEvent.Restored;
    }

    private DestinationEvent Journal()
    {
        long began = _time.GetTimestamp();
        _context.Journal?.Append(JournalEntryKind.Prepared, _context.Prepare.Attempt, _context.Prepare.Epoch);
        _journaled = _time.GetElapsedTime(began);
        return DestinationEvent.Journaled;
    }

    private async Task<DestinationEvent> SendPreparedAsync()
    {
        try
        {
            await _context.Transport.SendAsync(
                ControlKind.Prepared,
                new PreparedMessage(_context.Prepare.Attempt, _context.Prepare.Epoch, _waited, _restored, _journaled),
                static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
        catch (MigrationException e)
        {
            // Whether the source read it is not known: from here on the record decides.
            _failure ??= SessionFailure.Complete(e, Phase);
        }

        return await WaitForSourceAsync().ConfigureAwait(false);
    }

    private async Task<DestinationEvent> WaitForSourceAsync()
    {
        if (_sourceLostAt != 0)
        {
            return await WaitWithoutSourceAsync().ConfigureAwait(false);
        }

        try
        {
            while (true)
            {
                InboxMessage message = await _context.Transport.NextAsync(_giveUp).ConfigureAwait(false);
                switch (message.Body)
                {
                    case CommitMessage commit when commit.Attempt == _context.Prepare.Attempt && commit.Epoch == _context.Prepare.Epoch + 1:
                        _resumeBegan = _time.GetTimestamp();
                        return DestinationEvent.CommitReceived;
                    case AbortMessage abort when abort.Attempt == _context.Prepare.Attempt:
                        return DestinationEvent.AbortReceived;
                    default:
                        throw ControlFrameCodec.Violation($"a {message.Kind} frame came where a commit was due");
                }
            }
        }
        catch (MigrationException e)
        {
            _failure ??= SessionFailure.Complete(e, Phase);
            _sourceLostAt = _time.GetTimestamp();

            // A source that says that it failed has ended the attempt, or is about to: the record tells. Without a store
            // its word is all there is, and it speaks only while no commit has left.
            return e.FromPeer ? DestinationEvent.AbortReceived : DestinationEvent.PeerLost;
        }
    }

    private async Task<DestinationEvent> WaitWithoutSourceAsync()
    {
        if (_time.GetElapsedTime(_sourceLostAt) > _context.ClaimTimeout)
        {
            return DestinationEvent.ClaimTimedOut;
        }

        await Task.Delay(RecordPoll, _time, _giveUp).ConfigureAwait(false);
        return DestinationEvent.PollDue;
    }

    private async Task<DestinationEvent> ReadRecordAsync()
    {
        long began = _time.GetTimestamp();
        try
        {
            OwnershipRecord? record = await Store!.ReadAsync(_context.Prepare.GuestId, _giveUp).ConfigureAwait(false);
            _read = _time.GetElapsedTime(began);
            return record is null || record.Epoch <= _context.Prepare.Epoch ? DestinationEvent.RecordUnchanged
                : record == _context.OwnRecord ? DestinationEvent.RecordIsMine
                : DestinationEvent.RecordIsForeign;
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            _failure ??= SessionFailure.Complete(e, Phase);
            return DestinationEvent.RecordUnreadable;
        }
    }

    private async Task<DestinationEvent> CreateAsync(OwnershipRecord record)
    {
        try
        {
            return await Store!.CreateAsync(record, CancellationToken.None).ConfigureAwait(false) == CreateOutcome.Created
                ? DestinationEvent.EpochCreated
                : DestinationEvent.EpochNotCreated;
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            _failure ??= SessionFailure.Complete(e, Phase);
            return DestinationEvent.EpochNotCreated;
        }
    }

    private async Task<DestinationEvent> RaiseGuardsAsync()
    {
        if (_context.Options.RaiseGuards is { } raise && !_context.Prepare.Rehearsal)
        {
            await raise(_context.Prepare.GuestId, _context.Prepare.Epoch + 1, CancellationToken.None).ConfigureAwait(false);
        }

        return DestinationEvent.GuardsRaised;
    }

    private async Task<DestinationEvent> MarkAsync()
    {
        try
        {
            await Store!.MarkAsync(_context.Prepare.GuestId, _context.Prepare.Epoch + 1, OwnershipMark.Resuming, CancellationToken.None).ConfigureAwait(false);
            return DestinationEvent.Marked;
        }
        catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
        {
            _failure ??= SessionFailure.Complete(e, Phase);
            return DestinationEvent.MarkUnknown;
        }
    }

    private async Task<DestinationEvent> ResumeAsync()
    {
        long began = _resumeBegan == 0 ? _time.GetTimestamp() : _resumeBegan;
        await _context.Guest.ResumeAsync(_context.Prepare.Epoch + 1, CancellationToken.None).ConfigureAwait(false);
        TimeSpan resume = _time.GetElapsedTime(began) - _read;
        try
        {
            await _context.Transport.SendAsync(
                ControlKind.Running,
                new RunningMessage(_context.Prepare.Attempt, _context.Prepare.Epoch + 1, _read, resume),
                static (m, w) => m.Write(w)).ConfigureAwait(false);
        }
        catch (MigrationException)
        {
            // The source reads it in the record.
        }

        return DestinationEvent.Resumed;
    }

    private async Task<(GuestWhereabouts Guest, MigrationException? Failure)> EndAsync(DestinationEffect effect)
    {
        switch (effect)
        {
            case DestinationEffect.AnnounceRunning:
                await AnnounceAsync().ConfigureAwait(false);
                return (GuestWhereabouts.RunningAtDestination, null);
            case DestinationEffect.Hold:
                _context.Journal?.Append(JournalEntryKind.Held, _context.Prepare.Attempt, _context.Prepare.Epoch);
                return (GuestWhereabouts.Held, InDoubt());
            default:
                await _context.Guest.PowerOffAsync(CancellationToken.None).ConfigureAwait(false);
                _context.Journal?.Append(JournalEntryKind.Discarded, _context.Prepare.Attempt, _context.Prepare.Epoch);
                return (GuestWhereabouts.RunningAtSource,
                    _failure ?? new MigrationException(MigrationErrorKind.Cancelled, "The source ended the attempt.") { FromPeer = true, Phase = Phase, DetectedBy = DetectedBy.Supervisor });
        }
    }

    private async Task AnnounceAsync()
    {
        if (Store is not null)
        {
            try
            {
                await Store.MarkAsync(_context.Prepare.GuestId, _context.Prepare.Epoch + 1, OwnershipMark.Running, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e) when (e is MigrationException or IOException or UnauthorizedAccessException)
            {
                _context.Identity.Logger.Note(_context.Identity.Id, _context.Identity.Side, $"The guest runs, but the record could not be told: {e.Message}");
            }
        }

        _context.Journal?.Append(JournalEntryKind.RunsHere, _context.Prepare.Attempt, _context.Prepare.Epoch + 1);
    }

    private MigrationException InDoubt() => new(
        MigrationErrorKind.InDoubt,
        $"It is not known here whether the guest runs at the source; this copy is complete and stays paused. {(Store is null ? "There is no ownership store: look at the source" : $"Read the record of guest {_context.Prepare.GuestId} ({Store.Description})")} before anything is started. Cause: {_failure?.Message ?? "none"}",
        _failure)
    {
        Phase = _failure?.Phase ?? Phase,
        DetectedBy = _failure?.DetectedBy ?? DetectedBy.Supervisor,
    };
}
