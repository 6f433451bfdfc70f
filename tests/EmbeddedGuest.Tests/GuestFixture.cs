using PageEngine.Devices;
using PageEngine.EmbeddedGuest.State;
using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Tests;

/// <summary>Small guests, and what moving them by hand takes.</summary>
internal static class GuestFixture
{
    internal static VerifiableGuest Guest(
        string workloads = "uniform@max", int cpus = 2, ulong seed = 11, int fill = 100, int mebibytes = 4, bool throttle = false)
    {
        VerifiableGuest guest = Empty(workloads, cpus, seed, fill, mebibytes, throttle);
        guest.FillMemory();
        return guest;
    }

    internal static VerifiableGuest Empty(
        string workloads = "uniform@max", int cpus = 2, ulong seed = 11, int fill = 100, int mebibytes = 4, bool throttle = false)
    {
        VerifiableGuestOptions options = new()
        {
            VirtualCpus = cpus,
            Seed = seed,
            FillPercent = fill,
            SupportsThrottle = throttle,
            Workloads = [.. workloads.Split(' ').Select(WorkloadSpec.Parse)],
        };
        return new VerifiableGuest(Guid.NewGuid(), GuestMemory.Allocate((long)mebibytes << 20), options);
    }

    /// <summary>Makes the guest that a migration would make of this one, empty.</summary>
    internal static VerifiableGuest Shadow(this VerifiableGuest source) =>
        VerifiableGuest.FromDescription(source.Id, source.Describe(), source.Memory.Layout);

    internal static void StepAll(this VerifiableGuest guest, params long[] operations)
    {
        for (int i = 0; i < operations.Length; i++)
        {
            guest.Step(i, operations[i]);
        }
    }

    internal static DeviceState Save(this VerifiableGuest guest)
    {
        DeviceStateWriter writer = new();
        Done(guest.SaveStateAsync(writer, CancellationToken.None));
        return writer.ToDeviceState();
    }

    internal static void Load(this VerifiableGuest guest, DeviceState state) => Done(guest.LoadStateAsync(state, CancellationToken.None));

    internal static void Pause(this VerifiableGuest guest) => Done(guest.PauseAsync(CancellationToken.None));

    internal static void Resume(this VerifiableGuest guest, ulong epoch = 1) => Done(guest.ResumeAsync(epoch, CancellationToken.None));

    internal static void PowerOff(this VerifiableGuest guest) => Done(guest.PowerOffAsync(CancellationToken.None));

    internal static void CopyMemoryTo(this VerifiableGuest from, VerifiableGuest to)
    {
        for (long page = 0; page < from.Memory.PageCount; page++)
        {
            from.Memory.Page(page).CopyTo(to.Memory.Page(page));
        }
    }

    /// <summary>Changes what a state says about a virtual CPU.</summary>
    internal static DeviceState Change(this VerifiableGuest guest, DeviceState state, int cpu, Func<VirtualCpuState, VirtualCpuState> change)
    {
        ReadOnlySpan<byte> configuration = GuestConfiguration.Encode(guest.Memory.Layout.Bytes, guest.Options).Span;
        GuestState read = GuestStateCodec.Load(state, configuration, guest.Options.VirtualCpus);
        VirtualCpuState[] cpus = [.. read.VirtualCpus];
        cpus[cpu] = change(cpus[cpu]);
        DeviceStateWriter writer = new();
        GuestStateCodec.Save(read with { VirtualCpus = cpus }, writer);
        return writer.ToDeviceState();
    }

    /// <summary>Lets the guest run until it has done some operations more.</summary>
    internal static void RunFor(this VerifiableGuest guest, long operations)
    {
        long end = guest.Operations + operations;
        guest.Resume(guest.Epoch);
        while (guest.Operations < end)
        {
            Thread.Sleep(1);
        }

        guest.Pause();
    }

    // The guest's methods do their work on the caller's thread.
    private static void Done(ValueTask task)
    {
        Xunit.Assert.True(task.IsCompletedSuccessfully);
    }
}
