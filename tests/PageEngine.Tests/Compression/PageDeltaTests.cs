using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Compression;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Compression;

public unsafe class PageDeltaTests
{
    [Property(MaxTest = 500)]
    public void Applied_to_the_old_state_it_gives_the_new_one(int seed, byte changes)
    {
        var random = new Random(seed);
        using var pages = new Pages();
        random.NextBytes(pages.Old);
        pages.Old.CopyTo(pages.New);
        pages.Old.CopyTo(pages.Applied);
        for (int i = 0; i < changes; i++)
        {
            pages.New[random.Next(pages.New.Length)] = (byte)random.Next(256);
        }

        bool equal = pages.Old.SequenceEqual(pages.New);
        int length = pages.Encode();
        Assert.True(pages.Old.SequenceEqual(pages.New), "the kept state is not the new one");
        if (length <= 0)
        {
            Assert.Equal(equal, length == 0);
            return;
        }

        Assert.InRange(length, PageDelta.MinBytes, PageDelta.MaxBytes);
        Assert.True(PageDelta.TryApply(pages.Delta[..length], pages.Applied));
        Assert.True(pages.Applied.SequenceEqual(pages.New));
    }

    [Theory]
    [InlineData(1, 17)]
    [InlineData(8, 8 + 1 + 64)]
    [InlineData(64, 8 + (8 * 65))]
    [InlineData(376, 8 + (47 * 65))]
    [InlineData(384, -1)]
    [InlineData(512, -1)]
    public void Its_length_is_that_of_what_changed(int words, int expected)
    {
        using var pages = new Pages();
        new Random(1).NextBytes(pages.Old);
        pages.Old.CopyTo(pages.New);
        foreach (ref ulong word in MemoryMarshal.Cast<byte, ulong>(pages.New)[..words])
        {
            word = ~word;
        }

        Assert.Equal(expected, pages.Encode());
        Assert.True(pages.Old.SequenceEqual(pages.New));
    }

    [Fact]
    public void What_is_no_difference_is_refused()
    {
        using var pages = new Pages();
        new Random(2).NextBytes(pages.Old);
        pages.Old.CopyTo(pages.New);
        pages.New[8] ^= 1;
        pages.New[800] ^= 1;
        int length = pages.Encode();
        byte[] good = pages.Delta[..length].ToArray();
        Assert.True(PageDelta.TryApply(good, pages.Applied));
        Assert.False(PageDelta.TryApply(good.AsSpan(0, length - 1), pages.Applied));
        Assert.False(PageDelta.TryApply([.. good, 0], pages.Applied));
        Assert.False(PageDelta.TryApply([], pages.Applied));
        Assert.False(PageDelta.TryApply(new byte[PageDelta.MaxBytes + 1], pages.Applied));
        byte[] emptyLine = [.. good];
        emptyLine[8] = 0;
        Assert.False(PageDelta.TryApply(emptyLine, pages.Applied));
    }

    [Property(MaxTest = 2000)]
    public void Anything_may_be_applied_and_stays_within_the_page(byte[] bytes, int seed)
    {
        byte[] framed = new byte[MemoryLayout.PageBytes + 128];
        byte[] delta = bytes;
        if ((seed & 1) == 0 && bytes.Length > 0)
        {
            delta = new byte[PageDelta.MinBytes + (bytes.Length * 9)];
            new Random(seed).NextBytes(delta);
        }

        _ = PageDelta.TryApply(delta, framed.AsSpan(64, MemoryLayout.PageBytes));
        Assert.True(framed.AsSpan(0, 64).IndexOfAnyExcept((byte)0) < 0 && framed.AsSpan(MemoryLayout.PageBytes + 64).IndexOfAnyExcept((byte)0) < 0);
    }

    private sealed class Pages : IDisposable
    {
        private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(4 * MemoryLayout.PageBytes, 64);

        public Span<byte> Old => new(_memory, MemoryLayout.PageBytes);

        public Span<byte> New => new(_memory + MemoryLayout.PageBytes, MemoryLayout.PageBytes);

        public Span<byte> Applied => new(_memory + (2 * MemoryLayout.PageBytes), MemoryLayout.PageBytes);

        public Span<byte> Delta => new(_memory + (3 * MemoryLayout.PageBytes), PageDelta.RoomBytes);

        public int Encode() => PageDelta.Encode(_memory + MemoryLayout.PageBytes, _memory, _memory + (3 * MemoryLayout.PageBytes));

        public void Dispose() => NativeMemory.AlignedFree(_memory);
    }
}
