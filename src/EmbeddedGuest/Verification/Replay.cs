using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Verification;

// Owns: what one virtual CPU's operations 0 .. n - 1 must have done. Made by one thread; read-only afterwards.

internal sealed class Replay
{
    private readonly long[] _accounts = new long[GuestMemoryMap.AccountCount];
    private readonly ulong[] _table = new ulong[GuestMemoryMap.BucketCount * GuestMemoryMap.BucketWords];
    private readonly ulong[] _log = new ulong[GuestMemoryMap.LogEntries * GuestMemoryMap.LogEntryWords];
    private readonly PageHistory[] _pages;

    private Replay(long ownedPages) => _pages = new PageHistory[ownedPages];

    /// <summary>The hash after the last operation.</summary>
    internal ulong Chain { get; private set; }

    /// <summary>What the virtual CPU added to each account.</summary>
    internal ReadOnlySpan<long> Accounts => _accounts;

    /// <summary>What the virtual CPU added to each word of the table.</summary>
    internal ReadOnlySpan<ulong> Table => _table;

    /// <summary>The virtual CPU's log, as it lies in memory.</summary>
    internal ReadOnlySpan<ulong> Log => _log;

    /// <summary>Each own page's last write.</summary>
    internal ReadOnlySpan<PageHistory> Pages => _pages;

    internal static Replay Run(OperationStream stream, GuestMemoryMap map, int virtualCpu, long operations, CancellationToken cancellationToken)
    {
        const long Chunk = 1 << 20;
        Replay replay = new(map.OwnedPages(virtualCpu, map.WorkloadPages));
        for (long start = 0; start < operations; start += Chunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            replay.RunChunk(stream, map, virtualCpu, start, Math.Min(operations, start + Chunk), operations - GuestMemoryMap.LogEntries);
        }

        return replay;
    }

    private void RunChunk(OperationStream stream, GuestMemoryMap map, int virtualCpu, long start, long end, long firstInLog)
    {
        ulong chain = Chain;
        long[] accounts = _accounts;
        ulong[] table = _table;
        PageHistory[] pages = _pages;
        for (long number = start; number < end; number++)
        {
            Operation operation = stream.Draw(number);
            if (operation.WritesPage)
            {
                ref PageHistory page = ref pages[operation.LocalPage];
                page.Number = number;
                page.Count++;
            }

            accounts[operation.From] -= operation.Amount;
            accounts[operation.To] += operation.Amount;
            int bucket = operation.Bucket * GuestMemoryMap.BucketWords;
            table[bucket]++;
            table[bucket + 1] += operation.Digest;
            chain = Mixer.Chain(chain, operation.Digest);
            if (number >= firstInLog)
            {
                long page = operation.WritesPage ? map.PageOf(virtualCpu, operation.LocalPage) : -1;
                Span<ulong> entry = _log.AsSpan((int)(number % GuestMemoryMap.LogEntries) * GuestMemoryMap.LogEntryWords);
                entry[0] = (ulong)number + 1;
                entry[1] = operation.Digest;
                entry[2] = chain;
                entry[3] = (ulong)(page + 1);
            }
        }

        Chain = chain;
    }

    /// <summary>The last write of a page and how many it has had; a count of 0 means none.</summary>
    internal struct PageHistory
    {
        internal long Number;
        internal ulong Count;
    }
}
