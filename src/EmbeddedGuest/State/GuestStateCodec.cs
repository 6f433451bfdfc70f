using PageEngine.Devices;
using PageEngine.EmbeddedGuest.Fencing;

namespace PageEngine.EmbeddedGuest.State;

// Owns: the guest's device state as sections: "guest" 0 and "vcpu" 0 .. V - 1, version 1, little-endian.
// guest: epoch uint64, boot id 16 bytes, ticks per second int64, saved at int64, saved at UTC int64 (100 ns since
// 0001), configuration. vcpu: operations int64, chain uint64, last operation at int64, longest stall int64.
// "effects" 0, version 1, only of a guest with a guard: done uint64, in flight uint64.

internal static class GuestStateCodec
{
    internal const string GuestKind = "guest";
    internal const string VirtualCpuKind = "vcpu";
    internal const string EffectsKind = "effects";

    private const ushort Version = 1;
    private const long MaxOperations = 1L << 62;
    private const int GuestHeaderBytes = 8 + 16 + 8 + 8 + 8;

    internal static void Save(GuestState state, DeviceStateWriter writer)
    {
        PayloadWriter header = new PayloadWriter()
            .UInt64(state.Epoch)
            .Id(state.BootId)
            .Int64(state.TicksPerSecond)
            .Int64(state.SavedAt)
            .Int64(state.SavedAtUtc.UtcTicks);
        byte[] guest = [.. header.Written.Span, .. state.Configuration.Span];
        writer.Add(GuestKind, 0, Version, guest);
        for (int i = 0; i < state.VirtualCpus.Count; i++)
        {
            VirtualCpuState cpu = state.VirtualCpus[i];
            PayloadWriter payload = new PayloadWriter()
                .Int64(cpu.Operations)
                .UInt64(cpu.Chain)
                .Int64(cpu.LastOperationAt)
                .Int64(cpu.LongestStallTicks);
            writer.Add(VirtualCpuKind, (uint)i, Version, payload.Written.Span);
        }

        if (state.Effects is { } effects)
        {
            writer.Add(EffectsKind, 0, Version, new PayloadWriter().UInt64(effects.Done).UInt64(effects.InFlight).Written.Span);
        }
    }

    /// <summary>Reads a state.</summary>
    /// <param name="state">The sections.</param>
    /// <param name="configuration">The configuration of the guest that takes it.</param>
    /// <param name="virtualCpus">How many virtual CPUs that guest has.</param>
    /// <exception cref="MigrationException">A section is missing, too new, damaged, or of another guest.</exception>
    internal static GuestState Load(DeviceState state, ReadOnlySpan<byte> configuration, int virtualCpus)
    {
        ReadOnlyMemory<byte> guest = state.Require(GuestKind, 0, Version).Payload;
        ReadOnlyMemory<byte> saved = guest[Math.Min(GuestHeaderBytes, guest.Length)..];
        PayloadReader reader = new(guest.Span[..^saved.Length], $"section '{GuestKind}'", MigrationErrorKind.DataDamaged);
        ulong epoch = reader.UInt64();
        Guid bootId = reader.Id();
        long frequency = reader.Int64();
        long savedAt = reader.Int64();
        long utc = reader.Int64();
        if (frequency <= 0 || savedAt < 0 || utc < 0 || utc > DateTimeOffset.MaxValue.UtcTicks)
        {
            throw reader.Bad($"a clock that cannot be (frequency {frequency}, time {savedAt}, date {utc})");
        }

        if (!saved.Span.SequenceEqual(configuration))
        {
            throw reader.Bad("a configuration that is not this guest's: memory, virtual CPUs, seed, fill and workloads must be the same");
        }

        VirtualCpuState[] cpus = new VirtualCpuState[virtualCpus];
        for (int i = 0; i < virtualCpus; i++)
        {
            cpus[i] = LoadVirtualCpu(state.Require(VirtualCpuKind, (uint)i, Version).Payload.Span, i, savedAt);
        }

        return state.TryGet(VirtualCpuKind, (uint)virtualCpus, out _)
            ? throw reader.Bad($"more than {virtualCpus} virtual CPUs")
            : new GuestState(saved, epoch, bootId, frequency, savedAt, new DateTimeOffset(utc, TimeSpan.Zero), cpus, LoadEffects(state));
    }

    private static EffectState? LoadEffects(DeviceState state)
    {
        if (!state.TryGet(EffectsKind, 0, out _))
        {
            return null;
        }

        PayloadReader reader = new(state.Require(EffectsKind, 0, Version).Payload.Span, $"section '{EffectsKind}'", MigrationErrorKind.DataDamaged);
        EffectState effects = new(reader.UInt64(), reader.UInt64());
        reader.End();
        return effects.Done < ulong.MaxValue && (effects.InFlight == 0 || effects.InFlight == effects.Done + 1)
            ? effects
            : throw reader.Bad($"effect {effects.InFlight} in flight behind effect {effects.Done}");
    }

    private static VirtualCpuState LoadVirtualCpu(ReadOnlySpan<byte> payload, int index, long savedAt)
    {
        PayloadReader reader = new(payload, $"section '{VirtualCpuKind}' {index}", MigrationErrorKind.DataDamaged);
        VirtualCpuState cpu = new(reader.Int64(), reader.UInt64(), reader.Int64(), reader.Int64());
        reader.End();
        if (cpu.Operations is < 0 or > MaxOperations)
        {
            throw reader.Bad($"an operation counter of {cpu.Operations}");
        }

        if (cpu.LastOperationAt < 0 || cpu.LastOperationAt > savedAt || cpu.LongestStallTicks < 0)
        {
            throw reader.Bad($"times that cannot be (last operation {cpu.LastOperationAt}, saved {savedAt}, longest stall {cpu.LongestStallTicks})");
        }

        return cpu;
    }
}
