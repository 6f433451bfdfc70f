using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: carrying one operation out on guest memory. Used by the virtual CPU's own thread. Allocates nothing.
// Accounts and table are shared by all virtual CPUs and only ever added to, so that their order does not matter.

internal sealed unsafe class OperationExecutor
{
    private readonly GuestPages _pages;
    private readonly GuestMemoryMap _map;
    private readonly OperationStream _stream;
    private readonly int _virtualCpu;
    private readonly long* _accounts;
    private readonly ulong* _table;
    private readonly ulong* _log;

    internal OperationExecutor(GuestMemory memory, GuestMemoryMap map, OperationStream stream, int virtualCpu)
    {
        _pages = new GuestPages(memory);
        _map = map;
        _stream = stream;
        _virtualCpu = virtualCpu;
        _accounts = (long*)_pages.Words(GuestMemoryMap.AccountsPage);
        _table = _pages.Words(GuestMemoryMap.TablePage);
        _log = _pages.Words(GuestMemoryMap.LogPage(virtualCpu));
    }

    /// <summary>Carries out operation <paramref name="number"/>.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="chain">The log's hash after the operation before.</param>
    /// <param name="tracer">Where written pages are marked, each one after its write; null when nobody traces.</param>
    /// <returns>The log's hash after this one.</returns>
    internal ulong Execute(long number, ulong chain, ExplicitWriteTracer? tracer)
    {
        Operation operation = _stream.Draw(number);
        long page = -1;
        if (operation.WritesPage)
        {
            page = _map.PageOf(_virtualCpu, operation.LocalPage);
            ulong* words = _pages.Words(page);

            // The count comes from the page itself: a write that was lost, or done twice, stays visible for good.
            ulong count = (Volatile.Read(ref words[PageStamp.CountWord]) & PageStamp.CountMask) + 1;
            new PageStamp(number, count, operation.Digest).Write(words, _virtualCpu);
            tracer?.MarkDirty(page);
        }

        // SAFETY: account and bucket numbers are masked to the size of their arrays.
        Interlocked.Add(ref _accounts[operation.From], -operation.Amount);
        Interlocked.Add(ref _accounts[operation.To], operation.Amount);
        ulong* bucket = _table + (operation.Bucket * GuestMemoryMap.BucketWords);
        Interlocked.Add(ref bucket[1], operation.Digest);
        Interlocked.Increment(ref bucket[0]);

        chain = Mixer.Chain(chain, operation.Digest);
        int entry = (int)(number & (GuestMemoryMap.LogEntries - 1)) * GuestMemoryMap.LogEntryWords;
        Volatile.Write(ref _log[entry + 1], operation.Digest);
        Volatile.Write(ref _log[entry + 2], chain);
        Volatile.Write(ref _log[entry + 3], (ulong)(page + 1));
        Volatile.Write(ref _log[entry], (ulong)number + 1);
        if (tracer is not null)
        {
            MarkSystemPages(tracer, operation, entry);
        }

        return chain;
    }

    private void MarkSystemPages(ExplicitWriteTracer tracer, in Operation operation, int entry)
    {
        tracer.MarkDirty(GuestMemoryMap.AccountsPage + (operation.From / GuestMemoryMap.PageWords));
        tracer.MarkDirty(GuestMemoryMap.AccountsPage + (operation.To / GuestMemoryMap.PageWords));
        tracer.MarkDirty(GuestMemoryMap.TablePage + (operation.Bucket * GuestMemoryMap.BucketWords / GuestMemoryMap.PageWords));
        tracer.MarkDirty(GuestMemoryMap.LogPage(_virtualCpu) + (entry / GuestMemoryMap.PageWords));
    }
}
