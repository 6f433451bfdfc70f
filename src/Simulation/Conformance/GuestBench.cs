using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Tracing;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the guests and tracers of one check, from their making to their end, and what is asked of a guest again and again.

/// <summary>Makes guests, and looks whether they run or stand still.</summary>
internal sealed class GuestBench(Func<IGuest> create, Func<IGuest, IGuest> createTwin, GuestConformanceOptions options) : IAsyncDisposable
{
    private static readonly CancellationToken _none = CancellationToken.None;

    private readonly List<IGuest> _guests = [];
    private readonly List<IWriteTracer> _tracers = [];

    internal GuestConformanceOptions Options => options;

    internal IGuest Create() => Keep(create(), "a guest");

    internal IGuest CreateTwin(IGuest of) => Keep(createTwin(of), "a twin");

    /// <summary>A guest that runs under epoch 1.</summary>
    internal async Task<IGuest> RunningAsync()
    {
        IGuest guest = Create();
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        return guest;
    }

    /// <summary>A guest that ran a while and is paused.</summary>
    internal async Task<IGuest> PausedAsync()
    {
        IGuest guest = await RunningAsync().ConfigureAwait(false);
        await ProgressesAsync(guest, "After the first resume").ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        return guest;
    }

    internal IWriteTracer Trace(IGuest guest)
    {
        try
        {
            IWriteTracer tracer = options.Trace?.Invoke(guest) ?? KernelWriteTracer.Create(guest.Memory);
            _tracers.Add(tracer);
            return tracer;
        }
        catch (MigrationException e) when (options.Trace is null && e.Kind == MigrationErrorKind.TracingFailed)
        {
            Skip($"Trace was not given, and the kernel does not trace here: {e.Message}");
            throw;
        }
    }

    internal void NeedsWrites()
    {
        if (!options.WritesByItself)
        {
            Skip("The guest writes nothing by itself.");
        }
    }

    /// <summary>Waits until a running guest has changed its memory; a guest that never does is not asked to.</summary>
    internal async Task ProgressesAsync(IGuest guest, string when)
    {
        if (!options.WritesByItself)
        {
            return;
        }

        using var before = new GuestMemoryCopy(guest.Memory);
        long start = TimeProvider.System.GetTimestamp();
        while (before.FirstDifference(guest.Memory) is null)
        {
            Require(
                TimeProvider.System.GetElapsedTime(start) < options.ProgressWithin,
                $"{when}: the guest does not run; its memory did not change within {options.ProgressWithin.TotalSeconds:0.#} s. (A guest that writes nothing by itself is checked with WritesByItself = false.)");
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <summary>Watches that memory stands still.</summary>
    internal async Task StandsStillAsync(IGuest guest, string when, TimeSpan? forTime = null)
    {
        using var before = new GuestMemoryCopy(guest.Memory);
        long start = TimeProvider.System.GetTimestamp();
        do
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System).ConfigureAwait(false);
            Require(before.FirstDifference(guest.Memory) is not { } page, $"{when}: memory does not stand still, page {before.FirstDifference(guest.Memory)} changed.");
        }
        while (TimeProvider.System.GetElapsedTime(start) < (forTime ?? options.StillFor));
    }

    internal void Inspect(IGuest guest, string when)
    {
        if (options.Inspect?.Invoke(guest) is { } wrong)
        {
            Fail($"{when}: the guest's own proof says: {wrong}");
        }
    }

    internal static async Task<DeviceState> SaveAsync(IGuest guest)
    {
        var writer = new DeviceStateWriter();
        await guest.SaveStateAsync(writer, _none).ConfigureAwait(false);
        return writer.ToDeviceState();
    }

    /// <summary>Saves a paused guest twice, so that what is a clock in the state can be told from the rest.</summary>
    internal async Task<StateSample> SampleAsync(IGuest guest)
    {
        DeviceState first = await SaveAsync(guest).ConfigureAwait(false);
        await Task.Delay(TimeSpan.FromMilliseconds(3), TimeProvider.System).ConfigureAwait(false);
        return new StateSample(first, await SaveAsync(guest).ConfigureAwait(false), options.CompareStates);
    }

    internal static void CopyMemory(IGuest from, IGuest to)
    {
        for (long page = 0; page < from.Memory.PageCount; page++)
        {
            from.Memory.Page(page).CopyTo(to.Memory.Page(page));
        }
    }

    internal static void RequireSameMemory(GuestMemory expected, GuestMemory actual, string what)
    {
        for (long page = 0; page < expected.PageCount; page++)
        {
            Require(expected.Page(page).SequenceEqual(actual.Page(page)), $"{what}: page {page} of {expected.PageCount} differs.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IGuest guest in _guests)
        {
            await guest.PowerOffAsync(_none).ConfigureAwait(false);
        }

        foreach (IWriteTracer tracer in _tracers)
        {
            tracer.Dispose();
        }

        foreach (IGuest guest in _guests)
        {
            if (guest is IAsyncDisposable asynchronous)
            {
                await asynchronous.DisposeAsync().ConfigureAwait(false);
            }
            else if (guest is IDisposable disposable)
            {
                disposable.Dispose();
            }
            else
            {
                guest.Memory.Dispose();
            }
        }
    }

    private IGuest Keep(IGuest? guest, string what)
    {
        Require(guest is not null, $"Making {what} gave nothing.");
        _guests.Add(guest);
        return guest;
    }
}
