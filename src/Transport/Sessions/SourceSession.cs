using System.Globalization;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: one migration at the source from beginning to end. It is the only one that initiates the handling of a failure,
// and it always comes to an end: the guest runs at the destination, runs on here, or is held with a stated reason.

/// <summary>The supervisor role at the source.</summary>
internal sealed class SourceSession
{
    private const int MaxAutomaticStreams = 8;

    private readonly IGuest _guest;
    private readonly IWriteTracer _tracer;
    private readonly MigrationSourceOptions _options;
    private readonly TimeProvider _time;
    private readonly MigrationIdentity _identity;
    private readonly GuestOwnership _ownership;
    private readonly ReportBuilder _report;
    private readonly SessionRoles _roles;
    private SwitchoverResult? _result;
    private MigrationPhase _phase = MigrationPhase.Handshake;
    private Action<MigrationPhase>? _tellPhase;

    internal SourceSession(IGuest guest, IWriteTracer tracer, MigrationSourceOptions options, MigrationIdentity identity)
    {
        _guest = guest;
        _tracer = tracer;
        _options = options;
        _time = options.TimeProvider;
        _identity = identity;
        _ownership = options.Ownership ?? new GuestOwnership(null, guest.Id, RunId.NewRandom(), 1);
        _roles = new SessionRoles(identity, _time);
        _report = new ReportBuilder(identity.Id, MigrationRole.Source, guest.Id, _time)
        {
            Epoch = _ownership.Epoch,
            MemoryBytes = guest.Memory.Layout.Bytes,
            Tracer = tracer.Name,
        };
    }

    /// <summary>Runs the migration. Every failure becomes part of the report.</summary>
    internal async Task<MigrationReport> RunAsync(IMigrationConnector connector, CancellationToken cancellationToken)
    {
        _report.Peer = connector.Description;
        MigrationException? failure;
        try
        {
            using var guestLock = GuestLock.Acquire(_options.JournalDirectory, _guest.Id);
            await MigrateAsync(connector, cancellationToken).ConfigureAwait(false);
            failure = _result!.Failure;
        }
        catch (Exception e)
        {
            // Guest, tracer, policy, connector and store are the embedder's: what they throw ends in the report, too.
            failure = SessionFailure.Complete(e, _phase);
            _roles.Initiate(failure);
        }

        await ForgetAttemptAsync().ConfigureAwait(false);
        await _roles.EndSupervisorAsync().ConfigureAwait(false);
        return Conclude(failure);
    }

    // The nonces of an attempt that has ended are of no use to anybody; one in doubt is left for whoever looks into it.
    private async Task ForgetAttemptAsync()
    {
        if (_ownership.Store is not { } store || _result?.Guest == GuestWhereabouts.Held)
        {
            return;
        }

        try
        {
            await StoreCall.RunAsync(
                store, called => called.ForgetAttemptAsync(_guest.Id, _identity.Attempt, CancellationToken.None), _options.NetworkTimeout, _time).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _identity.Logger.Note(_identity.Id, _identity.Side, $"The attempt's marks could not be removed from the ownership store: {e.Message}");
        }
    }

    private async Task MigrateAsync(IMigrationConnector connector, CancellationToken cancellationToken)
    {
        if (_ownership.Store is null)
        {
            _identity.Logger.NoStore(_identity.Id, _identity.Side);
        }

        using IDisposable? presence = await PeerPresence.AnnounceAsync(
            _ownership.Store, _guest.Id, _identity.Attempt, SourceHandshake.SourceSide, cancellationToken).ConfigureAwait(false);
        SourceTransport transport = await StartAsync(connector, cancellationToken).ConfigureAwait(false);
        _roles.Begin(DetectedBy.Transport);
        try
        {
            var progress = new ProgressTracker(_options.Progress, _time, null);
            await using (progress.ConfigureAwait(false))
            {
                _tellPhase = progress.Phase;
                try
                {
                    using var watch = GuestWatch.Begin(_guest, () => _phase is MigrationPhase.Handshake or MigrationPhase.PreCopy, transport.Fail);
                    await RunPhasesAsync(transport, progress, cancellationToken).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    MigrationException failure = SessionFailure.Complete(e, _phase);
                    _roles.Initiate(failure);
                    await transport.SayAsync(failure).ConfigureAwait(false);
                    throw failure;
                }
            }
        }
        finally
        {
            await _roles.EndAsync(DetectedBy.Transport, () => transport.DisposeAsync().AsTask(), "its threads have ended and its connections are closed").ConfigureAwait(false);
        }
    }

