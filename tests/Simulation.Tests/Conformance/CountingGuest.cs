using System.Buffers.Binary;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Simulation.Tests.Conformance;

// Owns: a small guest that is right, and its flaws.

/// <summary>How a guest can be wrong.</summary>
internal enum GuestFlaw
{
    None,
    NeverRuns,
    RunsOnAfterPause,
    CountsPauses,
    BelongsToOneThread,
    KnowsOneEpoch,
    BreaksWhenCancelled,
    SaveLetsRun,
    SaveWritesUnmarked,
    SaveLosesState,
    LoadLetsRun,
    TakesMissing,
    TakesNewer,
    TakesDamaged,
    TwinIsAnother,
    DescribesItsCounter,
    RunsAfterPowerOff,
    PowersOffOnce,
    RehearsalWrites,
    IgnoresThrottle,
    WritesUnmarked,
    EndsWithSave,
}

/// <summary>One thread that writes a counter into one page after the other.</summary>
internal sealed class CountingGuest : IGuest, IDisposable
{
    private const int Pages = 64;

    private readonly GuestFlaw _flaw;
    private readonly object _gate = new();
    private readonly Thread _thread;
    private volatile bool _mayRun;
    private bool _parked;
    private volatile bool _ended;
    private volatile bool _broken;
    private volatile bool _saved;
    private volatile ExplicitWriteTracer? _marks;
    private double _throttle;
    private ulong _counter = 1;
    private int _pauses;
    private int _ownerThread;

    internal CountingGuest(GuestFlaw flaw, Guid? id = null)
    {
        _flaw = flaw;
        Id = id is { } known && flaw != GuestFlaw.TwinIsAnother ? known : Guid.NewGuid();
        _thread = new Thread(Run) { IsBackground = true };
        _thread.Start();
    }

    public Guid Id { get; }

    public GuestMemory Memory { get; } = GuestMemory.Allocate(Pages * MemoryLayout.PageBytes);

    internal ulong Counter => Volatile.Read(ref _counter);

    internal IWriteTracer Trace()
    {
        _marks = new ExplicitWriteTracer(Memory);
        return _marks;
    }

    public GuestDescription Describe() =>
        new("counting", _flaw == GuestFlaw.DescribesItsCounter ? BitConverter.GetBytes(Counter) : ReadOnlyMemory<byte>.Empty);

    public ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        CheckThread();
        if (_flaw == GuestFlaw.BreaksWhenCancelled && cancellationToken.IsCancellationRequested)
        {
            _broken = true;
        }

        cancellationToken.ThrowIfCancellationRequested();
        _pauses++;
        if (_flaw == GuestFlaw.RunsOnAfterPause)
        {
            _ = Task.Delay(8, CancellationToken.None).ContinueWith(_ => Park(), TaskScheduler.Default);
            return ValueTask.CompletedTask;
        }

