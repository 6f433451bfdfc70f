using PageEngine.Bitmaps;
using PageEngine.Interop;
using PageEngine.Memory;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Tests.Tracing;

public sealed class WriteTracersTests
{
    private const string Reason = "the reason";

    [Fact]
    public void Probe_finds_both_kinds_here()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        foreach (IReadOnlyList<WriteTracerAvailability> answers in new[] { WriteTracers.Probe(), WriteTracers.Probe(memory) })
        {
            Assert.Equal([WriteTracerKind.Kernel, WriteTracerKind.Explicit], answers.Select(a => a.Kind));
            Assert.All(answers, a => Assert.True(a.IsAvailable, a.Explanation));
        }

        // The probe left nothing behind.
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
    }

    [Fact]
    public void Probe_says_why_this_memory_cannot_be_traced()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        using KernelWriteTracer other = KernelWriteTracer.Create(memory);
        WriteTracerAvailability kernel = WriteTracers.Probe(memory)[0];
        Assert.False(kernel.IsAvailable);
        Assert.Contains("end the other one first", kernel.Explanation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(WriteTracerKind.Kernel)]
    [InlineData(WriteTracerKind.Explicit)]
    public void A_new_start_clears_the_counters(WriteTracerKind kind)
    {
        const int Pages = 10;
        using GuestMemory memory = TestMemory.Filled(MemorySort.Private, Pages);
        using IWriteTracer tracer = WriteTracers.Create(kind, memory, guestMarksWrites: true).Tracer;
        using var dirty = new DirtyBitmap(Pages);
        tracer.Start();
        TestMemory.Write(memory, 3, 4);
        (tracer as ExplicitWriteTracer)?.MarkDirty(new PageRange(3, 2));
        tracer.Collect(dirty);
        tracer.AddPagesCopied(2);
        Assert.Equal(new WriteTracerCounters(Pages + 2, 2, 2), tracer.Counters);
        tracer.Stop();
        tracer.Start();
        Assert.Equal(new WriteTracerCounters(Pages, 0, 0), tracer.Counters);
    }

    [Theory]
    [InlineData(WriteTracerKind.Auto, true, true, "kernel")]
    [InlineData(WriteTracerKind.Auto, true, false, "kernel")]
    [InlineData(WriteTracerKind.Auto, false, true, "explicit")]
    [InlineData(WriteTracerKind.Auto, false, false, null)]
    [InlineData(WriteTracerKind.Kernel, true, true, "kernel")]
    [InlineData(WriteTracerKind.Kernel, false, true, null)]
    [InlineData(WriteTracerKind.Explicit, true, true, "explicit")]
    [InlineData(WriteTracerKind.Explicit, true, false, null)]
    public void Falls_back_only_where_nothing_is_lost(WriteTracerKind kind, bool kernelCan, bool guestMarks, string? expected)
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        Func<GuestMemory, IWriteTracer> kernel = kernelCan
            ? KernelWriteTracer.Create
            : _ => throw new MigrationException(MigrationErrorKind.TracingFailed, Reason);
        if (expected is null)
        {
            MigrationException e = Assert.Throws<MigrationException>(() => WriteTracers.Create(kind, memory, guestMarks, kernel));
            Assert.Equal(MigrationErrorKind.TracingFailed, e.Kind);
            return;
        }

        WriteTracerChoice choice = WriteTracers.Create(kind, memory, guestMarks, kernel);
        using IWriteTracer tracer = choice.Tracer;
        Assert.Equal(expected, tracer.Name);
        Assert.Equal(expected == "kernel" ? WriteTracerKind.Kernel : WriteTracerKind.Explicit, choice.Kind);
        Assert.Equal(expected == "explicit", choice.MarkWritesTo is not null);
        Assert.Equal(kind == WriteTracerKind.Auto && !kernelCan, choice.Reason.Contains(Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Error_of_another_kind_is_no_reason_to_fall_back()
    {
        using GuestMemory memory = GuestMemory.Allocate(10 * MemoryLayout.PageBytes);
        Assert.Throws<MigrationException>(() => WriteTracers.Create(
            WriteTracerKind.Auto, memory, true, _ => throw new MigrationException(MigrationErrorKind.Internal, Reason)));
        Assert.Throws<ArgumentOutOfRangeException>(() => WriteTracers.Create((WriteTracerKind)9, memory, true));
    }

    [Theory]
    [InlineData(TracingStep.Open, TracingCalls.ENOSYS, 6, 18, "seccomp", "CONFIG_USERFAULTFD")]
    [InlineData(TracingStep.Open, TracingCalls.EPERM, 6, 18, "not permitted", "seccomp profile")]
    [InlineData(TracingStep.Open, TracingCalls.EMFILE, 6, 18, "too many files", "ulimit -n")]
    [InlineData(TracingStep.Features, TracingCalls.EINVAL, 6, 1, "Linux 6.1 is too old", "Linux 6.7 or later")]
    [InlineData(TracingStep.Features, TracingCalls.EINVAL, 6, 8, "built without", "CONFIG_PTE_MARKER_UFFD_WP")]
    [InlineData(TracingStep.Pagemap, TracingCalls.EACCES, 6, 18, "/proc/self/pagemap", "mount /proc")]
    [InlineData(TracingStep.Arm, TracingCalls.ENOTTY, 6, 6, "Linux 6.6 is too old", "Linux 6.7 or later")]
    [InlineData(TracingStep.Arm, TracingCalls.ENOTTY, 6, 7, "PAGEMAP_SCAN", "CONFIG_PROC_PAGE_MONITOR")]
    [InlineData(TracingStep.Register, TracingCalls.EBUSY, 6, 18, "another userfaultfd", "end the other")]
    [InlineData(TracingStep.Register, TracingCalls.EINVAL, 6, 18, "huge page", "whole huge pages")]
    [InlineData(TracingStep.Register, TracingCalls.EPERM, 6, 18, "may not be written", "for writing")]
    [InlineData(TracingStep.Scan, TracingCalls.EPERM, 6, 18, "no longer under tracing", "leave the mappings")]
    [InlineData(TracingStep.Arm, TracingCalls.ENOMEM, 6, 18, "no memory left", "free some memory")]
    [InlineData(TracingStep.Trial, 0, 6, 18, "was not reported", "6.18")]
    [InlineData(TracingStep.Scan, 5, 6, 18, "error 5 to scanning the memory", "errno(3)")]
    public void Failure_names_the_reason_and_the_remedy(object step, int errno, int major, int minor, string reason, string remedy)
    {
        (string why, string what) = TracingFailure.Explain((TracingStep)step, errno, new Version(major, minor));
        Assert.Contains(reason, why, StringComparison.Ordinal);
        Assert.Contains(remedy, what, StringComparison.Ordinal);
    }
}