    private async Task<SourceTransport> StartAsync(IMigrationConnector connector, CancellationToken cancellationToken)
    {
        int streams = _options.Streams > 0 ? _options.Streams : Math.Clamp(Environment.ProcessorCount, 2, MaxAutomaticStreams);
        using var limit = new CancellationTokenSource(_options.StartTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            (SourceTransport transport, WelcomeMessage welcome) = await SourceHandshake.RunAsync(
                _identity, connector, _guest, _ownership, _options, streams, _roles, both.Token).ConfigureAwait(false);
            _report.Streams = welcome.Streams;
            _report.Peer = transport.Peer;
            DestinationRun = welcome.DestinationRun;
            _identity.Logger.Begin(
                _identity.Id, _identity.Side, _guest.Id, _ownership.Epoch, _ownership.Run.ToString(), _identity.Attempt.ToString(),
                _report.MemoryBytes, welcome.Streams, _tracer.Name);
            return transport;
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new MigrationException(
                MigrationErrorKind.Timeout,
                $"The destination was not ready within {_options.StartTimeout.TotalSeconds:0} s ({connector.Description}). Check that it listens and is not busy with another migration.")
            { DetectedBy = DetectedBy.Supervisor };
        }
    }

    /// <summary>Gets the run under which the destination will hold the guest.</summary>
    private RunId DestinationRun { get; set; }

