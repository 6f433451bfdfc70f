using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: where the guest keeps what in its memory. Pages, in order: header, accounts, table, one log for each virtual
// CPU, then the workload area. Workload pages are dealt to the virtual CPUs in turn (page i belongs to i mod V), so
// that each page has one writer and its last content does not depend on how the virtual CPUs interleave.

internal sealed class GuestMemoryMap
{
    internal const int PageWords = MemoryLayout.PageBytes / sizeof(ulong);

    internal const int AccountCount = 4096;
    internal const long InitialBalance = 1_000_000;

    /// <summary>A bucket is two words: how many operations hit it, and the sum of their digests.</summary>
    internal const int BucketCount = 2048;
    internal const int BucketWords = 2;

    /// <summary>A log entry is four words: operation number + 1, digest, chained hash, page + 1 (0: none).</summary>
    internal const int LogEntryWords = 4;
    internal const int LogEntries = 1024;

    /// <summary>The most pages of a guest: 8 TiB. Draws of pages have 32 bits, and WorkloadPlan's scatter factor is above it.</summary>
    internal const long MaxPages = 1L << 31;

    internal const long HeaderPage = 0;
    internal const long AccountsPage = 1;
    internal const long TablePage = AccountsPage + (AccountCount / PageWords);
    internal const long FirstLogPage = TablePage + (BucketCount * BucketWords / PageWords);
    internal const int LogPages = LogEntries * LogEntryWords / PageWords;

    internal GuestMemoryMap(MemoryLayout layout, int virtualCpus)
    {
        VirtualCpus = virtualCpus;
        FirstWorkloadPage = FirstLogPage + (LogPages * (long)virtualCpus);
        WorkloadPages = layout.PageCount - FirstWorkloadPage;
        long needed = MinimumPages(virtualCpus);
        if (layout.Regions[0].PageCount < needed)
        {
            throw new ArgumentException(
                $"A guest with {virtualCpus} virtual CPUs needs a first memory region of at least {Units.FormatBytesExact(needed * MemoryLayout.PageBytes)}; this one has {Units.FormatBytesExact(layout.Regions[0].PageCount * MemoryLayout.PageBytes)}.");
        }

        if (layout.PageCount > MaxPages)
        {
            throw new ArgumentException($"An embedded guest has at most {Units.FormatBytesExact(MaxPages * MemoryLayout.PageBytes)} of memory; this one has {Units.FormatBytesExact(layout.Bytes)}.");
        }
    }

    internal int VirtualCpus { get; }

    internal long FirstWorkloadPage { get; }

    internal long WorkloadPages { get; }

    /// <summary>The pages before the workload area and one workload page for each virtual CPU.</summary>
    internal static long MinimumPages(int virtualCpus) => FirstLogPage + ((LogPages + 1L) * virtualCpus);

    internal static long LogPage(int virtualCpu) => FirstLogPage + ((long)LogPages * virtualCpu);

    /// <summary>How many of the first <paramref name="pages"/> workload pages belong to a virtual CPU.</summary>
    internal long OwnedPages(int virtualCpu, long pages) => (pages - virtualCpu + VirtualCpus - 1) / VirtualCpus;

    /// <summary>The page number of a virtual CPU's own page <paramref name="localPage"/>.</summary>
    internal long PageOf(int virtualCpu, long localPage) => FirstWorkloadPage + (localPage * VirtualCpus) + virtualCpu;

    internal int OwnerOf(long page) => (int)((page - FirstWorkloadPage) % VirtualCpus);

    internal long LocalPageOf(long page) => (page - FirstWorkloadPage) / VirtualCpus;
}
