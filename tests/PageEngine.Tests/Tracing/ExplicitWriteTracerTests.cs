using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;
using static PageEngine.Tests.Tracing.TestMemory;

namespace PageEngine.Tests.Tracing;

public sealed class ExplicitWriteTracerTests
{
    [Fact]
    public void Marked_pages_are_reported_once()
    {
        using GuestMemory memory = GuestMemory.Allocate(100 * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        tracer.Start();
        tracer.MarkDirty(3);
        tracer.MarkDirty(3);
        tracer.MarkDirty(new PageRange(60, 10));
        Assert.Equal([3L, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69], Collect(tracer, memory));
        Assert.Empty(Collect(tracer, memory));
        tracer.MarkDirty(99);
        Assert.Equal([99L], Collect(tracer, memory));
        tracer.AddPagesCopied(12);
        Assert.Equal(new WriteTracerCounters(112, 12, 12), tracer.Counters);
    }

    [Fact]
    public void Marks_before_the_start_and_after_the_stop_do_nothing()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        tracer.MarkDirty(1);
        tracer.MarkDirty(1000);
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        tracer.MarkDirty(2);
        tracer.Stop();
        tracer.MarkDirty(new PageRange(3, 2));
        Assert.Throws<InvalidOperationException>(() => Collect(tracer, memory));
        tracer.Start();
        Assert.Empty(Collect(tracer, memory));
        Assert.Equal(new WriteTracerCounters(10, 0, 0), tracer.Counters);
    }

    [Fact]
    public void Page_outside_the_memory_is_refused_and_second_start_too()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        tracer.Start();
        Assert.Throws<InvalidOperationException>(tracer.Start);
        Assert.Throws<ArgumentOutOfRangeException>(() => tracer.MarkDirty(10));
        Assert.Throws<ArgumentOutOfRangeException>(() => tracer.MarkDirty(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => tracer.MarkDirty(new PageRange(9, 2)));
    }

    [Fact]
    public void Collect_keeps_bits_already_set_and_counts_what_it_reports()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        using DirtyBitmap dirty = new(10);
        dirty.Set(3);
        tracer.Start();
        tracer.MarkDirty(3);
        tracer.MarkDirty(4);
        Assert.Equal(2, tracer.Collect(dirty));
        Assert.Equal([3L, 4], PagesOf(dirty));
        using DirtyBitmap other = new(11);
        Assert.ThrowsAny<ArgumentException>(() => tracer.Collect(other));
    }

    [Fact]
    public void Present_are_the_pages_that_hold_something()
    {
        using GuestMemory memory = Empty(MemorySort.Private, 100);
        using ExplicitWriteTracer tracer = new(memory);
        Write(memory, 5, 50);
        tracer.Start();
        using DirtyBitmap present = new(100);
        tracer.MarkPresent(present);
        Assert.Equal([5L, 50], PagesOf(present));
    }

    [Fact]
    public void Marking_and_collecting_allocate_nothing()
    {
        using GuestMemory memory = GuestMemory.Allocate(1000 * MemoryLayout.PageBytes);
        using ExplicitWriteTracer tracer = new(memory);
        using DirtyBitmap dirty = new(1000);
        tracer.Start();
        tracer.Collect(dirty);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            tracer.MarkDirty(i);
            tracer.MarkDirty(new PageRange(i, 100));
            tracer.Collect(dirty);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    // A tracer that an embedder wrote before MarkPresent existed, or who cannot tell: everything is present.
    [Fact]
    public void Tracer_that_cannot_tell_what_is_present_says_everything_is()
    {
        IWriteTracer tracer = new SilentTracer();
        using DirtyBitmap present = new(70);
        tracer.MarkPresent(present);
        Assert.Equal(70, present.Count());
    }

    private sealed class SilentTracer : IWriteTracer
    {
        public string Name => "silent";

        public WriteTracerCounters Counters => default;

        public void Start()
        {
        }

        public long Collect(DirtyBitmap dirty) => 0;

        public void AddPagesCopied(long pages)
        {
        }

        public void Stop()
        {
        }

        public void Dispose()
        {
        }
    }
}