    private async Task RunPhasesAsync(SourceTransport transport, ProgressTracker progress, CancellationToken cancellationToken)
    {
        var context = new SourceSwitchoverContext(_identity, _guest, _ownership, DestinationRun, transport, _roles, _options);
        context.Journal = Journals.Begin(_options.JournalDirectory, context.JournalHeader, _time);
        try
        {
            await RunPhasesAsync(context, progress, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Journals.End(context.Journal);
        }
    }

    private async Task RunPhasesAsync(SourceSwitchoverContext context, ProgressTracker progress, CancellationToken cancellationToken)
    {
        SourceTransport transport = context.Transport;
        SwitchoverFixedCosts fixedCosts = await SourceRehearsal.RunAsync(context, cancellationToken).ConfigureAwait(false);
        await StageAsync(context, cancellationToken).ConfigureAwait(false);

        Enter(MigrationPhase.PreCopy);
        IMigrationPolicy policy = _options.Policy ?? new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions { Goal = _options.SwitchoverGoal });
        using var monitor = new PreCopyMonitor(
            _identity, _guest.Memory, _tracer, transport, policy, fixedCosts, _guest.TryThrottle, progress, _options)
        {
            NextRound = context.NextRound,
        };
        _report.Rounds = monitor.Rounds;
        context.Quiet.Begin();
        _roles.Begin(DetectedBy.Monitor);
        try
        {
            MigrationDecision decision = await monitor.RunAsync(cancellationToken).ConfigureAwait(false);
            _report.Throughput = monitor.Throughput;
            if (decision.Kind == DecisionKind.GiveUp)
            {
                throw new MigrationException(decision.Error == MigrationErrorKind.None ? MigrationErrorKind.NotConverging : decision.Error, decision.Reason)
                {
                    DetectedBy = DetectedBy.Monitor,
                };
            }

            // Beside it: what a guest writes while its log is written would be the last pass's.
            long remaining = monitor.Pending.Count();
            var told = Task.Run(() => LogStop(monitor, decision, remaining), CancellationToken.None);
            Enter(MigrationPhase.Pause);
            context.NextRound = monitor.NextRound;
            SwitchoverResult result = await SourceSwitchoverRun.RunAsync(context, monitor, Enter, cancellationToken).ConfigureAwait(false);
            await told.ConfigureAwait(false);
            if (result.Failure is not null)
            {
                _roles.Initiate(result.Failure);
            }

            _result = result;
            _report.Switchover = result.ToReport(_options.SwitchoverGoal, monitor.Prediction);
            _report.Epoch = result.Epoch;
            LogSent(result, monitor);
            if (result.Guest == GuestWhereabouts.RunningAtDestination)
            {
                Enter(MigrationPhase.Complete);
                await CompleteAsync(transport).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            MigrationException failure = SessionFailure.Complete(await GuestWatch.ExplainAsync(_guest, e, _time).ConfigureAwait(false), _phase);
            _roles.Initiate(failure);
            throw failure;
        }
        finally
        {
            context.Quiet.Dispose();
            await _roles.EndAsync(DetectedBy.Monitor, () => StopTracing(monitor), "tracing is off and the guest has its full speed").ConfigureAwait(false);
            _report.TracerCounters = _tracer.Counters;
            _report.WireBytes = transport.Totals.Sum(t => t.WireBytes);
            _report.Encoding = transport.Encoding;
            _report.Streams = transport.UsedStreams;
        }
    }

    // What granting the guest will need is written before the rounds: what a guest writes while files are flushed would be the
    // last pass's. The switchover stages again, which costs nothing then.
    private async Task StageAsync(SourceSwitchoverContext context, CancellationToken cancellationToken)
    {
        if (_ownership.Store is { } store)
        {
            await StoreCall.RunAsync(
                store, called => called.StageAsync(context.Attempt.ForDestination, cancellationToken), _options.NetworkTimeout, _time).ConfigureAwait(false);
        }
    }

    // The guest runs at the destination: it is too late to cancel, and a peer that is lost now costs the verification and
    // the peer's statistics, not the guest.
    private async Task CompleteAsync(SourceTransport transport)
    {
        try
        {
            if (_options.Verify)
            {
                await VerifyAsync(transport).ConfigureAwait(false);
            }

            await transport.SendAsync(ControlKind.Goodbye, new GoodbyeMessage(_report.Cpu, _report.Memory), static (m, w) => m.Write(w)).ConfigureAwait(false);
            using var limit = new CancellationTokenSource(_options.NetworkTimeout, _time);
            _report.PeerCpu = (await transport.NextAsync<GoodbyeMessage>(ControlKind.Goodbye, limit.Token).ConfigureAwait(false)).Cpu;
        }
        catch (Exception e)
        {
            _identity.Logger.Note(_identity.Id, _identity.Side, $"The guest runs at the destination, but what follows could not be finished: {e.Message}");
        }
    }

    // What fails here must not hide how the migration ended: the guest is where the switchover left it.
    private Task StopTracing(PreCopyMonitor monitor)
    {
        try
        {
            monitor.Stop();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            _identity.Logger.Note(_identity.Id, _identity.Side, $"Tracing could not be stopped in an orderly way: {e.Message}");
        }

        return Task.CompletedTask;
    }

    private async Task VerifyAsync(SourceTransport transport)
    {
        using var comparison = new MemoryComparison(_guest.Memory);
        transport.HashSink = comparison.Take;
        await transport.SendAsync(ControlKind.HashesRequest, 0, static (_, _) => { }).ConfigureAwait(false);
        while (!comparison.Completion.IsCompleted)
        {
            long page = comparison.NextPage;
            using var limit = new CancellationTokenSource(_options.NetworkTimeout, _time);
            await Task.WhenAny(comparison.Completion, transport.Faulted, Task.Delay(Timeout.InfiniteTimeSpan, limit.Token)).ConfigureAwait(false);
            if (transport.Faulted.IsCompleted)
            {
                await transport.Faulted.ConfigureAwait(false);
            }

            if (limit.IsCancellationRequested && page == comparison.NextPage)
            {
                throw new MigrationException(
                    MigrationErrorKind.Timeout, $"The destination sent no hashes for {_options.NetworkTimeout.TotalSeconds:0} s after page {page}: the memories could not be compared.");
            }
        }

        MemoryVerification verification = await comparison.Completion.ConfigureAwait(false);
        _report.Memory = verification;
        _identity.Logger.Verified(_identity.Id, _identity.Side, verification.PagesCompared, verification.PagesDifferent);
    }

    private MigrationReport Conclude(MigrationException? failure)
    {
        GuestWhereabouts guest = _result?.Guest ?? (failure is { Kind: MigrationErrorKind.GuestLost, FromPeer: false } ? GuestWhereabouts.Lost : GuestWhereabouts.RunningAtSource);
        MigrationOutcome outcome = (guest, failure?.Kind) switch
        {
            (GuestWhereabouts.Held, _) => MigrationOutcome.InDoubt,
            (GuestWhereabouts.Lost, _) => MigrationOutcome.Failed,
            (_, null) => MigrationOutcome.Completed,
            (_, MigrationErrorKind.Cancelled) => MigrationOutcome.Cancelled,
            _ => MigrationOutcome.Failed,
        };
        if (failure is not null)
        {
            _identity.Logger.Failed(_identity.Id, _identity.Side, failure.Phase, failure.DetectedBy, failure.Kind, failure.Message);
            _identity.Logger.EstimateAtFailure(_identity.Id, _identity.Side, MigrationLog.Estimate(_report.Throughput));
        }

        if (_report.Memory is { Identical: false } different && outcome == MigrationOutcome.Completed)
        {
            outcome = MigrationOutcome.Failed;
            failure = new MigrationException(
                MigrationErrorKind.DataDamaged,
                $"{different.PagesDifferent} of {different.PagesCompared} pages differ at the destination, the first is page {different.FirstDifferentPage}. The guest runs there on damaged memory: stop it.")
            { Phase = MigrationPhase.Complete, DetectedBy = DetectedBy.Supervisor };
        }

        _identity.Logger.Finished(_identity.Id, _identity.Side, outcome);
        return _report.Build(outcome, failure is null ? null : SessionFailure.ToReport(failure, guest, _roles));
    }

    private void Enter(MigrationPhase phase)
    {
        _phase = phase;
        _tellPhase?.Invoke(phase);
        _identity.Logger.Phase(_identity.Id, _identity.Side, phase);
    }

    private void LogStop(PreCopyMonitor monitor, MigrationDecision decision, long remaining)
    {
        RoundStatistics last = monitor.Rounds[^1];
        if (monitor.Prediction.Total <= _options.SwitchoverGoal)
        {
            _identity.Logger.StoppingPreCopy(
                _identity.Id, _identity.Side, remaining,
                _options.SwitchoverGoal.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture),
                ((monitor.Throughput ?? 0) / (1 << 20)).ToString("0.000", CultureInfo.InvariantCulture),
                last.T2dPercent.ToString("0", CultureInfo.InvariantCulture));
        }
        else
        {
            _identity.Logger.ForcingSwitchover(_identity.Id, _identity.Side, decision.Reason);
        }
    }

    // After the blackout: nothing is formatted for a log while the guest stands still.
    private void LogSent(SwitchoverResult result, PreCopyMonitor monitor)
    {
        if (result.Guest == GuestWhereabouts.RunningAtDestination)
        {
            _identity.Logger.SentAll(_identity.Id, _identity.Side, MigrationLog.Estimate(monitor.Throughput));
        }
    }
}
