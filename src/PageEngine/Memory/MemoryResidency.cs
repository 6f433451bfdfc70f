using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Bitmaps;
using PageEngine.Interop;
using static PageEngine.Interop.PagemapScan;

namespace PageEngine.Memory;

// Owns: the answer to "which pages hold something?", from the kernel and without touching one of them: reading an empty
// page of a memfd allocates it, and reading swapped ones brings them in. A page that is not marked is a hole: all zero.
// It may mark too many, never too few. Any thread; writers may run, and what they write meanwhile may be missing here.

/// <summary>Finds the pages that are more than holes.</summary>
internal static unsafe class MemoryResidency
{
    /// <summary>Present or in swap, but not the shared page of zeros that a mere read maps.</summary>
    private static readonly PagemapQuery _populated = new(
        Flags: 0,
        All: PAGE_IS_PFNZERO,
        AnyOf: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
        Inverted: PAGE_IS_PFNZERO,
        Report: PAGE_IS_PRESENT | PAGE_IS_SWAPPED);

    /// <summary>Sets the bit of every page that may hold something other than zeros. Where the kernel cannot tell, every
    /// page is marked.</summary>
    /// <remarks>For memory that is being traced ask the tracer instead (<see cref="Tracing.IWriteTracer.MarkPresent"/>):
    /// asked before tracing starts, a page first written in between would be missed by both; asked afterwards, the
    /// marks that the kernel leaves in armed holes of anonymous memory count as swapped, and every page is reported.</remarks>
    /// <param name="memory">The memory.</param>
    /// <param name="present">Receives the bits; those already set stay set.</param>
    internal static void MarkPresent(GuestMemory memory, DirtyBitmap present)
    {
        PagemapScanner? scanner = PagemapScanner.TryOpen(out _);
        try
        {
            for (int i = 0; i < memory.Regions.Count; i++)
            {
                GuestMemoryRegion region = memory.Regions[i];
                long firstPage = memory.FirstPageOf(i);
                using GuestMemoryHold hold = region.HoldForIo();
                if (region.FileDescriptor is { } file)
                {
                    MarkPresentInFile(file, 0, new PageRange(firstPage, region.PageCount), present);
                }
                else
                {
                    MarkPresentInAnonymous(scanner, region, firstPage, present);
                }
            }
        }
        finally
        {
            scanner?.Dispose();
        }
    }

    /// <summary>Sets the bit of every page of a file that may hold something other than zeros, by SEEK_DATA and SEEK_HOLE.
    /// It moves the descriptor's file position. A file system that cannot tell reports everything.</summary>
    /// <param name="file">The file: memfd, tmpfs, or on a disk.</param>
    /// <param name="fileOffset">Where the first page lies in the file, in bytes.</param>
    /// <param name="pages">The guest pages that the file holds from there on.</param>
    /// <param name="present">Receives the bits.</param>
    internal static void MarkPresentInFile(SafeFileHandle file, long fileOffset, PageRange pages, DirtyBitmap present)
    {
        long end = fileOffset + (pages.Count * MemoryLayout.PageBytes);
        long position = fileOffset;
        while (position < end)
        {
            long data = TracingCalls.lseek(file, position, TracingCalls.SEEK_DATA);
            if (data < 0 && Marshal.GetLastPInvokeError() == TracingCalls.ENXIO)
            {
                return; // Nothing but a hole up to the end of the file.
            }

            long hole = data < 0 ? -1 : TracingCalls.lseek(file, data, TracingCalls.SEEK_HOLE);
            if (data < 0 || hole < 0)
            {
                (data, hole) = (position, end);
            }

            if (data >= end)
            {
                return;
            }

            long first = (data - fileOffset) / MemoryLayout.PageBytes;
            long last = (Math.Min(hole, end) - fileOffset + MemoryLayout.PageBytes - 1) / MemoryLayout.PageBytes;
            present.SetRange(new PageRange(pages.Start + first, last - first));
            position = hole;
        }
    }

    private static void MarkPresentInAnonymous(PagemapScanner? scanner, GuestMemoryRegion region, long firstPage, DirtyBitmap present)
    {
        ulong start = (ulong)region.Pointer;
        ulong end = start + (ulong)region.Bytes;
        ulong next = start;
        while (next < end)
        {
            ulong from = next;
            ReadOnlySpan<page_region> runs = default;
            if (scanner is null || scanner.Scan(ref next, end, _populated, out runs) != 0)
            {
                present.SetRange(new PageRange(firstPage + ((long)(from - start) / MemoryLayout.PageBytes), (long)(end - from) / MemoryLayout.PageBytes));
                return;
            }

            foreach (page_region run in runs)
            {
                present.SetRange(PagemapScanner.PagesOf(run, start, firstPage));
            }
        }
    }
}
