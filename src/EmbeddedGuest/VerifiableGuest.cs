using PageEngine.Devices;
using PageEngine.EmbeddedGuest.Fencing;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.Running;
using PageEngine.EmbeddedGuest.State;
using PageEngine.EmbeddedGuest.Verification;
using PageEngine.EmbeddedGuest.Workloads;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest;

// Owns: the embedded guest as the engine sees it: its memory, its virtual CPUs, and the order of pause, save, load and
// resume. Its methods may be called from any thread; a lock lets them act one at a time.

/// <summary>
/// A guest that can prove itself. Its virtual CPUs run transactions over its memory, and everything they do is a
/// function of the seed, the virtual CPU and the operation's number. So the whole run can be replayed at any pause and
/// compared with the memory: a lost operation, a repeated one, or a wrong byte is found.
/// </summary>
public sealed class VerifiableGuest : IGuest, IDisposable
{
    private readonly VerifiableGuestOptions _options;
    private readonly ReadOnlyMemory<byte> _configuration;
    private readonly GuestMemoryMap _map;
    private readonly PageFill _fill;
    private readonly OperationStream[] _streams;
    private readonly VirtualCpu[] _cpus;
    private readonly RunGate _gate;
    private readonly GuestControls _controls = new();
    private readonly GuestClock _clock;
    private readonly Lock _control = new();
    private SwitchoverClock? _switchover;
    private EffectDevice? _effects;
    private EffectState? _effectState;
    private bool _hasContent;
    private bool _running;
    private bool _ended;

    /// <summary>Makes a guest, paused. Its threads are started and wait, so that a resume only lets them go.</summary>
    /// <param name="id">The guest's identity.</param>
    /// <param name="memory">Its memory, which it owns from then on.</param>
    /// <param name="options">What it is made of.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <exception cref="ArgumentException">The options are out of range or do not fit the memory. The caller still owns
    /// the memory.</exception>
    public VerifiableGuest(Guid id, GuestMemory memory, VerifiableGuestOptions options, TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        foreach (WorkloadSpec workload in options.Workloads)
        {
            if (workload.HotBytes > memory.Layout.Bytes)
            {
                throw new ArgumentException($"The workload '{workload}' needs more memory than the guest has ({Units.FormatBytesExact(memory.Layout.Bytes)}).", nameof(options));
            }
        }

        Id = id;
        Memory = memory;
        _options = options;
        _configuration = GuestConfiguration.Encode(memory.Layout.Bytes, options);
        _map = new GuestMemoryMap(memory.Layout, options.VirtualCpus);
        _fill = new PageFill(options.Seed, options.FillPercent);
        _clock = new GuestClock(timeProvider ?? TimeProvider.System);
        _gate = new RunGate(options.VirtualCpus);
        _streams = new OperationStream[options.VirtualCpus];
        _cpus = new VirtualCpu[options.VirtualCpus];
        WorkloadMix mix = new(options.Workloads, options.VirtualCpus);
        double? rate = mix.OperationsPerSecond / options.VirtualCpus;
        for (int i = 0; i < _cpus.Length; i++)
        {
            _streams[i] = new OperationStream(options.Seed, i, new WorkloadPlan(mix, _map, i));
            OperationExecutor executor = new(memory, _map, _streams[i], i);
            Pacer pacer = new(rate, _clock.Frequency, 1 - ((double)i / _cpus.Length));
            _cpus[i] = new VirtualCpu(i, _gate, _clock, executor, _controls, pacer);
        }

        Rehearsal.RunOnce();
        foreach (VirtualCpu cpu in _cpus)
        {
            cpu.Start();
        }
    }

    /// <summary>Gets the guest's identity.</summary>
    public Guid Id { get; }

    /// <summary>Gets the guest's memory; <see cref="Dispose"/> frees it.</summary>
    public GuestMemory Memory { get; }

    /// <summary>Gets what the guest is made of.</summary>
    public VerifiableGuestOptions Options => _options;

    /// <summary>Gets the ownership epoch that the guest runs under, or ran under last; 0 before its first resume.</summary>
    public ulong Epoch { get; private set; }

    /// <summary>Gets how many operations all virtual CPUs have done since the guest was created, on all hosts.</summary>
    public long Operations => _cpus.Sum(c => c.Operations);

