using PageEngine.Devices;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.State;
using PageEngine.EmbeddedGuest.Workloads;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Running;

// Owns: running the code of a switchover once, on scratch memory, so that the first resume of a guest in this process
// does not wait for the compiler: it would be part of the blackout.

internal static class Rehearsal
{
    private const int Operations = 200;

    private static readonly Lazy<bool> _done = new(Run);

    internal static void RunOnce() => _ = _done.Value;

    private static bool Run()
    {
        VerifiableGuestOptions options = new()
        {
            VirtualCpus = 1,
            Workloads = [.. new[] { "hot:4KiB@16MiB/s", "uniform@16MiB/s", "zipf:1@16MiB/s", "seq@16MiB/s" }.Select(WorkloadSpec.Parse)],
        };
        using GuestMemory memory = GuestMemory.Allocate((GuestMemoryMap.MinimumPages(1) + 8) * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        GuestMemoryMap map = new(memory.Layout, 1);
        WorkloadMix mix = new(options.Workloads, 1);
        GuestClock clock = new(TimeProvider.System);
        OperationExecutor executor = new(memory, map, new OperationStream(options.Seed, 0, new WorkloadPlan(mix, map, 0)), 0);
        RunGate gate = new(1);
        VirtualCpu cpu = new(0, gate, clock, executor, new GuestControls { Tracer = tracer }, new Pacer(null, clock.Frequency, 1));
        tracer.Start();
        gate.Open();
        cpu.Start();
        while (cpu.Operations < Operations)
        {
            clock.Sleep(clock.Frequency / 10_000);
        }

        gate.End();
        cpu.Join();

        ReadOnlyMemory<byte> configuration = GuestConfiguration.Encode(memory.Layout.Bytes, options);
        DeviceStateWriter writer = new();
        GuestStateCodec.Save(new GuestState(configuration, 1, clock.BootId, clock.Frequency, clock.Now(), clock.UtcNow(), [cpu.State]), writer);
        GuestState loaded = GuestStateCodec.Load(writer.ToDeviceState(), configuration.Span, 1);
        SwitchoverClock switchover = SwitchoverClock.Of(loaded, clock.BootId, clock.Now(), clock.UtcNow(), clock.Frequency);
        return switchover.Between(loaded.SavedAt, clock.Now()) >= TimeSpan.Zero;
    }
}
