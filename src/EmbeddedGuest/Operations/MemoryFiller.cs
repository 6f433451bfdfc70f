using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: the memory's first content, written on all cores. Pages that get none are not touched: they stay holes.

internal static unsafe class MemoryFiller
{
    private const long PagesInChunk = 4096;

    internal static void Fill(GuestMemory memory, GuestMemoryMap map, PageFill fill, GuestHeader header, ExplicitWriteTracer? tracer)
    {
        GuestPages pages = new(memory);

        // SAFETY: the map has checked that the layout holds all of these pages.
        header.Write(pages.Words(GuestMemoryMap.HeaderPage));
        ulong* accounts = pages.Words(GuestMemoryMap.AccountsPage);
        new Span<ulong>(accounts, GuestMemoryMap.AccountCount).Fill(GuestMemoryMap.InitialBalance);
        tracer?.MarkDirty(new PageRange(GuestMemoryMap.HeaderPage, GuestMemoryMap.TablePage));

        long chunks = (map.WorkloadPages + PagesInChunk - 1) / PagesInChunk;
        Parallel.For(0, chunks, chunk =>
        {
            long end = Math.Min(map.WorkloadPages, (chunk + 1) * PagesInChunk);
            for (long index = chunk * PagesInChunk; index < end; index++)
            {
                if (fill.IsFilled(index))
                {
                    fill.Write(pages.Words(map.FirstWorkloadPage + index), index);
                    tracer?.MarkDirty(map.FirstWorkloadPage + index);
                }
            }
        });
    }
}
