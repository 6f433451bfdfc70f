using PageEngine.Memory;
using PageEngine.Tests.Interop;
using PageEngine.Tracing;
using Xunit;
using static PageEngine.Tests.Tracing.TestMemory;

namespace PageEngine.Tests.Tracing;

// What kernel tracing cannot see, pinned down: should a kernel ever report one of these, the documents may promise more.
public sealed unsafe class KernelBlindSpotTests
{
    [Fact]
    public void Write_through_another_mapping_is_not_seen()
    {
        using GuestMemory memory = Filled(MemorySort.Shared, 20);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        nint bytes = (nint)memory.Layout.Bytes;
        nint other = Calls.mmap(0, bytes, 3, 1, memory.Regions[0].FileDescriptor!, 0);
        Assert.NotEqual(-1, other);
        ((byte*)other)[4 * MemoryLayout.PageBytes] = 77;
        Assert.Equal(77, memory.Page(4)[0]);
        Assert.Empty(Collect(tracer, memory));
        Assert.Equal(0, Calls.munmap(other, bytes));
    }

    [Fact]
    public void Write_on_the_descriptor_is_not_seen()
    {
        using GuestMemory memory = Filled(MemorySort.Shared, 20);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        byte value = 77;
        Assert.Equal(1, Calls.pwrite(memory.Regions[0].FileDescriptor!, &value, 1, 5 * MemoryLayout.PageBytes));
        Assert.Equal(77, memory.Page(5)[0]);
        Assert.Empty(Collect(tracer, memory));
    }

    [Fact]
    public void Punched_hole_is_not_seen()
    {
        using GuestMemory memory = Filled(MemorySort.Shared, 20);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        const int Punch = Calls.FALLOC_FL_PUNCH_HOLE | Calls.FALLOC_FL_KEEP_SIZE;
        Assert.Equal(0, Calls.fallocate(memory.Regions[0].FileDescriptor!, Punch, 6 * MemoryLayout.PageBytes, 2 * MemoryLayout.PageBytes));
        Assert.Equal(0, memory.Page(6)[0]);
        Assert.Empty(Collect(tracer, memory));
    }

    // Not a blind spot: a balloon in private memory needs no marks.
    [Fact]
    public void Private_page_given_back_is_seen()
    {
        using GuestMemory memory = Filled(MemorySort.Private, 20);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        Assert.Equal(0, Calls.madvise(memory.PagePointer(6), 2 * MemoryLayout.PageBytes, Calls.MADV_DONTNEED));
        Assert.Equal([6L, 7], Collect(tracer, memory));
        Assert.Empty(Collect(tracer, memory));
    }

    [Fact]
    public void Write_by_the_kernel_is_seen()
    {
        using GuestMemory memory = Filled(MemorySort.Shared, 20);
        using KernelWriteTracer tracer = KernelWriteTracer.Create(memory);
        tracer.Start();
        using var zero = File.OpenHandle("/dev/zero");
        Assert.Equal(3 * MemoryLayout.PageBytes, Calls.read(zero, memory.PagePointer(9), 3 * MemoryLayout.PageBytes));
        Assert.Equal([9L, 10, 11], Collect(tracer, memory));
    }
}
