using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageApplierTests
{
    private const int Pages = 256;

    [Fact]
    public void Zeros_on_proven_holes_cost_no_memory()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: true, new DirtyBitmap(Pages));
        applier.ApplyZeros(new PageRange(0, Pages));
        applier.ApplyZeros(new PageRange(0, Pages)); // a hole that was offered is a hole still
        Assert.Equal(0, TestMemory.ResidentPages(memory));
        Assert.Equal(Pages, applier.OfferedPages);
        Assert.Equal(PageHash.ZeroPageHash, applier.HashOf(Pages - 1));
    }

    [Fact]
    public void Zeros_clear_what_may_hold_bytes()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        memory.Page(3).Fill(1);
        memory.Page(64).Fill(1);
        var mayHoldBytes = new DirtyBitmap(Pages);
        mayHoldBytes.Set(3);
        mayHoldBytes.Set(64);
        using var applier = new PageApplier(memory, keepHashes: false, mayHoldBytes);
        applier.ApplyZeros(new PageRange(1, 100));
        Assert.False(memory.Page(3).ContainsAnyExcept((byte)0));
        Assert.False(memory.Page(64).ContainsAnyExcept((byte)0));
        Assert.Equal(2, TestMemory.ResidentPages(memory));
    }

    [Fact]
    public void Zeros_clear_what_arrived_before()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: true, new DirtyBitmap(Pages));
        applier.BeginData(new PageRange(7, 2));
        memory.Page(7).Fill(1);
        memory.Page(8).Fill(2);
        applier.EndData(new PageRange(7, 2));
        Assert.NotEqual(PageHash.ZeroPageHash, applier.HashOf(7));
        Assert.NotEqual(applier.HashOf(7), applier.HashOf(8));
        applier.ApplyZeros(new PageRange(8, 1));
        Assert.False(memory.Page(8).ContainsAnyExcept((byte)0));
        Assert.Equal(PageHash.ZeroPageHash, applier.HashOf(8));
        Assert.NotEqual(PageHash.ZeroPageHash, applier.HashOf(7));
        Assert.Equal(2, applier.OfferedPages);
    }

    [Fact]
    public void What_the_memory_holds_already_is_found_without_touching_a_hole()
    {
        using GuestMemory memory = TestMemory.Of(Pages, Pages);
        memory.Page(3).Fill(1);
        memory.Page(Pages + 9).Fill(1);
        long before = TestMemory.ResidentPages(memory);
        using var applier = new PageApplier(memory, keepHashes: false);
        applier.ApplyZeros(new PageRange(0, Pages));
        applier.ApplyZeros(new PageRange(Pages, Pages));
        Assert.False(memory.Page(3).ContainsAnyExcept((byte)0));
        Assert.False(memory.Page(Pages + 9).ContainsAnyExcept((byte)0));
        Assert.Equal(before, TestMemory.ResidentPages(memory));
    }

    [Fact]
    public void Half_received_page_is_cleared_too()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: false, new DirtyBitmap(Pages));
        applier.BeginData(new PageRange(7, 1));
        memory.Page(7)[0] = 1; // and no more came
        applier.ApplyZeros(new PageRange(7, 1));
        Assert.Equal(0, memory.Page(7)[0]);
    }

    [Fact]
    public void Hashes_are_kept_only_when_asked_for()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: false, new DirtyBitmap(Pages));
        Assert.Throws<InvalidOperationException>(() => applier.HashOf(0));
    }

    [Fact]
    public void Hash_table_of_an_untouched_guest_is_a_hole()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: true, new DirtyBitmap(Pages));
        Assert.Equal(PageHash.ZeroPageHash, applier.HashOf(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => applier.HashOf(Pages));
        Assert.Throws<ArgumentOutOfRangeException>(() => applier.HashOf(-1));
    }

    [Fact]
    public void Applier_lives_as_long_as_its_last_stream()
    {
        using GuestMemory memory = TestMemory.Of(Pages);
        var applier = new PageApplier(memory, keepHashes: true, new DirtyBitmap(Pages));
        var writer = new PageBatchWriter(applier, 0, _ => { });
        applier.Dispose();
        PageRun[] runs = [new(1, 5, IsZero: true)];
        StreamShuttle.Put(writer, BatchForge.Head(BatchForge.Data(0, 0, 0, runs), runs));
        Assert.Equal(5, applier.OfferedPages);
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => new PageBatchWriter(applier, 1, _ => { }));
    }

    [Fact]
    public void Guest_memory_stays_mapped_while_a_stream_uses_it()
    {
        GuestMemory memory = TestMemory.Of(Pages);
        using var applier = new PageApplier(memory, keepHashes: true, new DirtyBitmap(Pages));
        using var writer = new PageBatchWriter(applier, 0, _ => { });
        memory.Dispose();
        PageRun[] runs = [new(1, 1, IsZero: false)];
        StreamShuttle.Put(writer, BatchForge.Head(BatchForge.Data(0, 0, 0, runs), runs));
        StreamShuttle.Put(writer, new byte[4096]);
        Assert.Equal(1, applier.OfferedPages);
    }
}