        ParkAndWait();
        return ValueTask.CompletedTask;
    }

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        CheckThread();
        cancellationToken.ThrowIfCancellationRequested();
        if (_ended)
        {
            throw new InvalidOperationException("powered off");
        }

        _pauses = Math.Max(0, _pauses - 1);
        if (_flaw == GuestFlaw.NeverRuns || _broken
            || (_flaw == GuestFlaw.CountsPauses && _pauses > 0)
            || (_flaw == GuestFlaw.KnowsOneEpoch && epoch != 1)
            || (_flaw == GuestFlaw.EndsWithSave && _saved))
        {
            return ValueTask.CompletedTask;
        }

        LetRun();
        return ValueTask.CompletedTask;
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        CheckThread();
        cancellationToken.ThrowIfCancellationRequested();
        Memory.Page(Pages - 1)[0]++;
        if (_flaw != GuestFlaw.SaveWritesUnmarked)
        {
            _marks?.MarkDirty(Pages - 1);
        }

        _saved = true;
        Span<byte> payload = stackalloc byte[16];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, Counter);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], _flaw == GuestFlaw.SaveLosesState ? (uint)Id.GetHashCode() ^ (ulong)_thread.ManagedThreadId : 7);
        writer.Add("counter", 0, 1, payload);
        if (_flaw == GuestFlaw.SaveLetsRun)
        {
            LetRun();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        CheckThread();
        if (_flaw == GuestFlaw.TakesMissing && !state.TryGet("counter", 0, out _))
        {
            return ValueTask.CompletedTask;
        }

        DeviceStateSection section = state.Require("counter", 0, _flaw == GuestFlaw.TakesNewer ? ushort.MaxValue : (ushort)1);
        if (section.Payload.Length != 16)
        {
            return _flaw == GuestFlaw.TakesDamaged
                ? ValueTask.CompletedTask
                : throw new MigrationException(MigrationErrorKind.DataDamaged, $"The counter has {section.Payload.Length} bytes instead of 16.");
        }

        Volatile.Write(ref _counter, BinaryPrimitives.ReadUInt64LittleEndian(section.Payload.Span));
        if (_flaw == GuestFlaw.LoadLetsRun)
        {
            LetRun();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        if (_flaw == GuestFlaw.PowersOffOnce && _ended)
        {
            throw new InvalidOperationException("powered off already");
        }

        if (_flaw == GuestFlaw.RunsAfterPowerOff)
        {
            ParkAndWait();
            return ValueTask.CompletedTask;
        }

        End();
        return ValueTask.CompletedTask;
    }

    public ValueTask RehearseAsync(CancellationToken cancellationToken)
    {
        if (_flaw == GuestFlaw.RehearsalWrites)
        {
            Memory.Page(5)[9]++;
        }

        return ValueTask.CompletedTask;
    }

    public bool TryThrottle(double fraction)
    {
        Volatile.Write(ref _throttle, _flaw == GuestFlaw.IgnoresThrottle ? 0 : fraction);
        return true;
    }

    public void Dispose()
    {
        End();
        Memory.Dispose();
    }

    private void CheckThread()
    {
        if (_flaw == GuestFlaw.BelongsToOneThread)
        {
            int owner = Interlocked.CompareExchange(ref _ownerThread, Environment.CurrentManagedThreadId, 0);
            if (owner != 0 && owner != Environment.CurrentManagedThreadId)
            {
                throw new InvalidOperationException("called from another thread");
            }
        }
    }

    private void Park()
    {
        lock (_gate)
        {
            _mayRun = false;
        }
    }

    // A thread that was let run and has not noticed yet is still parked, and stays so.
    private void ParkAndWait()
    {
        lock (_gate)
        {
            _mayRun = false;
            while (!_parked && !_ended)
            {
                Monitor.Wait(_gate);
            }
        }
    }

    private void LetRun()
    {
        lock (_gate)
        {
            _mayRun = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }

        _thread.Join();
    }

    private void WaitUntilLetRun()
    {
        lock (_gate)
        {
            _parked = true;
            Monitor.PulseAll(_gate);
            while (!_mayRun && !_ended)
            {
                Monitor.Wait(_gate);
            }

            _parked = false;
        }
    }

    private void Run()
    {
        while (!_ended)
        {
            if (!_mayRun)
            {
                WaitUntilLetRun();
                continue;
            }

            if (Volatile.Read(ref _throttle) > 0.9)
            {
                Thread.Sleep(10);
                if (!_mayRun || _ended)
                {
                    continue;
                }
            }

            ulong counter = _counter + 1;
            long page = (long)(counter % (Pages - 1));
            BinaryPrimitives.WriteUInt64LittleEndian(Memory.Page(page), counter);
            if (_flaw != GuestFlaw.WritesUnmarked || counter % 3 != 0)
            {
                _marks?.MarkDirty(page);
            }

            Volatile.Write(ref _counter, counter);
            Thread.SpinWait(300);
        }
    }
}
