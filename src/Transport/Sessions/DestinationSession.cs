using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Switchover;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Sessions;

// Owns: one migration at the destination from the first connection to the end. Whatever fails before this side is
// prepared frees everything and leaves the guest where it was.

/// <summary>The supervisor role at the destination.</summary>
internal sealed class DestinationSession
{
    // A process that is killed gives its memory back before its locks.
    private static readonly TimeSpan _dyingPatience = TimeSpan.FromSeconds(2);

    private readonly Func<GuestOffer, IGuest> _shadowFactory;
    private readonly MigrationDestinationOptions _options;
    private readonly IMigrationAcceptor _acceptor;
    private readonly TimeProvider _time;
    private readonly ReportBuilder _report;
    private readonly SessionRoles _roles;
    private PeerPresence? _source;
    private MigrationIdentity _identity;
    private HelloMessage? _hello;
    private SwitchoverAttempt? _attempt;
    private AttemptId _lastPrepared;

    // Only the last: a source ends a rehearsal before it begins the next, and how many it asks for is its choice.
    private SwitchoverAttempt? _lastScratch;
    private bool _lastScratchRan;
    private IGuest? _guest;
    private GuestWhereabouts _whereabouts = GuestWhereabouts.RunningAtSource;
    private MigrationPhase _phase = MigrationPhase.Handshake;
    private Action<MigrationPhase>? _tellPhase;

    internal DestinationSession(
        Func<GuestOffer, IGuest> shadowFactory, MigrationDestinationOptions options, IMigrationAcceptor acceptor, MigrationIdentity identity)
    {
        _shadowFactory = shadowFactory;
        _options = options;
        _acceptor = acceptor;
        _time = options.TimeProvider;
        _identity = identity;
        _roles = new SessionRoles(identity, _time);
        _report = new ReportBuilder(identity.Id, MigrationRole.Destination, identity.GuestId, _time);
    }

    private RunId Run { get; } = RunId.NewRandom();

    private StoreSweep Sweep => new(_options, _identity, _hello!, Run);

