using System.IO.Hashing;
using System.Runtime.InteropServices;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

[Trait("Category", "Isa")]
public sealed unsafe class PageContentTests : IDisposable
{
    private readonly byte* _page = (byte*)NativeMemory.AlignedAlloc(3 * MemoryLayout.PageBytes, MemoryLayout.PageBytes) + MemoryLayout.PageBytes;

    public PageContentTests()
    {
        // Neighbours that are not zero: reading past either end shows.
        new Span<byte>(_page - MemoryLayout.PageBytes, 3 * MemoryLayout.PageBytes).Fill(0xFF);
        Page.Clear();
    }

    private Span<byte> Page => new(_page, MemoryLayout.PageBytes);

    public void Dispose() => NativeMemory.AlignedFree(_page - MemoryLayout.PageBytes);

    [Fact]
    public void Page_with_any_single_bit_set_is_not_zero()
    {
        Assert.True(ZeroPage.IsZero(_page));
        for (int i = 0; i < MemoryLayout.PageBytes; i++)
        {
            _page[i] = (byte)(1 << (i % 8));
            Assert.False(ZeroPage.IsZero(_page), $"byte {i}");
            _page[i] = 0;
        }

        Assert.True(ZeroPage.IsZero(_page));
    }

    [Fact]
    public void Hash_of_a_zero_page_is_the_constant()
    {
        Assert.Equal(PageHash.ZeroPageHash, PageHash.Of(_page));
        Assert.Equal(PageHash.ZeroPageHash, XxHash3.HashToUInt64(new byte[MemoryLayout.PageBytes]));
    }

    [Fact]
    public void Hash_depends_on_every_byte_and_only_on_the_page()
    {
        new Random(7).NextBytes(Page);
        ulong hash = PageHash.Of(_page);
        Assert.Equal(XxHash3.HashToUInt64(Page), hash);
        var seen = new HashSet<ulong> { hash };
        for (int i = 0; i < MemoryLayout.PageBytes; i++)
        {
            _page[i] ^= 1;
            Assert.True(seen.Add(PageHash.Of(_page)), $"byte {i}");
            _page[i] ^= 1;
        }

        _page[-1] ^= 1;
        _page[MemoryLayout.PageBytes] ^= 1;
        Assert.Equal(hash, PageHash.Of(_page));
    }

    [Fact]
    public void Hash_of_known_bytes_never_changes()
    {
        for (int i = 0; i < MemoryLayout.PageBytes; i++)
        {
            _page[i] = (byte)(i * 31 >> 3);
        }

        // Both hosts compare these, so a new version must give the same.
        Assert.Equal(KnownHash, PageHash.Of(_page));
    }

    private const ulong KnownHash = 529463287406083639;
}
