using System.IO.Compression;
using FsCheck;
using FsCheck.Xunit;
using PageEngine.EmbeddedGuest.Operations;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Operations;

public class PageFillTests
{
    [Fact]
    public void Filled_pages_do_not_compress()
    {
        byte[] pages = new byte[64 * 4096];
        for (int i = 0; i < 64; i++)
        {
            Page(new PageFill(9, 100), i).CopyTo(pages, i * 4096);
        }

        using MemoryStream compressed = new();
        using (DeflateStream deflate = new(compressed, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            deflate.Write(pages);
        }

        Assert.InRange(compressed.Length, pages.Length * 0.99, pages.Length * 1.01);
    }

    [Fact]
    public void Pages_depend_on_seed_and_index_alone()
    {
        PageFill fill = new(9, 100);
        Assert.Equal(Page(fill, 5), Page(new PageFill(9, 30), 5));
        Assert.NotEqual(Page(fill, 5), Page(fill, 6));
        Assert.NotEqual(Page(fill, 5), Page(new PageFill(10, 100), 5));
    }

    [Fact]
    public void A_page_never_written_names_no_write()
    {
        byte[] page = Page(new PageFill(1, 100), 0);
        Assert.All(page[..16], b => Assert.Equal(0, b));
        Assert.Contains(page[16..24], b => b != 0);
    }

    [Property]
    public bool The_share_of_filled_pages_is_exact(byte percent, ushort pages)
    {
        int share = percent % 101;
        PageFill fill = new(1, share);
        return Enumerable.Range(0, pages).Count(i => fill.IsFilled(i)) == pages * share / 100;
    }

    private static unsafe byte[] Page(PageFill fill, long index)
    {
        byte[] page = new byte[4096];
        fixed (byte* words = page)
        {
            fill.Write((ulong*)words, index);
        }

        return page;
    }
}
