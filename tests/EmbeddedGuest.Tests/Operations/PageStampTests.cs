using PageEngine.EmbeddedGuest.Operations;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Operations;

public class PageStampTests
{
    [Fact]
    public void A_stamp_changes_words_all_over_the_page()
    {
        int[] words = Words(new PageStamp(5, 9, 0x123456789ABCDEF));
        Assert.Equal(0, words[0]);
        Assert.Equal(GuestMemoryMap.PageWords - 1, words[^1]);

        // Four cache lines of eight words, in each quarter of the page or next to it.
        Assert.Equal([0, 21, 42, 63], words.Select(w => w / 8).Distinct());
    }

    [Fact]
    public void Every_quarter_tells_one_write_from_the_next()
    {
        ulong[] first = Write(new PageStamp(5, 9, 77), 1);
        Assert.All([0, 1, 170, 341, 511], w => Assert.NotEqual(first[w], Write(new PageStamp(6, 10, 77), 1)[w]));
        Assert.All([170, 341, 511], w => Assert.NotEqual(first[w], Write(new PageStamp(5, 9, 78), 1)[w]));
        Assert.NotEqual(first[1], Write(new PageStamp(5, 9, 77), 2)[1]);
    }

    private static int[] Words(PageStamp stamp)
    {
        ulong[] page = Write(stamp, 0);
        return [.. Enumerable.Range(0, page.Length).Where(i => page[i] != 0)];
    }

    private static unsafe ulong[] Write(PageStamp stamp, int virtualCpu)
    {
        ulong[] page = new ulong[GuestMemoryMap.PageWords];
        fixed (ulong* words = page)
        {
            stamp.Write(words, virtualCpu);
        }

        return page;
    }
}
