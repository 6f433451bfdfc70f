using Microsoft.Extensions.Logging;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Format;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Tracing;

namespace PageEngine.Checkpoints.Writing;

// Owns: the order in which a checkpoint is made: of a paused guest in one pass, of a running one in rounds. Whatever fails,
// the guest is left as it was found.

internal sealed class GuestSaver : IDisposable
{
    private readonly IGuest _guest;
    private readonly GuestMemory _memory;
    private readonly CheckpointOptions _options;
    private readonly CheckpointOutput _output;
    private readonly TimeProvider _time;
    private readonly long _began;
    private readonly List<RoundStatistics> _rounds = [];
    private readonly LiveMap _live = new();
    private GuestMemoryHold _hold;
    private GuestSection _section = null!;
    private SectionWriter _writer = null!;
    private ChunkPipeline? _pipeline;
    private PagePlanner? _planner;
    private DirtyBitmap? _present;
    private long _writtenPages;

    internal GuestSaver(IGuest guest, CheckpointTarget target, CheckpointOptions options)
    {
        _guest = guest;
        _memory = guest.Memory;
        _options = options;
        _time = options.TimeProvider;
        _began = _time.GetTimestamp();
        options.Validate(_memory.PageCount);
        _hold = _memory.HoldForIo();
        try
        {
            _output = target.Open();
        }
        catch
        {
            _hold.Dispose();
            throw;
        }
    }

    /// <summary>Saves a guest that the caller has paused.</summary>
    internal async Task<CheckpointReport> SavePausedAsync(CancellationToken cancellationToken)
    {
        DeviceState state = await SaveStateAsync(cancellationToken).ConfigureAwait(false);
        using var pending = new DirtyBitmap(_memory.PageCount);
        if (_options.Parent is null)
        {
            _present = new DirtyBitmap(_memory.PageCount);
            MemoryResidency.MarkPresent(_memory, _present);
        }

        MarkFirst(pending);
        RequireRoom(pending);
        Begin(pending);
        RunRound(pending, guestRuns: false, () => 0, cancellationToken);
        return Finish(state, null);
    }

