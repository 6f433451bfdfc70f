using System.Buffers.Binary;
using System.IO.Hashing;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: what later and earlier versions may rely on.
public class CompatibilityTests
{
    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    [Theory]
    [InlineData("v1-raw.ckpt", CheckpointCompression.None)]
    [InlineData("v1-lz4.ckpt", CheckpointCompression.Lz4)]
    [InlineData("v1-zstd.ckpt", CheckpointCompression.Zstd)]
    public void Golden_files_are_read_for_ever(string name, CheckpointCompression compression)
    {
        // The content is a rule, not a copy: see Content.
        using CheckpointChain chain = CheckpointChain.Open(Golden(name));
        chain.Verify();
        using GuestMemory expected = Content();
        using GuestMemory restored = StoredGuest.Allocate(expected.Layout);
        Guests.AssertSame(Guests.State(33), chain.RestoreMemory(restored));
        Assert.Equal(-1, Guests.Differing(expected, restored));
        CheckpointInfo info = chain.Checkpoint;
        Assert.Equal((Guests.Id, 7UL, Guests.Time, "stored", true), (info.GuestId, info.Epoch, info.CreatedAt, info.Description.Kind, info.IsSuspended));
        Assert.Equal((9, 3, 0), (info.DataPages, info.EqualPages, info.ZeroPages));
        using FileStream stream = File.OpenRead(Golden(name));
        Assert.Equal(info.Digest, CheckpointChain.ReadStream(stream, _ => null, default).Info.Digest);
        Assert.True(Enum.IsDefined(compression));
    }

    [Fact]
    public void A_golden_increment_finds_its_parent_and_folds()
    {
        using CheckpointChain chain = CheckpointChain.Open(Golden("v1-child.ckpt"));
        chain.Verify();
        Assert.Equal(["v1-child.ckpt", "v1-raw.ckpt"], chain.All.Select(c => c.FileName));
        using GuestMemory expected = Content();
        Change(expected);
        using GuestMemory restored = StoredGuest.Allocate(expected.Layout);
        chain.RestoreMemory(restored);
        Assert.Equal(-1, Guests.Differing(expected, restored));
    }

    [Fact]
    public async Task This_version_writes_the_golden_bytes()
    {
        // Raw ones alone: how well a library compresses is its own business.
        using GuestMemory memory = Content();
        byte[] bytes = await Guests.SaveAsync(Guests.Of(memory, Guests.State(33)), GoldenOptions(CheckpointCompression.None));
        Assert.Equal(await File.ReadAllBytesAsync(Golden("v1-raw.ckpt")), bytes);
    }

    [Theory]
    [InlineData("note", 1)]
    [InlineData("memory", 2)]
    public async Task An_unknown_optional_section_is_skipped(string name, ushort version)
    {
        byte[] bytes = await SmallAsync();
        for (int at = 2; at <= 5; at++)
        {
            Forge forge = Forge.Parse(bytes);
            forge.Sections.Insert(at, new ForgedSection(SectionName.Of(name), new byte[70_001], Optional: true, version));
            byte[] forged = forge.ToBytes();
            Assert.Equal(RoundTripTests.ReadInfo(bytes).DataPages, RoundTripTests.ReadInfo(forged).DataPages);
            using var open = Reading.OpenCheckpoint.Open(new ArraySource(forged));
            Guests.AssertSame(Guests.State(3), open.ReadDevices());
        }
    }

