using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Devices;
using Xunit;

namespace PageEngine.Tests.Devices;

public class DeviceStateCodecTests
{
    [Property(MaxTest = 200)]
    public void Any_state_round_trips(byte[][] payloads)
    {
        var writer = new DeviceStateWriter();
        for (int i = 0; i < payloads.Length; i++)
        {
            writer.Add(i % 2 == 0 ? "vcpu" : "disk", (uint)i, (ushort)(i + 1), payloads[i] ?? []);
        }

        DeviceState read = DeviceStateCodec.Decode(DeviceStateCodec.Encode(writer.ToDeviceState()));
        Assert.Equal(payloads.Length, read.Sections.Count);
        for (int i = 0; i < payloads.Length; i++)
        {
            DeviceStateSection section = read.Require(i % 2 == 0 ? "vcpu" : "disk", (uint)i, ushort.MaxValue);
            Assert.Equal(i + 1, section.Version);
            Assert.True(section.Payload.Span.SequenceEqual(payloads[i] ?? []));
        }
    }

    [Property(MaxTest = 200)]
    public void States_that_go_through_one_room_are_encoded_as_those_that_go_through_none(byte[][][] states)
    {
        var room = new DeviceStateRoom();
        foreach (byte[][] payloads in states.Select(state => state ?? []))
        {
            var fresh = new DeviceStateWriter();
            var reusing = new DeviceStateWriter(room.Payloads);
            for (int i = 0; i < payloads.Length; i++)
            {
                byte[] payload = payloads[i] ?? [];
                fresh.Add("disk", (uint)i, 1, payload);
                reusing.Add("disk", (uint)i, 1, payload.AsSpan(0, payload.Length / 2), payload.AsSpan(payload.Length / 2));
            }

            Assert.Equal(DeviceStateCodec.Encode(fresh.ToDeviceState()), DeviceStateCodec.Encode(reusing.ToDeviceState(), room.Encoded).ToArray());
        }
    }

    [Fact]
    public void Every_changed_bit_and_every_truncation_is_refused()
    {
        var writer = new DeviceStateWriter();
        writer.Add("vcpu", 0, 1, [1, 2, 3, 4, 5]);
        writer.Add("clock", 1, 2, [9, 8, 7]);
        byte[] bytes = DeviceStateCodec.Encode(writer.ToDeviceState());
        for (int bit = 0; bit < bytes.Length * 8; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Throws<MigrationException>(() => DeviceStateCodec.Decode(changed));
        }

        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Throws<MigrationException>(() => DeviceStateCodec.Decode(bytes.AsMemory(0, length)));
        }
    }

    [Fact]
    public void A_version_above_what_the_guest_reads_is_refused_by_name()
    {
        var writer = new DeviceStateWriter();
        writer.Add("vcpu", 0, 3, []);
        MigrationException e = Assert.Throws<MigrationException>(() => writer.ToDeviceState().Require("vcpu", 0, 2));
        Assert.Equal(MigrationErrorKind.VersionMismatch, e.Kind);
        Assert.Contains("vcpu", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_added_twice_is_refused()
    {
        var writer = new DeviceStateWriter();
        writer.Add("vcpu", 0, 1, []);
        Assert.Throws<ArgumentException>(() => writer.Add("vcpu", 0, 1, []));
    }
}
