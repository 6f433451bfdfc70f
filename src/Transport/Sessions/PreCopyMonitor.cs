using System.Globalization;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Tracing;

namespace PageEngine.Transport.Sessions;

// Owns: pre-copy: the tracer, the pending bitmap, round after round until the policy decides otherwise.
// One task runs it; the page streams read the bitmaps meanwhile.

/// <summary>The monitor role at the source.</summary>
internal sealed class PreCopyMonitor : IDisposable
{
    private static readonly TimeSpan _shortestDelay = TimeSpan.FromMilliseconds(1);

    private readonly MigrationIdentity _identity;
    private readonly GuestMemory _memory;
    private readonly IWriteTracer _tracer;
    private readonly SourceTransport _transport;
    private readonly IMigrationPolicy _policy;
    private readonly SwitchoverFixedCosts _fixedCosts;
    private readonly Func<double, bool> _throttle;
    private readonly ProgressTracker _progress;
    private readonly TimeSpan _stallAlarm;
    private readonly TimeSpan _stallLimit;
    private readonly TimeProvider _time;
    private readonly List<RoundStatistics> _rounds = [];
    private readonly CollectPacing _pacing = new();
    private DirtyBitmap? _present;
    private long _collectedAt;
    private double _throttleInForce;
    private bool _throttleRefused;

    internal PreCopyMonitor(
        MigrationIdentity identity,
        GuestMemory memory,
        IWriteTracer tracer,
        SourceTransport transport,
        IMigrationPolicy policy,
        SwitchoverFixedCosts fixedCosts,
        Func<double, bool> throttle,
        ProgressTracker progress,
        MigrationSourceOptions options)
    {
        _identity = identity;
        _memory = memory;
        _tracer = tracer;
        _transport = transport;
        _policy = policy;
        _fixedCosts = fixedCosts;
        _throttle = throttle;
        _progress = progress;
        _stallAlarm = options.NetworkTimeout;
        _stallLimit = options.StallTimeout;
        _time = options.TimeProvider;
        Pending = new DirtyBitmap(memory.PageCount);
    }

    /// <summary>Gets the pages that the destination does not have in their newest form, as far as was collected.</summary>
    internal DirtyBitmap Pending { get; }

    /// <summary>Gets the finished rounds.</summary>
    internal IReadOnlyList<RoundStatistics> Rounds => _rounds;

    /// <summary>Gets or sets the number of the next round on the streams.</summary>
    internal int NextRound { get; set; }

    /// <summary>Gets the newest prediction.</summary>
    internal SwitchoverPrediction Prediction { get; private set; }

    /// <summary>Gets the acknowledged wire bytes per second so far; null when too little was sent to tell.</summary>
    internal double? Throughput { get; private set; }

    /// <summary>Runs rounds until the policy wants something else than another round.</summary>
    /// <returns>A decision to switch over or to give up.</returns>
    internal async Task<MigrationDecision> RunAsync(CancellationToken cancellationToken)
    {
        long began = _time.GetTimestamp();
        StartTracing();
        _collectedAt = _time.GetTimestamp();
        FindPresentPages();
        Pending.SetAll();
        long toSend = Pending.PageCount;
        while (true)
        {
            RoundStatistics statistics = await RunRoundAsync(toSend, cancellationToken).ConfigureAwait(false);
            _rounds.Add(statistics);
            toSend = Pending.Count();
            MigrationDecision decision = Decide(toSend, _time.GetElapsedTime(began));
            _identity.Logger.Decision(_identity.Id, _identity.Side, statistics.Index, decision.Kind, decision.Reason);
            switch (decision.Kind)
            {
                case DecisionKind.Throttle:
                    _throttleRefused = !_throttle(decision.Throttle);
                    _throttleInForce = _throttleRefused ? _throttleInForce : decision.Throttle;
                    goto case DecisionKind.NextRound;
                case DecisionKind.NextRound:
                    _identity.Logger.AnotherRound(_identity.Id, _identity.Side, toSend, statistics.Index == 0 ? -1 : statistics.DirtyPages);
                    break;
                case DecisionKind.SwitchOver or DecisionKind.GiveUp:
                    return decision;
                default:
                    throw new MigrationException(MigrationErrorKind.Internal, $"The policy decided {decision.Kind}, which this guest cannot do. A policy may only choose what PlanningState offers.");
            }
        }
    }

    /// <summary>Collects what was written and adds it to <see cref="Pending"/>.</summary>
    internal long Collect()
    {
        try
        {
            return _tracer.Collect(Pending);
        }
        catch (MigrationException e)
        {
            e.DetectedBy = DetectedBy.Monitor;
            throw;
        }
    }