    /// <summary>Gets the longest time between two operations of one virtual CPU, switchovers not counted. The pacing of
    /// a workload's rate is part of it: about a millisecond.</summary>
    public TimeSpan LongestStall => _clock.Span(_cpus.Max(c => c.LongestStallTicks));

    /// <summary>Gets the time from the last operation of any virtual CPU at the source to the first operation of any
    /// virtual CPU here; null before that operation, and in a guest that was not migrated.</summary>
    public TimeSpan? SwitchoverStall
    {
        get
        {
            SwitchoverClock? clock = Volatile.Read(ref _switchover);
            long first = _cpus.Min(c => c.FirstOperationAt is var at and > 0 ? at : long.MaxValue);
            long last = clock?.Source.VirtualCpus.Max(c => c.LastOperationAt) ?? 0;
            return last == 0 || first == long.MaxValue ? null : clock!.Between(last, first);
        }
    }

    /// <summary>Gets whether <see cref="SwitchoverStall"/> compares the wall clocks of two hosts, and is only as good as
    /// they are set; false when source and destination share a clock.</summary>
    public bool SwitchoverStallIsByWallClock => Volatile.Read(ref _switchover) is { SameClock: false };

    /// <summary>Gets whether a guard has refused this copy of the guest: it was stopped for good, because another one runs.</summary>
    public bool IsFenced => FenceReason is not null;

    /// <summary>Gets why this copy was stopped for good; null: it was not.</summary>
    public string? FenceReason => Volatile.Read(ref _effects)?.Fence;

    /// <summary>Gets how many effects at a guard are confirmed, on all hosts.</summary>
    public ulong Effects => (Volatile.Read(ref _effects)?.State ?? _effectState ?? default).Done;

    /// <summary>Gets what the virtual CPUs' threads allocated on the managed heap.</summary>
    internal long AllocatedBytes => _cpus.Sum(c => c.AllocatedBytes);

    internal GuestMemoryMap Map => _map;

    internal IReadOnlyList<OperationStream> Streams => _streams;

    /// <summary>Makes the guest that a source described, for its memory and state to arrive in: nothing is filled.</summary>
    /// <param name="id">The guest's identity.</param>
    /// <param name="description">What the source said; not trusted.</param>
    /// <param name="layout">The memory layout that was agreed on.</param>
    /// <param name="maxMemoryBytes">The most memory this host gives a guest; null: all that the runtime may use.</param>
    /// <param name="allocate">Makes the memory; null: anonymous memory.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <exception cref="MigrationException">Refused: the description is damaged, of another kind, or too large.</exception>
    public static VerifiableGuest FromDescription(
        Guid id,
        GuestDescription description,
        MemoryLayout layout,
        long? maxMemoryBytes = null,
        Func<MemoryLayout, GuestMemory>? allocate = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(description);
        ArgumentNullException.ThrowIfNull(layout);
        long limit = maxMemoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        VerifiableGuestOptions options = GuestConfiguration.Decode(description, layout, limit);
        GuestMemory memory = (allocate ?? AnonymousMemory.Allocate)(layout);
        try
        {
            return new VerifiableGuest(id, memory, options, timeProvider);
        }
        catch (ArgumentException e)
        {
            memory.Dispose();
            throw new MigrationException(MigrationErrorKind.Refused, $"The guest's configuration cannot be run here: {e.Message}", e);
        }
    }

    /// <summary>Gives the memory its first content: the accounts, and incompressible bytes in
    /// <see cref="VerifiableGuestOptions.FillPercent"/> of the workload pages; the others stay untouched. Call it once
    /// before the first resume, on memory that is all zero; not at a destination.</summary>
    /// <exception cref="InvalidOperationException">The guest has content already.</exception>
    public void FillMemory()
    {
        lock (_control)
        {
            ThrowIfEnded();
            if (_hasContent)
            {
                throw new InvalidOperationException("The guest's memory has content already; it is filled once, before the first resume.");
            }

            using GuestMemoryHold hold = Memory.HoldForIo();
            MemoryFiller.Fill(Memory, _map, _fill, Header, _controls.Tracer);
            _hasContent = true;
        }
    }

    /// <summary>Tells the guest who traces its writes. Where the tracer needs marks
    /// (<see cref="ExplicitWriteTracer"/>) every page is marked after each write from then on; other tracers see writes
    /// by themselves. Call it before the tracer is started; null detaches.</summary>
    public void AttachTracer(IWriteTracer? tracer)
    {
        lock (_control)
        {
            ThrowIfEnded();

            // At a safe point: no virtual CPU is between a write and the mark that it now needs.
            _gate.Close();
            _controls.Tracer = tracer as ExplicitWriteTracer;
            if (_running)
            {
                _gate.Open();
            }
        }
    }

