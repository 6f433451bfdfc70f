using System.Runtime.InteropServices;
using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: what may be written to the destination's memory, and what is known about each page there: whether it was offered,
// whether it may hold bytes, and its hash. Shared by all streams of a migration; two streams never work on the same page at
// once, because a round sends each page once and rounds are separated by a barrier.

/// <summary>The destination's memory as the page streams see it; shared by all streams of a migration.</summary>
internal sealed unsafe class PageApplier : IDisposable
{
    private readonly DirtyBitmap _offered;
    private readonly DirtyBitmap _mayHoldBytes;
    private ulong* _hashes;
    private long _offeredPages;
    private int _users = 1;
    private int _disposed;
    private int _batches;
    private int _sealed;

    /// <param name="memory">The destination's memory. What it holds already is found out here, without reading it.</param>
    /// <param name="keepHashes">Whether a hash is kept of every page that arrives (for verification).</param>
    internal PageApplier(GuestMemory memory, bool keepHashes)
        : this(memory, keepHashes, PagesWithBytes(memory))
    {
    }

    /// <param name="mayHoldBytes">The pages that are not proven to be holes; owned by the applier from here on.</param>
    internal PageApplier(GuestMemory memory, bool keepHashes, DirtyBitmap mayHoldBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mayHoldBytes.PageCount, memory.PageCount, nameof(mayHoldBytes));
        Memory = memory;
        _mayHoldBytes = mayHoldBytes;
        _offered = new DirtyBitmap(memory.PageCount);
        if (keepHashes)
        {
            // The table keeps each hash xor the hash of a zero page: a guest's holes then leave the table a hole, too.
            _hashes = (ulong*)NativeMemory.AllocZeroed((nuint)memory.PageCount, sizeof(ulong));
        }
    }

    /// <summary>Gets the memory.</summary>
    internal GuestMemory Memory { get; }

    /// <summary>Gets the number of pages that were offered at least once.</summary>
    internal long OfferedPages => Volatile.Read(ref _offeredPages);

    /// <summary>Gets the hash of a page as it was last applied (of a zero page, where it was a hole).</summary>
    /// <exception cref="InvalidOperationException">No hashes are kept.</exception>
    internal ulong HashOf(long page)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)page, (ulong)Memory.PageCount, nameof(page));
        return _hashes == null
            ? throw new InvalidOperationException("This applier keeps no hashes.")
            : _hashes[page] ^ PageHash.ZeroPageHash; // SAFETY: page was checked against the table's length.
    }

    /// <summary>Enters a batch: from here to <see cref="EndBatch"/> a stream may write the memory.</summary>
    /// <exception cref="MigrationException">The memory is sealed: what the source announced as its last round was not.</exception>
    internal void BeginBatch()
    {
        Interlocked.Increment(ref _batches);
        if (Volatile.Read(ref _sealed) != 0)
        {
            Interlocked.Decrement(ref _batches);
            throw StreamViolation.Of("pages came after the last round had ended");
        }
    }

    /// <summary>Leaves a batch: all of it is in the memory.</summary>
    internal void EndBatch() => Interlocked.Decrement(ref _batches);

    /// <summary>Closes the memory to all streams, for good: whoever loads the device state next is the only writer.</summary>
    /// <exception cref="MigrationException">A batch is being received.</exception>
    internal void Seal()
    {
        // Each side first says what it does and then looks at the other: at least one of the two sees both.
        Interlocked.Exchange(ref _sealed, 1);
        if (Volatile.Read(ref _batches) != 0)
        {
            throw StreamViolation.Of("pages came while the last round had ended");
        }
    }

    /// <summary>Gets whether a page was offered before.</summary>
    internal bool WasOffered(long page) => PageBits.IndexOf(_offered, value: true, page, page + 1) == page;

    /// <summary>Prepares pages whose bytes are about to be written by a stream.</summary>
    internal void BeginData(PageRange range) => _mayHoldBytes.SetRange(range);

    /// <summary>Takes note of pages whose bytes are in guest memory now. The hash is taken from there, never from what
    /// travelled.</summary>
    internal void EndData(PageRange range)
    {
        if (_hashes != null)
        {
            // SAFETY: the decoder keeps a run within one region, so its pages follow each other in memory.
            byte* bytes = Memory.PagePointer(range.Start);
            for (long page = range.Start; page < range.End; page++, bytes += MemoryLayout.PageBytes)
            {
                _hashes[page] = PageHash.Of(bytes) ^ PageHash.ZeroPageHash;
            }
        }

        Interlocked.Add(ref _offeredPages, PageBits.SetAndCountNew(_offered, range));
    }

    /// <summary>Makes pages zero. A page that is still a proven hole is not touched: it stays without memory.</summary>
    internal void ApplyZeros(PageRange range)
    {
        long page = PageBits.IndexOf(_mayHoldBytes, value: true, range.Start, range.End);
        while (page < range.End)
        {
            long end = PageBits.IndexOf(_mayHoldBytes, value: false, page, range.End);
            // SAFETY: the run lies within one region, so its pages follow each other in memory and in the table.
            NativeMemory.Clear(Memory.PagePointer(page), (nuint)((end - page) * MemoryLayout.PageBytes));
            if (_hashes != null)
            {
                NativeMemory.Clear(_hashes + page, (nuint)((end - page) * sizeof(ulong)));
            }

            page = PageBits.IndexOf(_mayHoldBytes, value: true, end, range.End);
        }

        Interlocked.Add(ref _offeredPages, PageBits.SetAndCountNew(_offered, range));
    }

    /// <summary>Keeps the tables alive while a stream uses them, whoever disposes the applier.</summary>
    internal void AddUser()
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        Interlocked.Increment(ref _users);
    }

    internal void ReleaseUser()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _offered.Dispose();
            _mayHoldBytes.Dispose();
            NativeMemory.Free(_hashes);
            _hashes = null;
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            ReleaseUser();
        }
    }

    private static DirtyBitmap PagesWithBytes(GuestMemory memory)
    {
        if (memory.TakePopulation() is { } known)
        {
            return known.NotZero;
        }

        var pages = new DirtyBitmap(memory.PageCount);
        MemoryResidency.MarkPresent(memory, pages);
        return pages;
    }
}
