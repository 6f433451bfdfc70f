using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

public sealed unsafe class MemoryHoldTests
{
    private const long Bytes = 16 << 20;

    [Fact]
    public void Memory_stays_mapped_until_a_holding_thread_lets_go()
    {
        GuestMemory memory = GuestMemory.Allocate(Bytes);
        nuint address = (nuint)memory.PagePointer(0);
        using var holding = new ManualResetEventSlim();
        using var disposed = new ManualResetEventSlim();
        using var finish = new ManualResetEventSlim();
        using var written = new ManualResetEventSlim();
        Exception? failure = null;
        var holder = new Thread(() =>
        {
            try
            {
                using GuestMemoryHold hold = memory.HoldForIo();
                holding.Set();
                disposed.Wait();

                // Disposed, but held: the holder's own accesses go on.
                for (long page = 0; page < memory.PageCount; page++)
                {
                    memory.Page(page).Fill((byte)page);
                }

                Assert.Equal(5, memory.Page(5)[4095]);
                written.Set();
                finish.Wait();
            }
            catch (Exception e)
            {
                failure = e;
                written.Set();
            }
        });
        holder.Start();
        holding.Wait();
        memory.Dispose();
        disposed.Set();
        written.Wait();
        Assert.True(ProcessMaps.IsMapped(address));
        Assert.Throws<ObjectDisposedException>(() => memory.HoldForIo());
        finish.Set();
        holder.Join();
        Assert.Null(failure);
        Assert.Throws<ObjectDisposedException>(() => memory.PagePointer(0)[0]);
    }

    [Fact]
    public void Many_threads_that_hold_and_release_never_see_the_memory_go()
    {
        for (int round = 0; round < 50; round++)
        {
            GuestMemoryRegion region = GuestMemoryRegion.Anonymous(new GuestAddress(0), 64 * 1024);
            int held = 0;
            Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(() =>
            {
                try
                {
                    while (true)
                    {
                        using GuestMemoryHold hold = region.HoldForIo();
                        region.Pointer[12345]++;
                        Interlocked.Increment(ref held);
                    }
                }
                catch (ObjectDisposedException)
                {
                    // The region was disposed between two holds, which is the end of this thread.
                }
            }))];
            Array.ForEach(threads, t => t.Start());
            SpinWait.SpinUntil(() => Volatile.Read(ref held) > 100);
            region.Dispose();
            Array.ForEach(threads, t => t.Join());
            Assert.Throws<ObjectDisposedException>(() => region.Pointer[0]);
        }
    }

    [Fact]
    public void Hold_disposed_twice_releases_once()
    {
        GuestMemoryRegion region = GuestMemoryRegion.Anonymous(new GuestAddress(0), 64 * 1024);
        GuestMemoryHold first = region.HoldForIo();
        GuestMemoryHold second = region.HoldForIo();
        first.Dispose();
        first.Dispose();
        region.Dispose();
        region.Pointer[0] = 1; // still held by the second
        second.Dispose();
        Assert.Throws<ObjectDisposedException>(() => region.Pointer[0]);
    }

    [Fact]
    public void Holding_several_regions_of_which_one_is_gone_holds_none()
    {
        GuestMemoryRegion low = GuestMemoryRegion.Anonymous(new GuestAddress(0), 64 * 1024);
        GuestMemoryRegion high = GuestMemoryRegion.Anonymous(new GuestAddress(1 << 20), 64 * 1024);
        using var memory = new GuestMemory([low, high]);
        high.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.HoldForIo());
        low.Dispose();
        Assert.Throws<ObjectDisposedException>(() => low.Pointer[0]);
    }

    [Fact]
    public void Descriptor_stays_open_as_long_as_the_mapping()
    {
        GuestMemoryRegion region = GuestMemoryRegion.MemoryFile(new GuestAddress(0), 64 * 1024, "held");
        GuestMemoryHold hold = region.HoldForIo();
        region.Dispose();
        Assert.False(region.FileDescriptor!.IsClosed);
        hold.Dispose();
        Assert.True(region.FileDescriptor!.IsClosed);
    }

    [Fact]
    public void Pinned_window_holds_its_region()
    {
        GuestMemory memory = GuestMemory.Allocate(64 * 1024);
        var pin = memory.MemoryOf(3, 2).Pin();
        memory.Dispose();
        ((byte*)pin.Pointer)[8191] = 1;
        Assert.True(ProcessMaps.IsMapped((nuint)pin.Pointer));
        pin.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.PagePointer(0)[0]);
    }
}
