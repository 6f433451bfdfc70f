using FsCheck;
using FsCheck.Fluent;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

// Owns: random bitmaps as runs of set pages, so that whole words, blocks and lonely bits are all frequent, and their
// naive twin: an array of booleans.

/// <summary>A bitmap's contents; runs may overlap.</summary>
public sealed record BitmapCase(int PageCount, PageRange[] Runs)
{
    internal bool[] ToOracle()
    {
        bool[] bits = new bool[PageCount];
        foreach (PageRange run in Runs)
        {
            Array.Fill(bits, true, (int)run.Start, (int)run.Count);
        }

        return bits;
    }

    internal DirtyBitmap ToBitmap(VectorPath path)
    {
        var bitmap = new DirtyBitmap(PageCount, path);
        bool[] bits = ToOracle();
        for (int page = 0; page < bits.Length; page++)
        {
            if (bits[page])
            {
                bitmap.Set(page);
            }
        }

        return bitmap;
    }

    public override string ToString() => $"{PageCount} pages: {string.Join(' ', Runs)}";
}

/// <summary>Two bitmaps of one length, and a window within it.</summary>
public sealed record BitmapPair(BitmapCase First, BitmapCase Second, PageRange Window);

internal static class BitmapGenerators
{
    public static Arbitrary<BitmapCase> Case() => Arb.From(Contents(), Shrink);

    public static Arbitrary<BitmapPair> Pair() => Arb.From(
        from first in Contents()
        from second in Runs(first.PageCount)
        from window in Range(first.PageCount, first.PageCount)
        select new BitmapPair(first, first with { Runs = second }, window));

    // Lengths that end on, before and after the edges of a word and of a block of eight words, and any other.
    private static Gen<BitmapCase> Contents() =>
        from length in Gen.OneOf(
            Gen.Choose(1, 200),
            Gen.Choose(1, 6).Select(block => block * 512),
            Gen.Choose(1, 6).Select(block => (block * 512) + 1),
            Gen.Choose(1, 40).Select(word => (word * 64) - 1),
            Gen.Choose(200, 5000))
        from runs in Runs(length)
        select new BitmapCase(length, runs);

    private static Gen<PageRange[]> Runs(int length) =>
        Gen.OneOf(
            Gen.Constant(Array.Empty<PageRange>()),
            Gen.Constant(new[] { new PageRange(0, length) }),
            Range(length, 3).ArrayOf(60),
            Range(length, length).ArrayOf(3),
            Range(length, 200).ArrayOf(12),
            Gen.Choose(2, 5).Select(step => Enumerable.Range(0, length).Where(p => p % step == 0).Select(p => new PageRange(p, 1)).ToArray()));

    private static Gen<PageRange> Range(int length, int longest) =>
        from start in Gen.Choose(0, length)
        from count in Gen.Choose(0, Math.Min(longest, length - start))
        select new PageRange(start, count);

    private static IEnumerable<BitmapCase> Shrink(BitmapCase value) =>
        value.Runs.Select((_, i) => value with { Runs = [.. value.Runs.Where((_, k) => k != i)] });
}

/// <summary>The paths that this process supports.</summary>
public sealed class SupportedPaths : TheoryData<string>
{
    public SupportedPaths()
    {
        foreach (VectorPath path in All)
        {
            Add(path.ToString());
        }
    }

    internal static VectorPath[] All { get; } = [.. Enum.GetValues<VectorPath>().Where(VectorPaths.IsSupported)];
}
