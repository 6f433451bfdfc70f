using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Memory;

public class MemoryPopulationTests
{
    private const int Pages = 64;
    private static readonly GuestAddress _second = new(1UL << 30);

    [Fact]
    public void Populated_memory_has_no_holes_and_is_as_it_was()
    {
        using GuestMemory memory = Make();
        memory.Page(3).Fill(7);
        memory.Populate();
        using DirtyBitmap present = new(memory.PageCount);
        MemoryResidency.MarkPresent(memory, present);
        Assert.Equal(2 * Pages, present.Count());
        Assert.Equal(7, memory.Page(3)[0]);
        Assert.Equal(0, memory.Page(Pages + 1)[0]);
    }

    [Fact]
    public void First_applier_knows_which_pages_were_zero_and_the_next_asks_anew()
    {
        using GuestMemory memory = Make();
        memory.Page(3).Fill(7);
        memory.Populate();
        using (MemoryPopulation known = memory.TakePopulation()!)
        {
            Assert.Equal([3L], Enumerable.Range(0, 2 * Pages).Select(page => (long)page).Where(page => known.NotZero.IsSet(page)));
        }

        Assert.Null(memory.TakePopulation());
    }

    [Fact]
    public void Zero_page_that_held_something_before_is_cleared_all_the_same()
    {
        using GuestMemory memory = Make();
        memory.Page(3).Fill(7);
        memory.Populate();
        using PageApplier applier = new(memory, keepHashes: false);
        applier.ApplyZeros(new PageRange(0, Pages));
        Assert.Equal(-1, memory.Page(3).IndexOfAnyExcept((byte)0));
        Assert.Equal(Pages, applier.OfferedPages);
    }

    [Fact]
    public void Page_that_is_written_after_the_reservation_and_then_zero_is_cleared()
    {
        using GuestMemory memory = Make();
        memory.Populate();
        using PageApplier applier = new(memory, keepHashes: false);
        applier.BeginData(new PageRange(5, 1));
        memory.Page(5).Fill(9);
        applier.EndData(new PageRange(5, 1));
        applier.ApplyZeros(new PageRange(5, 1));
        Assert.Equal(0, memory.Page(5)[0]);
    }

    private static GuestMemory Make() => new(
    [
        GuestMemoryRegion.MemoryFile(new GuestAddress(0), Pages * MemoryLayout.PageBytes, "populated"),
        GuestMemoryRegion.Anonymous(_second, Pages * MemoryLayout.PageBytes, new MemoryBackingOptions { TransparentHugePages = false }),
    ]);
}