    /// <summary>Lets the guest make effects at a guard while it runs, each once, wherever the guest is. Their counter moves with
    /// its state, so the destination attaches a connection to the same guard. Refused there, the guest stops for good.</summary>
    /// <param name="guard">The connection; the caller disposes it, after the guest.</param>
    /// <exception cref="InvalidOperationException">The guest runs, or has such effects already.</exception>
    public void AttachEffects(GuardedEffects guard)
    {
        ArgumentNullException.ThrowIfNull(guard);
        lock (_control)
        {
            ThrowIfEnded();
            if (_running || _effects is not null)
            {
                throw new InvalidOperationException(_running ? "Pause the guest before its effects are attached." : "The guest's effects are attached already.");
            }

            Volatile.Write(ref _effects, new EffectDevice(Id, _options.Seed, guard, _effectState ?? default, StopFenced));
        }
    }

    /// <summary>Replays the run from the seed and compares it with the memory, all of it. The guest must be paused; the
    /// time grows with the operations done (tens of millions a second and core) and with the memory.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="InvalidOperationException">The guest runs, or has no content yet.</exception>
    public GuestVerification Verify(CancellationToken cancellationToken = default)
    {
        lock (_control)
        {
            if (_running || !_hasContent)
            {
                throw new InvalidOperationException(_running ? "Pause the guest before it is verified." : "The guest has no content yet: fill its memory or load a state.");
            }

            using GuestMemoryHold hold = Memory.HoldForIo();
            GuestVerifier verifier = new(Memory, _map, _fill, _streams, Header);
            return verifier.Verify([.. _cpus.Select(c => c.State)], cancellationToken);
        }
    }

    /// <summary>Gets a snapshot of each virtual CPU.</summary>
    public IReadOnlyList<VirtualCpuStatistics> GetVirtualCpuStatistics()
    {
        SwitchoverClock? clock = Volatile.Read(ref _switchover);
        VirtualCpuStatistics[] statistics = new VirtualCpuStatistics[_cpus.Length];
        for (int i = 0; i < statistics.Length; i++)
        {
            long last = clock?.Source.VirtualCpus[i].LastOperationAt ?? 0;
            long first = _cpus[i].FirstOperationAt;
            TimeSpan? stall = last > 0 && first > 0 ? clock!.Between(last, first) : null;
            statistics[i] = new VirtualCpuStatistics(i, _cpus[i].Operations, _clock.Span(_cpus[i].LongestStallTicks), stall);
        }

        return statistics;
    }

    /// <inheritdoc/>
    public GuestDescription Describe() => GuestConfiguration.Describe(Memory.Layout.Bytes, _options);

