using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: a running guest with its tracer, and what a test asks of it before and after a migration.

/// <summary>One guest where it runs now.</summary>
internal sealed class GuestAtHost : IDisposable
{
    internal GuestAtHost(VerifiableGuest guest, WriteTracerKind tracer, GuestOwnership? ownership)
    {
        Guest = guest;
        Ownership = ownership;
        Tracer = WriteTracers.Create(tracer, guest.Memory, guestMarksWrites: true).Tracer;
        guest.AttachTracer(Tracer);
    }

    internal VerifiableGuest Guest { get; }

    internal IWriteTracer Tracer { get; }

    internal GuestOwnership? Ownership { get; }

    /// <summary>Starts a guest that can prove itself.</summary>
    internal static async Task<GuestAtHost> StartAsync(
        string workload = "hot:2MiB@20MiB/s", int mebibytes = 16, WriteTracerKind tracer = WriteTracerKind.Explicit, int fillPercent = 100,
        IOwnershipStore? store = null, int regions = 1, ulong seed = 1)
    {
        var id = Guid.NewGuid();
        long bytes = (long)mebibytes << 20;
        var memory = new GuestMemory(Enumerable.Range(0, regions).Select(
            i => GuestMemoryRegion.Anonymous(new GuestAddress((ulong)i << 32), bytes / regions)));
        var guest = new VerifiableGuest(id, memory, new VerifiableGuestOptions
        {
            Workloads = [WorkloadSpec.Parse(workload)],
            FillPercent = fillPercent,
            Seed = seed,
        });
        guest.FillMemory();
        GuestOwnership? ownership = store is null ? null : await GuestOwnership.ClaimAsync(store, id);
        await guest.ResumeAsync(1, default);
        return new GuestAtHost(guest, tracer, ownership);
    }

    internal Task<MigrationReport> MigrateAsync(IMigrationConnector connector, MigrationSourceOptions? options = null, CancellationToken cancellationToken = default) =>
        new MigrationSource(Guest, Tracer, (options ?? new MigrationSourceOptions()) with { Ownership = Ownership }).MigrateAsync(connector, cancellationToken);

    /// <summary>The guest runs on and nothing it did was lost, repeated or damaged.</summary>
    internal Task AssertRunsAndIsConsistentAsync() => AssertRunsAndIsConsistentAsync(Guest);

    internal static async Task AssertRunsAndIsConsistentAsync(VerifiableGuest guest)
    {
        long before = guest.Operations;
        await Eventually.HoldsAsync(() => guest.Operations > before + 10, "the guest does not run");
        ulong epoch = guest.Epoch;
        await guest.PauseAsync(default);
        GuestVerification verification = guest.Verify();
        Assert.True(verification.IsConsistent, verification.ToString());
        await guest.ResumeAsync(epoch, default);
    }

    public void Dispose()
    {
        Guest.Dispose();
        Tracer.Dispose();
    }
}

internal static class Eventually
{
    /// <summary>Waits for something that must come, however slow the machine is.</summary>
    internal static async Task HoldsAsync(Func<bool> condition, string otherwise)
    {
        for (int i = 0; i < 3000; i++)
        {
            if (condition())
            {
                return;
            }

            await Task.Delay(10);
        }

        Assert.Fail(otherwise);
    }
}
