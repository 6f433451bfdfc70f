using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Tests.Tracing;

public sealed class LostWriteTests
{
    [Theory]
    [InlineData(MemorySort.Private, "kernel")]
    [InlineData(MemorySort.PrivateHuge, "kernel")]
    [InlineData(MemorySort.Shared, "kernel")]
    [InlineData(MemorySort.SharedHuge, "kernel")]
    [InlineData(MemorySort.Private, "explicit")]
    [InlineData(MemorySort.PrivateHuge, "explicit")]
    [InlineData(MemorySort.Shared, "explicit")]
    [InlineData(MemorySort.SharedHuge, "explicit")]
    public void No_write_is_lost(MemorySort sort, string kind)
    {
        for (int seed = 1; seed <= 3; seed++)
        {
            Run(new Shape(sort, kind == "kernel", Filled: seed != 2, Pages: 2 * TestMemory.HugePages, Writers: seed, Writes: 20_000, Hot: 16, Seed: seed), phases: 10);
        }
    }

    [Property(MaxTest = 25, EndSize = 50, Arbitrary = [typeof(LostWriteTests)])]
    public void No_write_is_lost_whatever_the_shape(Shape shape) => Run(shape, phases: 10);

    // One or two pages, written and harvested as fast as can be: where a missing barrier shows, if anywhere.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void No_write_is_lost_on_the_hottest_pages(bool kernel)
    {
        for (int seed = 1; seed <= 2; seed++)
        {
            Run(new Shape(MemorySort.Private, kernel, Filled: true, Pages: 1 + (seed & 1), Writers: 1, Writes: 30, Hot: 1, Seed: seed), phases: 600);
        }
    }

    // The scenario must be able to fail: here a harvest arms again only after it has read the pages, and the guest writes
    // in between. With the tracers as they are, the same write at the same moment is not lost.
    [Theory]
    [InlineData(MemorySort.Private, true)]
    [InlineData(MemorySort.Shared, true)]
    [InlineData(MemorySort.Private, false)]
    public void Write_after_the_page_was_read_is_lost_only_when_rearmed_late(MemorySort sort, bool kernel)
    {
        foreach (bool late in new[] { false, true })
        {
            using GuestMemory memory = TestMemory.Filled(sort, 256);
            using IWriteTracer tracer = kernel ? KernelWriteTracer.Create(memory) : new ExplicitWriteTracer(memory);
            using RearmsLate rearmsLate = new(tracer, memory.PageCount);
            ExplicitWriteTracer? marks = tracer as ExplicitWriteTracer;
            using LostWriteScenario scenario = new(memory, late ? rearmsLate : tracer, marks, writers: 1, mostWrites: 100, hotPages: 256, seed: 7)
            {
                AfterCopy = () =>
                {
                    memory.Page(5)[MemoryLayout.PageBytes - 1]++;
                    marks?.MarkDirty(5);
                },
            };
            Assert.Equal(late, scenario.Run(phases: 10).Contains(5));
        }
    }

    public static Arbitrary<Shape> Shapes() => (
        from sort in Gen.Elements(Enum.GetValues<MemorySort>())
        from kernel in Gen.Elements(true, true, false)
        from filled in Gen.Elements(true, false)
        from pages in Gen.OneOf(Gen.Choose(1, 200), Gen.Choose(201, 3 * (int)TestMemory.HugePages))
        from writers in Gen.Choose(1, 3)
        from writes in Gen.Choose(1, 10_000)
        from hot in Gen.Choose(1, 100)
        from seed in Gen.Choose(1, int.MaxValue)
        select new Shape(sort, kernel, filled, pages, writers, writes, hot, seed)).ToArbitrary();

    private static void Run(Shape shape, int phases)
    {
        using GuestMemory memory = shape.Filled ? TestMemory.Filled(shape.Sort, shape.Pages) : TestMemory.Empty(shape.Sort, shape.Pages);
        using IWriteTracer tracer = shape.Kernel ? KernelWriteTracer.Create(memory) : new ExplicitWriteTracer(memory);
        using LostWriteScenario scenario = new(memory, tracer, tracer as ExplicitWriteTracer, shape.Writers, shape.Writes, shape.Hot, shape.Seed);
        IReadOnlyList<long> lost = scenario.Run(phases);
        Assert.True(lost.Count == 0, $"{shape}: lost pages {string.Join(", ", lost.Take(10))}");
        Assert.True(scenario.Reported > 0, $"{shape}: nothing was reported");
        Assert.Equal(scenario.Reported, tracer.Counters.TracesFired);
        Assert.Equal(memory.PageCount + scenario.Reported, tracer.Counters.TracesInstalled);
        Assert.True(tracer.Counters.PagesCopied > 0);
    }

    public sealed record Shape(MemorySort Sort, bool Kernel, bool Filled, long Pages, int Writers, int Writes, long Hot, int Seed);

    /// <summary>Hands out what was collected, and forgets what was written while those pages were being read: what a
    /// tracer does that reads the marks first and arms the pages again afterwards.</summary>
    private sealed class RearmsLate(IWriteTracer inner, long pages) : IWriteTracer
    {
        private readonly DirtyBitmap _forgotten = new(pages);

        public string Name => "late";

        public WriteTracerCounters Counters => inner.Counters;

        public void Start() => inner.Start();

        public void MarkPresent(DirtyBitmap present) => inner.MarkPresent(present);

        public long Collect(DirtyBitmap dirty) => inner.Collect(dirty);

        public void AddPagesCopied(long copied)
        {
            inner.AddPagesCopied(copied);
            inner.Collect(_forgotten);
        }

        public void Stop() => inner.Stop();

        public void Dispose() => _forgotten.Dispose();
    }
}