    /// <inheritdoc/>
    public ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_control)
        {
            ThrowIfEnded();
            _effects?.BeginStop();
            _gate.Close();
            _running = false;
            _effects?.WaitStopped();
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    /// <exception cref="MigrationException">The epoch is below one that the guest has run under, or a guard has refused this copy: a newer owner exists.</exception>
    /// <exception cref="InvalidOperationException">The guest has no content yet, or has ended.</exception>
    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_control)
        {
            ThrowIfEnded();
            if (!_hasContent)
            {
                throw new InvalidOperationException("The guest has no content yet: fill its memory or load a state.");
            }

            if (epoch < Epoch)
            {
                throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"Guest {Id} has run under epoch {Epoch}; a resume under the older epoch {epoch} is refused.");
            }

            if (FenceReason is { } fence)
            {
                throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"This copy of guest {Id} was stopped for good: {fence}.");
            }

            Epoch = epoch;
            if (!_running)
            {
                _running = true;
                _gate.Open();
            }

            _effects?.Start(epoch);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(writer);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_control)
        {
            ThrowIfEnded();
            if (_running)
            {
                throw new InvalidOperationException("Pause the guest before its state is saved.");
            }

            GuestStateCodec.Save(CurrentState(), writer);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        cancellationToken.ThrowIfCancellationRequested();
        lock (_control)
        {
            ThrowIfEnded();
            if (_running)
            {
                throw new InvalidOperationException("Pause the guest before a state is loaded into it.");
            }

            TakeOver(state);
        }

        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    /// <remarks>A guest that has content saves its state, which is not consistent while it runs, and throws it away. An empty
    /// one, at a destination, takes over such a state for real and is empty again afterwards.</remarks>
    public ValueTask RehearseAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var writer = new DeviceStateWriter();
        lock (_control)
        {
            ThrowIfEnded();
            GuestStateCodec.Save(CurrentState(), writer);
            if (!_hasContent)
            {
                TakeOver(writer.ToDeviceState());
                _hasContent = false;
                Volatile.Write(ref _switchover, null);
            }
        }

        return ValueTask.CompletedTask;
    }

    private void TakeOver(DeviceState state)
    {
        // Read in full before anything is taken over: a damaged state leaves the guest as it was.
        GuestState loaded = GuestStateCodec.Load(state, _configuration.Span, _cpus.Length);
        for (int i = 0; i < _cpus.Length; i++)
        {
            _cpus[i].Load(loaded.VirtualCpus[i] with
            {
                LongestStallTicks = SwitchoverClock.Scale(loaded.VirtualCpus[i].LongestStallTicks, _clock.Frequency, loaded.TicksPerSecond),
            });
        }

        Epoch = loaded.Epoch;
        _effectState = loaded.Effects;
        _effects?.State = loaded.Effects ?? default;
        Volatile.Write(ref _switchover, SwitchoverClock.Of(loaded, _clock.BootId, _clock.Now(), _clock.UtcNow(), _clock.Frequency));
        _hasContent = true;
    }

    private GuestState CurrentState()
    {
        EffectState? effects = _effects?.State ?? _effectState;
        VirtualCpuState[] cpus = [.. _cpus.Select(c => c.State)];
        if (_switchover is not { } clock)
        {
            return new GuestState(_configuration, Epoch, _clock.BootId, _clock.Frequency, _clock.Now(), _clock.UtcNow(), cpus, effects);
        }

        bool ranHere = clock.KeepTimes(cpus, Array.ConvertAll(_cpus, static c => c.FirstOperationAt));
        return ranHere
            ? new GuestState(_configuration, Epoch, _clock.BootId, _clock.Frequency, _clock.Now(), _clock.UtcNow(), cpus, effects)
            : clock.Source with { Configuration = _configuration, Epoch = Epoch, VirtualCpus = cpus, Effects = effects };
    }

    /// <inheritdoc/>
    /// <remarks>Ends the threads. The memory stays, so that it can still be verified, until <see cref="Dispose"/>.</remarks>
    public ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        PowerOff();
        return ValueTask.CompletedTask;
    }

    /// <summary>Slows the virtual CPUs: each sleeps this share of its time at safe points. Which operations are done
    /// does not change, only when.</summary>
    /// <param name="fraction">0 (none) to 1 (all).</param>
    /// <returns>Whether the guest was made to support it (<see cref="VerifiableGuestOptions.SupportsThrottle"/>).</returns>
    public bool TryThrottle(double fraction)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(fraction);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(fraction, 1);
        if (!_options.SupportsThrottle)
        {
            return false;
        }

        _controls.ThrottleFraction = fraction;
        return true;
    }

    /// <summary>Powers the guest off and frees its memory.</summary>
    public void Dispose()
    {
        PowerOff();
        Memory.Dispose();
    }

    /// <summary>Does operations of one virtual CPU on the calling thread, while the guest is paused.</summary>
    internal void Step(int virtualCpu, long operations)
    {
        lock (_control)
        {
            if (_running || !_hasContent)
            {
                throw new InvalidOperationException("Only a paused guest with content can be stepped.");
            }

            _cpus[virtualCpu].Step(operations);
        }
    }

    private GuestHeader Header => new(_options.Seed, _options.VirtualCpus, Memory.PageCount);

    private void PowerOff()
    {
        lock (_control)
        {
            if (!_ended)
            {
                _ended = true;
                _running = false;
                _effects?.End();
                _gate.End();
                foreach (VirtualCpu cpu in _cpus)
                {
                    cpu.Join();
                }
            }
        }
    }

    // On the thread of the effects. The gate is never opened again: a resume looks at the fence.
    private void StopFenced()
    {
        lock (_control)
        {
            _running = false;
            _gate.Close();
        }
    }

    private void ThrowIfEnded()
    {
        if (_ended)
        {
            throw new InvalidOperationException($"Guest {Id} was powered off at this host.");
        }
    }
}