    /// <summary>Stops tracing and gives the guest back its full speed.</summary>
    internal void Stop()
    {
        try
        {
            _tracer.Stop();
        }
        finally
        {
            // Whatever the tracer did: a guest that runs on here runs at full speed.
            if (_throttleInForce > 0)
            {
                _throttle(0);
                _throttleInForce = 0;
            }
        }
    }

    public void Dispose()
    {
        Pending.Dispose();
        _present?.Dispose();
    }

    private void StartTracing()
    {
        try
        {
            _tracer.Start();
        }
        catch (MigrationException e)
        {
            e.DetectedBy = DetectedBy.Monitor;
            throw;
        }
    }

    // After the tracer started: a page that the guest touches from now on is reported dirty, so that a hole may be
    // taken for zero in round 0 whatever happens to it later.
    private void FindPresentPages()
    {
        _present = new DirtyBitmap(_memory.PageCount);
        _tracer.MarkPresent(_present);
    }

    private async Task<RoundStatistics> RunRoundAsync(long toSend, CancellationToken cancellationToken)
    {
        // The streams also count the rehearsals' empty rounds; people count from the first round that carries pages.
        int index = _rounds.Count;
        var round = new PageRound(NextRound++, _memory, Pending, index == 0 ? _present : null) { MayArriveLater = true, IsFirst = index == 0, DirtyPages = toSend };
        _progress.RoundBegins(index, toSend, Pending);
        long began = _time.GetTimestamp();
        StreamRoundTotals sent = default;
        var watch = new StallWatch(
            Pending, _time, _stallAlarm, _stallLimit,
            still => _identity.Logger.Stalled(_identity.Id, _identity.Side, index, still.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)),
            _transport.Fail);
        try
        {
            sent = await _transport.SendRoundAsync(round, null, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Also when the round failed: the bitmap is about to be freed.
            watch.Dispose();
            _progress.RoundEnds(sent.WireBytes);
        }

        TimeSpan duration = _time.GetElapsedTime(began);
        _tracer.AddPagesCopied(sent.DataPages + sent.ZeroPages);
        await LeaveGuestAloneAsync(cancellationToken).ConfigureAwait(false);
        long harvestBegan = _time.GetTimestamp();
        long dirtied = Collect();
        long collected = _time.GetTimestamp();
        TimeSpan interval = _time.GetElapsedTime(_collectedAt, collected);
        _collectedAt = collected;
        _pacing.Collected(interval, dirtied);
        var statistics = new RoundStatistics
        {
            Index = index,
            DirtyPages = toSend,
            SentPages = sent.DataPages,
            ZeroPages = sent.ZeroPages,
            WireBytes = sent.WireBytes,
            Duration = duration,
            HarvestDuration = _time.GetElapsedTime(harvestBegan, collected),
            CollectInterval = interval,
            DirtiedPages = dirtied,
            Throttle = _throttleInForce,
        };
        _identity.Logger.RoundDone(
            _identity.Id, _identity.Side, index, toSend, sent.DataPages, sent.ZeroPages, sent.WireBytes,
            duration.TotalMilliseconds.ToString("0.0", CultureInfo.InvariantCulture), dirtied,
            statistics.T2dPercent.ToString("0", CultureInfo.InvariantCulture));
        return statistics;
    }

    // Each collect costs the guest a fault for each page that it writes again.
    private async ValueTask LeaveGuestAloneAsync(CancellationToken cancellationToken)
    {
        // A timer counts in whole milliseconds of a clock that may be one of the kernel's ticks behind: it can end early.
        while (_pacing.LeastInterval - _time.GetElapsedTime(_collectedAt) is { Ticks: > 0 } rest)
        {
            await Task.Delay(rest > _shortestDelay ? rest : _shortestDelay, _time, cancellationToken).ConfigureAwait(false);
        }
    }

    private MigrationDecision Decide(long remaining, TimeSpan elapsed)
    {
        PlanningState state = SwitchoverEstimator.Assess(
            _rounds, remaining, _memory.PageCount, _fixedCosts, elapsed, throttleAvailable: !_throttleRefused, _throttleInForce);
        Prediction = state.Prediction;
        Throughput = state.ThroughputBytesPerSecond;
        _progress.Predicted(state.Prediction);
        try
        {
            return _policy.Decide(state);
        }
        catch (Exception e) when (e is not (MigrationException or OperationCanceledException or OutOfMemoryException))
        {
            throw new MigrationException(
                MigrationErrorKind.Internal, $"The policy {_policy.GetType().Name} failed: {e.Message} ({e.GetType().Name}). Correct it, or migrate with another one.", e)
            { DetectedBy = DetectedBy.Monitor };
        }
    }
}
