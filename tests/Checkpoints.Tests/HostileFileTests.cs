using System.Buffers.Binary;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Reading;
using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: files whose checksums are right and whose numbers lie: an error each, without the memory that they ask for.
public class HostileFileTests
{
    public static TheoryData<string> Lies => [.. _lies.Keys];

    private static readonly Dictionary<string, (Action<Forge> Tell, bool Repair)> _lies = new()
    {
        ["a layout of 2^60 pages"] = (f => f.Change(SectionName.Layout, p => Set(p, 16, 1L << 60)), true),
        ["more regions than there are bytes"] = (f => f.Change(SectionName.Layout, p => Set(p, 0, 256 | (4096L << 32))), true),
        ["regions that overlap"] = (f => f.Change(SectionName.Layout, p => Set(p, 24, 0)), true),
        ["other pages"] = (f => f.Change(SectionName.Layout, p => Set(p, 0, 2 | (8192L << 32))), true),
        ["a configuration of 4 GiB"] = (f => f.Change(SectionName.Guest, p => p.AsSpan(56, 4).Fill(0xFF)), true),
        ["a kind of escape codes"] = (f => f.Change(SectionName.Guest, p => p[64] = 0x1B), true),
        ["a time before time"] = (f => f.Change(SectionName.Guest, p => Set(p, 40, -1)), true),
        ["a chunk with a run beyond the memory"] = (f => f.Change(SectionName.Memory, p => SetRun(p, 0, new MemoryRun(8, 3, RunKind.Data, 0))), true),
        ["a run at the end of numbers"] = (f => f.Change(SectionName.Memory, p => SetRun(p, 0, new MemoryRun((1L << 40) - 1, 1, RunKind.Data, 0))), true),
        ["a run of nothing"] = (f => f.Change(SectionName.Memory, p => SetRun(p, 0, new MemoryRun(1, 0, RunKind.Data, 0))), true),
        ["a run of no kind"] = (f => f.Change(SectionName.Memory, p => SetRun(p, 0, new MemoryRun(1, 1, RunKind.None, 0))), true),
        ["an equal page beyond the memory"] = (f => f.Change(SectionName.Memory, p => SetRun(p, 0, new MemoryRun(1, 1, RunKind.Equal, 99))), true),
        ["more runs than there are bytes"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 8, 8192)), true),
        ["more pages than there are bytes"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 12, 4096)), true),
        ["a negative count"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 8, -1)), true),
        ["an unknown compression"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 4, 3)), true),
        ["raw bytes that are called LZ4"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 4, 1)), true),
        ["an index that claims more"] = (f => f.Change(SectionName.Index, p => Set(p, 8, 1L << 40)), true),
        ["an index of another memory"] = (f => f.Change(SectionName.Index, p => p.AsSpan(^16)[0] ^= 8), true),
        ["an index without a run"] = (f => Replace(f, SectionName.Index, p => { byte[] n = p[..^16]; Set(n, 8, BinaryPrimitives.ReadInt64LittleEndian(n.AsSpan(8)) - 1); return n; }), true),
        ["an index that points at another section"] = (f => f.Change(SectionName.Index, p => Set(p, 16, 32)), false),
        ["totals that are other ones"] = (f => f.Change(SectionName.End, p => p[24] ^= 1), true),
        ["a digest of another file"] = (f => f.Change(SectionName.End, p => p[48] ^= 1), false),
        ["an end with more in it"] = (f => Replace(f, SectionName.End, p => [.. p, .. new byte[8]]), true),
        ["no layout"] = (f => f.Sections.RemoveAt(1), true),
        ["no state"] = (f => f.Sections.RemoveAt(f.IndexOf(SectionName.Devices)), true),
        ["no index"] = (f => f.Sections.RemoveAt(f.IndexOf(SectionName.Index)), true),
        ["a chunk less"] = (f => f.Sections.RemoveAt(f.IndexOf(SectionName.Memory)), true),
        ["a chunk twice"] = (f => f.Sections.Insert(2, f.Sections[f.IndexOf(SectionName.Memory)]), true),
        ["two guests"] = (f => f.Sections.Insert(1, f.Sections[0]), true),
        ["a layout first"] = (f => f.Sections.Reverse(0, 2), true),
        ["a required section called optional"] = (f => f.Sections[0] = f.Sections[0] with { Optional = true }, true),
        ["a round that goes back"] = (f => f.Change(SectionName.Memory, p => SetInt(p, 0, 5)), true),
        ["a parent that is in another directory"] = (f => f.Sections.Insert(2, new ForgedSection(SectionName.Parent, new ParentSection(new CheckpointDigest(0, 1), 5, "../secret").Encode().ToArray())), true),
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task A_lie_is_an_error_and_costs_nothing(string lie)
    {
        using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(6, 3));
        memory.Page(1).Fill(2);
        memory.Page(2).Fill(2);
        memory.Page(4)[9] = 1;
        Forge forge = Forge.Parse(await Guests.SaveAsync(Guests.Of(memory, Guests.State(3)), Guests.Options() with { ChunkPages = 1 }));
        Assert.Equal(2, forge.Sections.Count(s => s.Name == SectionName.Memory));
        (Action<Forge> tell, bool repair) = _lies[lie];
        tell(forge);
        byte[] bytes = forge.ToBytes(repair);

        long before = GC.GetAllocatedBytesForCurrentThread();
        MigrationException e = Assert.Throws<MigrationException>(() => FuzzTests.ReadAsStream(bytes));
        MigrationException? f = Record.Exception(() => FuzzTests.ReadAsFile(bytes)) as MigrationException;
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
        Assert.Contains("offset", e.Message, StringComparison.Ordinal);
        Assert.Equal(MigrationErrorKind.DataDamaged, f?.Kind);
        Assert.InRange(allocated, 0, (1 << 20) + (16 * bytes.Length));
    }

    [Fact]
    public void A_header_that_claims_an_exabyte_allocates_what_arrives()
    {
        byte[] bytes = new byte[CheckpointFormat.FileHeaderBytes + CheckpointFormat.SectionHeaderBytes + 1000];
        FileHeader.Write(bytes);
        new SectionHeader(SectionName.Of("note"), 1, true, 0, 1L << 60, 0).Write(bytes.AsSpan(CheckpointFormat.FileHeaderBytes), CheckpointFormat.FileHeaderBytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("too early", Assert.Throws<MigrationException>(() => RoundTripTests.ReadInfo(bytes)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3 << 20);
    }

    [Fact]
    public void A_few_bytes_that_name_a_huge_memory_take_no_time()
    {
        // 2^36 pages, said to be zero in runs of millions: nothing may go through them one by one.
        var runs = new List<MemoryRun>();
        for (long page = 0; page + MemoryRun.MaxCount <= MemoryLayout.MaxPages && runs.Count < 8000; page += MemoryRun.MaxCount)
        {
            runs.Add(new MemoryRun(page, MemoryRun.MaxCount, RunKind.Zero, 0));
        }

        byte[] chunk = new byte[MemoryChunk.HeadBytes + (runs.Count * MemoryRun.Bytes)];
        new MemoryChunk(0, CheckpointCompression.None, runs.Count, 0, 0).Write(chunk);
        for (int i = 0; i < runs.Count; i++)
        {
            SetRun(chunk, i, runs[i]);
        }

        var guest = new GuestSection(Guests.Id, 0, default, false, 0, new PageEngine.Guests.GuestDescription("stored", ReadOnlyMemory<byte>.Empty));
        long zero = runs.Sum(r => (long)r.Count);
        byte[] bytes = new Forge([
            new ForgedSection(SectionName.Guest, guest.Encode().ToArray()),
            new ForgedSection(SectionName.Layout, LayoutSection.Encode(new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), MemoryLayout.MaxPages)])).ToArray()),
            new ForgedSection(SectionName.Memory, chunk),
            new ForgedSection(SectionName.Devices, Devices.DeviceStateCodec.Encode(Guests.State(0))),
            new ForgedSection(SectionName.Index, new IndexSection([0], [.. runs]).Encode().ToArray()),
            new ForgedSection(SectionName.End, new EndSection(0, 0, 0, 0, 0, zero, default).Encode().ToArray()),
        ]).ToBytes();
        Assert.Equal(zero, RoundTripTests.ReadInfo(bytes).ZeroPages);
        using OpenCheckpoint one = OpenCheckpoint.Open(new ArraySource(bytes));
        using OpenCheckpoint other = OpenCheckpoint.Open(new ArraySource(bytes));
        Assert.True(ChainComparison.Compare([one], [other], default).IsSame);
    }

    private static void Set(byte[] payload, int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(payload.AsSpan(at), value);

    private static void SetInt(byte[] payload, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(at), value);

    private static void SetRun(byte[] payload, int index, MemoryRun run) => run.Write(payload.AsSpan(MemoryChunk.HeadBytes + (index * MemoryRun.Bytes)));

    private static void Replace(Forge forge, SectionName name, Func<byte[], byte[]> change)
    {
        int at = forge.IndexOf(name);
        forge.Sections[at] = forge.Sections[at] with { Payload = change(forge.Sections[at].Payload) };
    }
}
