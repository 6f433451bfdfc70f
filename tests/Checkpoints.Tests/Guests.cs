using System.Text;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;

namespace PageEngine.Checkpoints.Tests;

// Owns: guests that are only memory and state, with content that has everything a format must get right: holes, zero pages
// that are no holes, equal pages, runs of all lengths, compressible and incompressible bytes.
internal static class Guests
{
    internal static readonly DateTimeOffset Time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    internal static readonly Guid Id = new("0f0e0d0c-0b0a-0908-0706-050403020100");

    internal static MemoryLayout Layout(params int[] pages)
    {
        ulong address = 0;
        var regions = new List<MemoryLayoutRegion>();
        foreach (int count in pages)
        {
            regions.Add(new MemoryLayoutRegion(new GuestAddress(address), count));
            address += (ulong)(count + 7) * MemoryLayout.PageBytes;
        }

        return new MemoryLayout(regions);
    }

    /// <summary>Makes a guest.</summary>
    /// <param name="layout">Its memory.</param>
    /// <param name="seed">What is in it.</param>
    internal static StoredGuest Create(MemoryLayout layout, int seed)
    {
        GuestMemory memory = StoredGuest.Allocate(layout);
        Fill(memory, new Random(seed));
        return Of(memory, State(seed));
    }

    internal static StoredGuest Of(GuestMemory memory, DeviceState state) => new(
        new CheckpointInfo
        {
            GuestId = Id,
            Description = new GuestDescription("stored", new byte[] { 1, 2, 3 }),
            Epoch = 7,
            Run = new RunId(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)),
            IsSuspended = true,
            CreatedAt = Time,
            Layout = memory.Layout,
        },
        memory,
        state);

    internal static DeviceState State(int seed) => new(
    [
        new DeviceStateSection("vcpu", 0, 1, Encoding.ASCII.GetBytes($"state {seed}")),
        new DeviceStateSection("clock", 0, 2, new byte[seed & 0x3F]),
    ]);

    internal static CheckpointOptions Options(CheckpointCompression compression = CheckpointCompression.None) => new()
    {
        Compression = compression,
        CreatedAt = Time,
        Epoch = 7,
        Run = new RunId(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)),
    };

    internal static void Fill(GuestMemory memory, Random random)
    {
        long page = 0;
        while (page < memory.PageCount)
        {
            int kind = random.Next(6);
            for (long end = Math.Min(memory.PageCount, page + 1 + random.Next(12)); page < end; page++)
            {
                FillPage(memory, page, kind, random);
            }
        }
    }

    internal static void FillPage(GuestMemory memory, long page, int kind, Random random)
    {
        Span<byte> bytes = memory.Page(page);
        switch (kind)
        {
            case 0: // A hole, or what was there.
                break;
            case 1:
                bytes.Clear();
                break;
            case 2: // One byte, anywhere.
                bytes.Clear();
                bytes[random.Next(bytes.Length)] = (byte)random.Next(1, 256);
                break;
            case 3: // Equal to others.
                bytes.Fill((byte)random.Next(1, 4));
                break;
            case 4:
                for (int i = 0; i < bytes.Length; i++)
                {
                    bytes[i] = (byte)"a checkpoint of a guest "[(i + (int)page) % 24];
                }

                break;
            default:
                random.NextBytes(bytes);
                break;
        }
    }

    internal static async Task<byte[]> SaveAsync(IGuest guest, CheckpointOptions options)
    {
        using var stream = new MemoryStream();
        await CheckpointSaver.SaveAsync(guest, CheckpointTarget.Stream(stream), options);
        return stream.ToArray();
    }

    /// <summary>Gets the first page that differs, or -1.</summary>
    internal static long Differing(GuestMemory one, GuestMemory other)
    {
        for (long page = 0; page < one.PageCount; page++)
        {
            if (!one.Page(page).SequenceEqual(other.Page(page)))
            {
                return page;
            }
        }

        return -1;
    }

    internal static void AssertSame(DeviceState expected, DeviceState actual)
    {
        Xunit.Assert.Equal(expected.Sections.Count, actual.Sections.Count);
        foreach (DeviceStateSection section in expected.Sections)
        {
            Xunit.Assert.True(actual.TryGet(section.Kind, section.Instance, out DeviceStateSection? found));
            Xunit.Assert.Equal(section.Version, found.Version);
            Xunit.Assert.Equal(section.Payload.ToArray(), found.Payload.ToArray());
        }
    }
}