    [Fact]
    public async Task The_checksum_of_a_skipped_section_is_checked()
    {
        Forge forge = Forge.Parse(await SmallAsync());
        byte[] note = Enumerable.Repeat((byte)0xEE, 5000).ToArray();
        forge.Sections.Insert(3, new ForgedSection(SectionName.Of("note"), note, Optional: true));
        byte[] bytes = forge.ToBytes();
        bytes[bytes.AsSpan().IndexOf(note) + 2500] ^= 1;
        Assert.Contains("'note'", Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(bytes)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("crypto", 1)]
    [InlineData("devices", 2)]
    public async Task An_unknown_required_section_is_refused_by_its_name(string name, ushort version)
    {
        Forge forge = Forge.Parse(await SmallAsync());
        forge.Sections.Insert(3, new ForgedSection(SectionName.Of(name), [1, 2, 3], Optional: false, version));
        byte[] bytes = forge.ToBytes();
        MigrationException e = Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(bytes));
        Assert.Equal(MigrationErrorKind.VersionMismatch, e.Kind);
        Assert.Contains($"'{name}' of version {version}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_file_is_refused_with_both_versions()
    {
        byte[] bytes = await SmallAsync();
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8), 2);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), XxHash3.HashToUInt64(bytes.AsSpan(0, 24)));
        MigrationException e = Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(bytes));
        Assert.Equal(MigrationErrorKind.VersionMismatch, e.Kind);
        Assert.Contains("version 2; this program reads 1 to 1", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_state_is_that_of_a_switchover()
    {
        Forge forge = Forge.Parse(File.ReadAllBytes(Golden("v1-raw.ckpt")));
        Guests.AssertSame(Guests.State(33), DeviceStateCodec.Decode(forge.Sections[forge.IndexOf(SectionName.Devices)].Payload));
    }

    /// <summary>Writes the golden files of this version; run it once for a new version, by hand.</summary>
    internal static async Task WriteGoldenAsync(string directory)
    {
        using GuestMemory memory = Content();
        foreach ((string name, CheckpointCompression compression) in new[] { ("raw", CheckpointCompression.None), ("lz4", CheckpointCompression.Lz4), ("zstd", CheckpointCompression.Zstd) })
        {
            await File.WriteAllBytesAsync(Path.Combine(directory, $"v1-{name}.ckpt"), await Guests.SaveAsync(Guests.Of(memory, Guests.State(33)), GoldenOptions(compression)));
        }

        CheckpointInfo parent = CheckpointChain.Inspect(Path.Combine(directory, "v1-raw.ckpt"));
        using var changed = new Bitmaps.DirtyBitmap(memory.PageCount);
        changed.SetRange(new PageRange(2, 6));
        Change(memory);
        await File.WriteAllBytesAsync(
            Path.Combine(directory, "v1-child.ckpt"),
            await Guests.SaveAsync(Guests.Of(memory, Guests.State(34)), GoldenOptions(CheckpointCompression.Lz4) with { Parent = parent, Changed = changed }));
    }

    private static CheckpointOptions GoldenOptions(CheckpointCompression compression) => Guests.Options(compression) with { Suspend = true, ChunkPages = 4 };

    private static GuestMemory Content()
    {
        GuestMemory memory = StoredGuest.Allocate(Guests.Layout(12, 8));
        for (int page = 1; page < 20; page++)
        {
            for (int i = 0; i < 4096; i++)
            {
                // Pages 3, 9, 15: zero. 4, 8, 16, 19: equal to each other. Others compress more or less.
                memory.Page(page)[i] = page switch
                {
                    3 or 9 or 15 or 5 or 6 or 7 or 10 => 0,
                    4 or 8 or 16 or 19 => (byte)(i / 100),
                    _ => (byte)(((i * page) ^ (i >> 3)) % (page + 20)),
                };
            }
        }

        return memory;
    }

    private static void Change(GuestMemory memory)
    {
        memory.Page(2).Clear();
        memory.Page(3).Fill(0x33);
        memory.Page(4)[7]++;
        memory.Page(6).Fill(0x33);
    }

    private static async Task<byte[]> SmallAsync()
    {
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(6, 3));
        memory.Page(1).Fill(2);
        memory.Page(4)[9] = 1;
        return await Guests.SaveAsync(Guests.Of(memory, Guests.State(3)), Guests.Options() with { ChunkPages = 1 });
    }
}