    /// <summary>Saves a guest that runs, in rounds, and lets it run on unless it is to be suspended.</summary>
    internal async Task<CheckpointReport> SaveRunningAsync(IWriteTracer tracer, CancellationToken cancellationToken)
    {
        if (!_options.KeepTracing)
        {
            tracer.Start();
        }

        long pausedAt = 0;
        try
        {
            using var pending = new DirtyBitmap(_memory.PageCount);
            using var next = new DirtyBitmap(_memory.PageCount);
            if (_options.Parent is null)
            {
                _present = new DirtyBitmap(_memory.PageCount);
                tracer.MarkPresent(_present);
            }

            MarkFirst(pending);
            RequireRoom(pending);
            Begin(pending);
            IMigrationPolicy policy = _options.Policy ?? new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions());
            while (true)
            {
                RunRound(pending, guestRuns: true, () => Collect(tracer, next), cancellationToken);
                (long remaining, bool goOn) = Turn(pending, next);
                if (!goOn || !Decide(policy, remaining))
                {
                    break;
                }
            }

            pausedAt = _time.GetTimestamp();
            await _guest.PauseAsync(cancellationToken).ConfigureAwait(false);
            DeviceState state = await SaveStateAsync(cancellationToken).ConfigureAwait(false);

            // After the state: saving it may write memory.
            Collect(tracer, next);
            pending.MergeFrom(next);
            _live.MarkDependents(pending);
            RunRound(pending, guestRuns: false, () => 0, cancellationToken);
            TimeSpan? pause = null;
            if (!_options.Suspend)
            {
                await _guest.ResumeAsync(_options.Epoch, CancellationToken.None).ConfigureAwait(false);
                pause = _time.GetElapsedTime(pausedAt);
                pausedAt = 0;
            }

            return Finish(state, pause ?? _time.GetElapsedTime(pausedAt));
        }
        catch when (pausedAt != 0)
        {
            await _guest.ResumeAsync(_options.Epoch, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
        finally
        {
            if (!_options.KeepTracing)
            {
                tracer.Stop();
            }
        }
    }

    public void Dispose()
    {
        _pipeline?.Dispose();
        _planner?.Dispose();
        _output.Dispose();
        _present?.Dispose();
        _hold.Dispose();
    }

    private static long Collect(IWriteTracer tracer, DirtyBitmap into) => tracer.Collect(into);

    private async ValueTask<DeviceState> SaveStateAsync(CancellationToken cancellationToken)
    {
        var writer = new DeviceStateWriter();
        await _guest.SaveStateAsync(writer, cancellationToken).ConfigureAwait(false);
        return writer.ToDeviceState();
    }

    private void MarkFirst(DirtyBitmap pending)
    {
        if (_options.Changed is { } changed)
        {
            pending.CopyFrom(changed);
        }
        else
        {
            pending.SetAll();
        }
    }

    // The least that surely is needed: of raw pages those that are not holes, where the guest's memory says so at once. What is
    // zero or equal is found while writing; a disk that fills up nevertheless is an error like any other.
    private unsafe void RequireRoom(DirtyBitmap pending)
    {
        if (_options.Compression != CheckpointCompression.None)
        {
            return;
        }

        using var candidates = new DirtyBitmap(_memory.PageCount);
        candidates.CopyFrom(_present ?? pending);
        long most = candidates.Count();
        try
        {
            _output.RequireRoom(most * MemoryLayout.PageBytes);
        }
        catch (MigrationException)
        {
            // Perhaps: many pages may be zero or equal. Only if even the pages that are not zero do not fit is it certain.
            long needed = 0;
            for (long page = 0; page < _memory.PageCount; page++)
            {
                needed += candidates.IsSet(page) && !ZeroPage.IsZero(_memory.PagePointer(page)) ? 1 : 0;
            }

            _output.RequireRoom(needed * MemoryLayout.PageBytes);
        }
    }

    private void Begin(DirtyBitmap pending)
    {
        _writer = new SectionWriter(_output);
        _section = new GuestSection(
            _guest.Id, _options.Epoch, _options.Run.Value, _options.Suspend, GuestSection.Microseconds(_options.CreatedAt ?? _time.GetUtcNow()), _guest.Describe());
        _writer.Write(SectionName.Guest, _section.Encode().Span);
        _writer.Write(SectionName.Layout, LayoutSection.Encode(_memory.Layout).Span);
        if (_options.Parent is { } parent)
        {
            if (!parent.Layout.Equals(_memory.Layout) || parent.GuestId != _guest.Id)
            {
                throw new MigrationException(MigrationErrorKind.Refused, $"The checkpoint to add to is of guest {parent.GuestId} with the memory {parent.Layout}; this is {_guest.Id} with {_memory.Layout}. Save it whole.");
            }

            _writer.Write(SectionName.Parent, new ParentSection(parent.Own, parent.FileBytes, parent.FileName).Encode().Span);
        }

        _pipeline = new ChunkPipeline(_memory, _writer, _live, _options.Compression, _options.EffectiveWorkers, _options.EffectiveChunkPages(_memory.PageCount));
        _planner = new PagePlanner(_memory, _pipeline, pending.Count());
    }

    private void RunRound(DirtyBitmap pending, bool guestRuns, Func<long> collect, CancellationToken cancellationToken)
    {
        uint round = (uint)_rounds.Count;
        long began = _time.GetTimestamp();
        long position = _writer.Position;
        long toSay = pending.Count();
        RoundPages pages = _planner!.Run(pending, _present, round, saysZero: round > 0 || _options.Parent is not null, guestRuns, cancellationToken);
        _live.EndRound();
        _writtenPages += pages.Data;

        // A hole may have been filled since.
        _present?.Dispose();
        _present = null;
        TimeSpan duration = _time.GetElapsedTime(began);
        long harvestBegan = _time.GetTimestamp();
        long dirtied = collect();
        _rounds.Add(new RoundStatistics
        {
            Index = (int)round,
            DirtyPages = toSay,
            SentPages = pages.Data,
            ZeroPages = pages.Zero + pages.Equal,
            WireBytes = _writer.Position - position,
            Duration = duration,
            HarvestDuration = _time.GetElapsedTime(harvestBegan),
            DirtiedPages = dirtied,
        });
        _options.Logger.RoundWritten((int)round, toSay, pages.Data, pages.Zero, pages.Equal, _writer.Position - position);
    }

    // What was written meanwhile is the next round's, and so is what was said to equal it.
    private (long Remaining, bool GoOn) Turn(DirtyBitmap pending, DirtyBitmap next)
    {
        _live.MarkDependents(next);
        pending.CopyFrom(next);
        next.Clear();
        long remaining = pending.Count();
        return (remaining, remaining > 0);
    }

    private bool Decide(IMigrationPolicy policy, long remaining)
    {
        PlanningState state = SwitchoverEstimator.Assess(
            _rounds, remaining, _memory.PageCount, new SwitchoverFixedCosts(), _time.GetElapsedTime(_began));
        MigrationDecision decision = policy.Decide(state);
        _options.Logger.RoundDecided(_rounds.Count - 1, decision.Kind, decision.Reason);
        return decision.Kind switch
        {
            DecisionKind.NextRound => true,
            DecisionKind.SwitchOver => false,
            DecisionKind.GiveUp => throw new MigrationException(
                decision.Error == MigrationErrorKind.None ? MigrationErrorKind.NotConverging : decision.Error,
                $"The guest changes its memory faster than it can be written: {decision.Reason} It runs on. Let it write less, use faster storage, or save it paused."),
            _ => throw new MigrationException(MigrationErrorKind.Internal, $"The policy decided {decision.Kind}, which a checkpoint cannot do."),
        };
    }

    private CheckpointReport Finish(DeviceState state, TimeSpan? pause)
    {
        _writer.Write(SectionName.Devices, DeviceStateCodec.Encode(state));
        long data = _live.CountPages(RunKind.Data);
        EndSection end = _writer.WriteEnd(
            new IndexSection([.. _live.Chunks], [.. _live.Runs]), data, _live.CountPages(RunKind.Equal), _live.CountPages(RunKind.Zero));
        _output.Complete();
        ParentSection? parent = _options.Parent is { } p ? new ParentSection(p.Own, p.FileBytes, p.FileName) : null;
        return new CheckpointReport
        {
            Checkpoint = CheckpointInfo.From(_section, _memory.Layout, parent, end, _output.FileName),
            Rounds = _rounds,
            Pause = pause,
            Total = _time.GetElapsedTime(_began),
            ReplacedPages = _writtenPages - data,
        };
    }
}