    /// <summary>Receives one migration. Every failure becomes part of the report.</summary>
    internal async Task<DestinationResult> RunAsync(ConnectionGate gate, CancellationToken cancellationToken)
    {
        MigrationException? failure = null;
        try
        {
            MigrationConnection connection = await gate.ControlConnectionAsync(cancellationToken).ConfigureAwait(false);
            _report.Restart();
            _report.Peer = connection.RemoteDescription;
            var transport = new DestinationTransport(connection, _time, _options.NetworkTimeout, _roles);
            _roles.Begin(DetectedBy.Transport);
            try
            {
                try
                {
                    failure = await ReceiveAsync(transport, gate, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    // Guest, factory, store and acceptor are the embedder's: what they throw ends in the report, too.
                    failure = SessionFailure.Complete(e, _phase);
                }

                if (failure is not null)
                {
                    _roles.Initiate(failure);
                    await transport.SayAsync(failure).ConfigureAwait(false);
                }
            }
            finally
            {
                await _roles.EndAsync(DetectedBy.Transport, () => transport.DisposeAsync().AsTask(), "its threads have ended and its connections are closed").ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            failure = SessionFailure.Complete(e, _phase);
            _roles.Initiate(failure);
        }

        if (failure is not null && await IsLostAsync(failure).ConfigureAwait(false))
        {
            _whereabouts = GuestWhereabouts.Lost;
            failure = new MigrationException(
                MigrationErrorKind.GuestLost,
                $"The source's process died with the only complete copy of guest {_identity.GuestId}; what had arrived here is not complete and was never run.", failure)
            { Phase = failure.Phase, DetectedBy = DetectedBy.Supervisor };
            _roles.Detect(failure);
        }

        return await ConcludeAsync(failure).ConfigureAwait(false);
    }

    private async Task<MigrationException?> ReceiveAsync(DestinationTransport transport, ConnectionGate gate, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_options.StartTimeout, _time);
        using var starting = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        MigrationJournal? journal = null;
        try
        {
            HelloMessage hello = await HelloAsync(transport, starting.Token).ConfigureAwait(false);
            _attempt = new SwitchoverAttempt(hello.GuestId, hello.Epoch, hello.SourceRun, Run, hello.Attempt);
            journal = Journals.Begin(_options.JournalDirectory, Header(_attempt, transport), _time);
            _ = DestinationHandshake.ClaimTimeoutFor(hello, _options.ClaimTimeout);
            Guid nonce = await DestinationHandshake.CheckStoreAsync(hello, _options, starting.Token).ConfigureAwait(false);
            await _source!.CheckAsync().ConfigureAwait(false);
            CreateShadow(hello, transport.Peer);
            using var watch = GuestWatch.Begin(_guest!, () => _phase is MigrationPhase.Handshake or MigrationPhase.PreCopy, transport.Fail);
            await _guest!.RehearseAsync(starting.Token).ConfigureAwait(false);

            var joiner = new StreamJoiner(Math.Clamp(Math.Min((int)hello.Streams, _options.MaxStreams), 1, PageBatchLimits.MaxStreams), transport.Connection.IsProven ? PageSeal.NewSecret() : default);
            gate.LetJoin(joiner);
            await DestinationHandshake.WelcomeAsync(
                transport, ProtocolVersion.Negotiate(hello.OldestVersion, hello.NewestVersion), joiner, Run, nonce, _acceptor.DataEndPoint, starting.Token).ConfigureAwait(false);
            await DestinationHandshake.WaitForStreamsAsync(transport, joiner, starting.Token).ConfigureAwait(false);

            using var applier = new PageApplier(_guest.Memory, hello.Verify);
            transport.StartReceiving(joiner.Close(), applier, joiner.Secret);
            _report.Streams = transport.Streams;
            for (int i = 1; i <= transport.Streams; i++)
            {
                _identity.Logger.StreamAdded(_identity.Id, _identity.Side, i);
            }

            await transport.SendAsync(ControlKind.Ready, starting.Token).ConfigureAwait(false);
            var progress = new ProgressTracker(_options.Progress, _time, () => transport.WireBytes);
            await using (progress.ConfigureAwait(false))
            {
                _tellPhase = progress.Phase;
                Enter(MigrationPhase.PreCopy);
                _roles.Begin(DetectedBy.Monitor);
                return await FollowAndJudgeAsync(transport, applier, journal, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new MigrationException(MigrationErrorKind.Timeout, $"The source did not get as far as the first page within {_options.StartTimeout.TotalSeconds:0} s.")
            { DetectedBy = DetectedBy.Supervisor };
        }
        finally
        {
            // Nothing may write the memory of a guest that runs, or that is about to be unmapped.
            await _roles.EndAsync(DetectedBy.Monitor, transport.StopReceivingAsync, "no page is applied any more").ConfigureAwait(false);
            await transport.StopReceivingAsync().ConfigureAwait(false);
            _report.WireBytes = transport.WireBytes;
            Journals.End(journal, runsHere: _whereabouts == GuestWhereabouts.RunningAtDestination);
        }
    }

    // Before this side is prepared it has no complete copy. Whether the source has is known where its process announced
    // itself: one that ended in an orderly way, or lives, still has the guest. A guest in a process of its own needs neither.
    private async Task<bool> IsLostAsync(MigrationException failure) =>
        _whereabouts == GuestWhereabouts.RunningAtSource
        && _guest is not { LivesInOwnProcess: true }
        && failure is { FromPeer: false, Kind: MigrationErrorKind.ConnectionLost or MigrationErrorKind.Timeout }
        && _source is not null
        && await _source.HasDiedAsync(_dyingPatience).ConfigureAwait(false);

    private async Task<HelloMessage> HelloAsync(DestinationTransport transport, CancellationToken cancellationToken)
    {
        InboxMessage first = await transport.NextAsync(cancellationToken).ConfigureAwait(false);
        HelloMessage hello = first.Body as HelloMessage ?? throw ControlFrameCodec.Violation($"a {first.Kind} frame came where {ControlKind.Hello} was due");
        _hello = hello;
        _identity = _identity with { Id = hello.MigrationId, GuestId = hello.GuestId, Attempt = hello.Attempt };
        _roles.Identify(_identity);
        _source = new PeerPresence(_options.OwnershipStore, hello.GuestId, hello.Attempt, SourceHandshake.SourceSide, _time);
        _report.MigrationId = hello.MigrationId;
        _report.GuestId = hello.GuestId;
        _report.Epoch = hello.Epoch;
        _report.MemoryBytes = hello.Layout.Bytes;
        _identity.Logger.SettingInfo(
            _identity.Id, _identity.Side, Environment.ProcessId, _identity.Id, transport.Connection.RemoteDescription, transport.Connection.LocalDescription, Environment.ProcessId);
        _identity.Logger.Begin(
            _identity.Id, _identity.Side, hello.GuestId, hello.Epoch, Run.ToString(), hello.Attempt.ToString(), hello.Layout.Bytes, hello.Streams, "none");
        return hello;
    }

    private void CreateShadow(HelloMessage hello, string peer)
    {
        if (hello.Layout.Bytes > _options.MaxMemoryBytes)
        {
            throw new MigrationException(
                MigrationErrorKind.Refused, $"The guest has {hello.Layout.Bytes} bytes of memory; this destination takes at most {_options.MaxMemoryBytes}.");
        }

        try
        {
            // Kept at once: a guest that is turned down below is freed like any other.
            _guest = _shadowFactory(new GuestOffer(hello.GuestId, hello.Description, hello.Layout, peer, hello.MigrationId));
        }
        catch (Exception e) when (e is not MigrationException)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"The destination could not build the guest: {e.Message}", e);
        }

        if (_guest is null || _guest.Id != hello.GuestId || !_guest.Memory.Layout.Equals(hello.Layout))
        {
            throw new MigrationException(MigrationErrorKind.Refused, "The destination's factory built a guest with another identity or memory layout than the one offered.");
        }
    }

    // The handling of a failure begins before any role is ended for it.
    private async Task<MigrationException?> FollowAndJudgeAsync(
        DestinationTransport transport, PageApplier applier, MigrationJournal? journal, CancellationToken cancellationToken)
    {
        try
        {
            MigrationException? failure = await FollowAsync(transport, applier, journal, cancellationToken).ConfigureAwait(false);
            if (failure is not null)
            {
                _roles.Initiate(failure);
            }

            return failure;
        }
        catch (Exception e)
        {
            MigrationException failure = SessionFailure.Complete(e, _phase);
            _roles.Initiate(failure);
            throw failure;
        }
    }

    // Rounds arrive by themselves; here only what needs a decision.
    private async Task<MigrationException?> FollowAsync(DestinationTransport transport, PageApplier applier, MigrationJournal? journal, CancellationToken cancellationToken)
    {
        using QuietPeriod quiet = new();

        // Before the rounds, so that the notice before the pause finds it done.
        await StageAsync(_attempt!, cancellationToken).ConfigureAwait(false);
        while (true)
        {
            InboxMessage message = await transport.NextAsync(cancellationToken).ConfigureAwait(false);
            switch (message.Body)
            {
                case PrepareMessage { Rehearsal: true } prepare:
                    await RehearseAsync(transport, prepare, cancellationToken).ConfigureAwait(false);
                    break;
                case PrepareMessage prepare:
                    MigrationException? failure = await SwitchOverAsync(transport, applier, journal, prepare, cancellationToken).ConfigureAwait(false);
                    quiet.Dispose();
                    if (failure is null)
                    {
                        await CompleteAsync(transport, applier).ConfigureAwait(false);
                    }

                    return failure;
                case PauseNoticeMessage notice:
                    // The first rehearsal's lasts through the rounds, unless they allocate its budget: a collection now would
                    // stop the threads that receive the last pass.
                    quiet.Begin();
                    await StageAsync(notice, cancellationToken).ConfigureAwait(false);
                    break;
                case CommitMessage commit when commit.Attempt == _lastPrepared:
                    // Only a hint: this side had read the record before it came.
                    break;
                default:
                    throw ControlFrameCodec.Violation($"a {message.Kind} frame came during the rounds");
            }
        }
    }

    // What marking the own epoch will need is written before the guest is paused.
    private async Task StageAsync(PauseNoticeMessage notice, CancellationToken cancellationToken)
    {
        if (_options.OwnershipStore is not null && (notice.Rehearsal || notice.Attempt == _attempt!.Attempt))
        {
            SwitchoverAttempt attempt = AttemptOf(notice.GuestId, notice.Epoch, notice.Attempt);
            (_lastScratch, _lastScratchRan) = notice.Rehearsal ? (attempt, false) : (_lastScratch, _lastScratchRan);
            await StageAsync(attempt, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task StageAsync(SwitchoverAttempt attempt, CancellationToken cancellationToken)
    {
        if (_options.OwnershipStore is { } store)
        {
            await StoreCall.RunAsync(store, called => called.StageAsync(attempt.ForDestination, cancellationToken), _options.NetworkTimeout, _time).ConfigureAwait(false);
        }
    }

    private JournalHeader Header(SwitchoverAttempt attempt, DestinationTransport transport) =>
        new(JournalSide.Destination, attempt, _identity.Id, _options.OwnershipStore?.Description ?? "", transport.Peer);

    private SwitchoverAttempt AttemptOf(Guid guestId, ulong epoch, AttemptId attempt) => new(guestId, epoch, _hello!.SourceRun, Run, attempt);

    private async Task RehearseAsync(DestinationTransport transport, PrepareMessage prepare, CancellationToken cancellationToken)
    {
        if (prepare.GuestId == _hello!.GuestId)
        {
            throw ControlFrameCodec.Violation("a rehearsal names the real guest");
        }

        _lastPrepared = prepare.Attempt;
        SwitchoverAttempt attempt = _lastScratch = AttemptOf(prepare.GuestId, prepare.Epoch, prepare.Attempt);
        _lastScratchRan = false;
        using var scratch = new ScratchGuest(prepare.GuestId);

        // A rehearsal ends with the source: it never waits for a record, and never claims what a stranger names.
        using var limit = new CancellationTokenSource(_options.NetworkTimeout, _time);
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        _ = transport.Faulted.ContinueWith(
            static (_, state) => Cancel((CancellationTokenSource)state!), giveUp, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        MigrationJournal? journal = Journals.BeginRehearsal(
            _options.JournalDirectory, Header(attempt, transport), _time);
        MigrationException? failure;
        try
        {
            (_, failure) = await DestinationSwitchoverRun.RunAsync(
                Context(transport, prepare, scratch, null, journal), giveUp.Token).ConfigureAwait(false);
        }
        finally
        {
            Journals.EndRehearsal(journal);
            _lastScratchRan = scratch.HasRun;
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (failure is not null)
        {
            await Sweep.RemoveScratchAsync(attempt, scratch.HasRun).ConfigureAwait(false);
            if (transport.Faulted.IsCompleted)
            {
                await transport.Faulted.ConfigureAwait(false);
            }

            throw giveUp.IsCancellationRequested
                ? new MigrationException(MigrationErrorKind.Timeout, $"The source did not finish a rehearsal of the switchover within {_options.NetworkTimeout.TotalSeconds:0} s.")
                : failure.Kind == MigrationErrorKind.InDoubt
                ? new MigrationException(MigrationErrorKind.OwnershipFailed, $"The switchover could not be rehearsed to its end: {failure.Message}", failure)
                : failure;
        }
    }

    private static void Cancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The rehearsal is over.
        }
    }

    private async Task<MigrationException?> SwitchOverAsync(
        DestinationTransport transport, PageApplier applier, MigrationJournal? journal, PrepareMessage prepare, CancellationToken cancellationToken)
    {
        if (prepare.GuestId != _hello!.GuestId || prepare.Epoch != _hello.Epoch || prepare.Attempt != _hello.Attempt)
        {
            throw ControlFrameCodec.Violation("a prepare request names another guest, epoch or attempt than the one agreed on");
        }

        _lastPrepared = prepare.Attempt;
        Enter(MigrationPhase.Prepare);
        (_whereabouts, MigrationException? failure) = await DestinationSwitchoverRun.RunAsync(
            Context(transport, prepare, _guest!, applier, journal), cancellationToken).ConfigureAwait(false);
        if (_whereabouts == GuestWhereabouts.RunningAtDestination)
        {
            _report.Epoch = prepare.Epoch + 1;
        }

        return failure;
    }

    private DestinationSwitchoverContext Context(
        DestinationTransport transport, PrepareMessage prepare, IGuest guest, PageApplier? applier, MigrationJournal? journal) => new()
        {
            Identity = _identity,
            Guest = guest,
            Prepare = prepare,
            Attempt = AttemptOf(prepare.GuestId, prepare.Epoch, prepare.Attempt),
            Transport = transport,
            Applier = applier,
            Journal = journal,
            Options = _options,
            Roles = _roles,
            Source = _source!,
            ClaimTimeout = DestinationHandshake.ClaimTimeoutFor(_hello!, _options.ClaimTimeout),
        };

    // The guest runs here: a source that is lost now costs its statistics, nothing else.
    private async Task CompleteAsync(DestinationTransport transport, PageApplier applier)
    {
        Enter(MigrationPhase.Complete);
        using var limit = new CancellationTokenSource(_options.NetworkTimeout, _time);
        try
        {
            while (true)
            {
                InboxMessage message = await transport.NextAsync(limit.Token).ConfigureAwait(false);
                switch (message.Body)
                {
                    case null when message.Kind == ControlKind.HashesRequest && _hello!.Verify:
                        limit.CancelAfter(Timeout.InfiniteTimeSpan);
                        await HashSender.SendAsync(transport, applier, _guest!.Memory.PageCount, _options.NetworkTimeout, _time).ConfigureAwait(false);
                        limit.CancelAfter(_options.NetworkTimeout);
                        break;
                    case GoodbyeMessage goodbye:
                        _report.PeerCpu = goodbye.Cpu;
                        _report.Memory = goodbye.Memory;
                        await transport.SendAsync(ControlKind.Goodbye, new GoodbyeMessage(_report.Cpu, null), static (m, w) => m.Write(w), limit.Token).ConfigureAwait(false);
                        return;
                    case CommitMessage commit when commit.Attempt == _lastPrepared:
                        break;
                    default:
                        throw ControlFrameCodec.Violation($"a {message.Kind} frame came after the switchover");
                }
            }
        }
        catch (Exception e) when (e is MigrationException or OperationCanceledException)
        {
            _identity.Logger.Note(_identity.Id, _identity.Side, $"The guest runs here, but what follows could not be finished: {e.Message}");
        }
    }

    private async Task<DestinationResult> ConcludeAsync(MigrationException? failure)
    {
        IGuest? keep = _whereabouts is GuestWhereabouts.RunningAtDestination or GuestWhereabouts.Held ? _guest : null;
        if (keep is null && _guest is not null)
        {
            await FreeAsync(_guest).ConfigureAwait(false);
        }

        if (keep is null && _hello is not null)
        {
            await Sweep.ForgetAttemptAsync().ConfigureAwait(false);
            if (_lastScratch is not null)
            {
                await Sweep.RemoveScratchAsync(_lastScratch, _lastScratchRan).ConfigureAwait(false);
            }
        }

        MigrationOutcome outcome = (_whereabouts, failure?.Kind) switch
        {
            (GuestWhereabouts.Held, _) => MigrationOutcome.InDoubt,
            (GuestWhereabouts.Lost, _) => MigrationOutcome.Failed,
            (_, null) => MigrationOutcome.Completed,
            (_, MigrationErrorKind.Cancelled) => MigrationOutcome.Cancelled,
            _ => MigrationOutcome.Failed,
        };
        await _roles.EndSupervisorAsync().ConfigureAwait(false);
        if (failure is not null)
        {
            _identity.Logger.Failed(_identity.Id, _identity.Side, failure.Phase, failure.DetectedBy, failure.Kind, failure.Message);
            _identity.Logger.EstimateAtFailure(_identity.Id, _identity.Side, MigrationLog.Estimate(_report.OverallPerSecond));
        }

        _identity.Logger.Finished(_identity.Id, _identity.Side, outcome);
        GuestOwnership? ownership = _whereabouts == GuestWhereabouts.RunningAtDestination && _hello is not null
            ? new GuestOwnership(_options.OwnershipStore, _hello.GuestId, Run, _hello.Epoch + 1)
            : null;
        return new DestinationResult(
            _report.Build(outcome, failure is null ? null : SessionFailure.ToReport(failure, _whereabouts, _roles)), keep, ownership);
    }

    private async Task FreeAsync(IGuest guest)
    {
        try
        {
            await guest.PowerOffAsync(CancellationToken.None).ConfigureAwait(false);
            (guest as IDisposable)?.Dispose();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _identity.Logger.Note(_identity.Id, _identity.Side, $"The copy could not be ended in an orderly way: {e.Message}");
        }

        guest.Memory.Dispose();
    }

    private void Enter(MigrationPhase phase)
    {
        _phase = phase;
        _tellPhase?.Invoke(phase);
        _identity.Logger.Phase(_identity.Id, _identity.Side, phase);
    }
}
