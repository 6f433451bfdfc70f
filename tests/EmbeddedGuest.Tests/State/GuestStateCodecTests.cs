using FsCheck;
using FsCheck.Xunit;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest.State;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.State;

public class GuestStateCodecTests
{
    private static readonly byte[] _configuration = [1, 2, 3];

    [Fact]
    public void A_state_is_read_back()
    {
        GuestState state = State();
        GuestState read = GuestStateCodec.Load(Saved(state), _configuration, 2);
        Assert.Equal(state.VirtualCpus, read.VirtualCpus);
        Assert.Equal(
            (state.Epoch, state.BootId, state.TicksPerSecond, state.SavedAt, state.SavedAtUtc),
            (read.Epoch, read.BootId, read.TicksPerSecond, read.SavedAt, read.SavedAtUtc));
    }

    [Fact]
    public void Another_configuration_or_number_of_virtual_cpus_is_refused()
    {
        DeviceState saved = Saved(State());
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => GuestStateCodec.Load(saved, [1, 2, 4], 2)).Kind);
        Assert.Contains("more than 1", Assert.Throws<MigrationException>(() => GuestStateCodec.Load(saved, _configuration, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("'vcpu' 2", Assert.Throws<MigrationException>(() => GuestStateCodec.Load(saved, _configuration, 3)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 10, 0)]
    [InlineData(1L << 63 >> 1, 10, 0)]
    [InlineData(long.MaxValue, 10, 0)]
    [InlineData(5, -1, 0)]
    [InlineData(5, 2000, 0)]
    [InlineData(5, 10, -1)]
    public void Impossible_counters_are_refused(long operations, long lastAt, long stall)
    {
        GuestState state = State() with { VirtualCpus = [new VirtualCpuState(operations, 1, lastAt, stall), default] };
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => GuestStateCodec.Load(Saved(state), _configuration, 2)).Kind);
    }

    [Property(MaxTest = 500)]
    public void Truncated_or_extended_sections_are_refused(byte section, byte cut, bool extend)
    {
        DeviceStateSection[] sections = [.. Saved(State()).Sections];
        int index = section % sections.Length;
        byte[] payload = sections[index].Payload.ToArray();
        byte[] changed = extend ? [.. payload, cut] : payload[..(cut % payload.Length)];
        sections[index] = sections[index] with { Payload = changed };
        Assert.Throws<MigrationException>(() => GuestStateCodec.Load(new DeviceState(sections), _configuration, 2));
    }

    [Fact]
    public void A_newer_version_is_refused_with_the_remedy()
    {
        DeviceStateSection[] sections = [.. Saved(State()).Sections.Select(s => s with { Version = 2 })];
        MigrationException e = Assert.Throws<MigrationException>(() => GuestStateCodec.Load(new DeviceState(sections), _configuration, 2));
        Assert.Equal(MigrationErrorKind.VersionMismatch, e.Kind);
    }

    private static GuestState State() => new(
        _configuration, 7, Guid.NewGuid(), 1_000_000_000, 1000, new DateTimeOffset(2024, 5, 6, 7, 8, 9, TimeSpan.Zero),
        [new VirtualCpuState(11, 12, 13, 14), new VirtualCpuState(21, ulong.MaxValue, 1000, 24)]);

    private static DeviceState Saved(GuestState state)
    {
        DeviceStateWriter writer = new();
        GuestStateCodec.Save(state, writer);
        return writer.ToDeviceState();
    }
}
