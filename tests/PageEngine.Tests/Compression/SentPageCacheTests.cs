using PageEngine.Compression;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Compression;

public unsafe class SentPageCacheTests
{
    private const long Slots = 4;

    [Fact]
    public void A_page_that_was_kept_is_found_until_it_is_forgotten()
    {
        using var cache = new SentPageCache(Slots * MemoryLayout.PageBytes);
        Assert.True(cache.TryTake(1) == null);
        byte* room = cache.TryTakeRoom(1, 3);
        Assert.True(room != null);
        *room = 42;
        Assert.False(cache.HasEntries);
        cache.Release(1, 3);
        Assert.True(cache.HasEntries);
        byte* kept = cache.TryTake(1);
        Assert.True(kept == room && *kept == 42);
        cache.Release(1, 4);
        cache.Forget(new PageRange(0, 3));
        Assert.True(cache.TryTake(1) == null);
    }

    [Fact]
    public void A_page_in_use_is_neither_taken_twice_nor_displaced()
    {
        using var cache = new SentPageCache(Slots * MemoryLayout.PageBytes);
        Assert.True(cache.TryTakeRoom(1, 0) != null);
        Assert.True(cache.TryTakeRoom(1, 0) == null);
        Assert.True(cache.TryTakeRoom(1 + Slots, 9) == null);
        cache.Release(1, 0);
        Assert.True(cache.TryTake(1) != null);
        Assert.True(cache.TryTake(1) == null);
        cache.Forget(new PageRange(1, 1)); // does not wait, and does nothing
        cache.Release(1, 0);
        Assert.True(cache.TryTake(1) != null);
    }

    [Fact]
    public void A_page_that_is_not_sent_any_more_makes_room()
    {
        using var cache = new SentPageCache(Slots * MemoryLayout.PageBytes);
        Assert.True(cache.TryTakeRoom(2, 5) != null);
        cache.Release(2, 5);
        Assert.True(cache.TryTakeRoom(2 + Slots, 5) == null);
        Assert.True(cache.TryTakeRoom(2 + Slots, 6) == null);
        Assert.True(cache.TryTakeRoom(2 + Slots, 7) != null);
        cache.Release(2 + Slots, 7);
        Assert.True(cache.TryTake(2) == null);
        Assert.True(cache.TryTake(2 + Slots) != null);
    }
}
