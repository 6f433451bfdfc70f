using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one round's work, shared by all page streams: who sends which pages, and what has been sent so far. Streams claim
// windows by one atomic addition each; nobody else sets bits in the pending bitmap while the round runs.

/// <summary>The pages of one round. Streams claim windows of the bitmap one after the other, without a lock; a page's
/// bit is cleared once its bytes were handed to the wire, so what a failed round did not send stays pending.</summary>
internal sealed class PageRound
{
    /// <summary>Pages that a stream claims at once: 8 MiB of guest. A multiple of 64, so that no two streams clear bits of
    /// the same word; small enough that streams end a round close together.</summary>
    internal const int WindowPages = 2048;

    private long _claimed;
    private long _dataPages;
    private long _zeroPages;
    private long _wireBytes;

    /// <param name="index">The round's number.</param>
    /// <param name="memory">The source's memory.</param>
    /// <param name="pending">The pages to send.</param>
    /// <param name="present">The pages that may be read; null: all.</param>
    internal PageRound(int index, GuestMemory memory, DirtyBitmap pending, DirtyBitmap? present)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfNotEqual(pending.PageCount, memory.PageCount, nameof(pending));
        if (present is not null)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(present.PageCount, memory.PageCount, nameof(present));
        }

        Index = index;
        Memory = memory;
        Pending = pending;
        Present = present;
    }

    /// <summary>Gets the round's number; the last pass continues the numbering.</summary>
    internal int Index { get; }

    internal GuestMemory Memory { get; }

    /// <summary>Gets the pages to send. Owned by the session; streams clear bits as they send.</summary>
    internal DirtyBitmap Pending { get; }

    /// <summary>Gets the pages that the kernel has memory for; a pending page that is not among them is a hole: zero,
    /// and never read. Null: every page is read.</summary>
    internal DirtyBitmap? Present { get; }

    /// <summary>Gets whether a page may arrive as it is later than when it was sent: the guest runs, the tracer watches, and a
    /// page that changes meanwhile comes again in a later round. Never true for the last pass: its pages are taken as they are
    /// when they are handed over.</summary>
    internal bool MayArriveLater { get; init; }

    /// <summary>Gets how many pages are pending at the beginning; 0: not known, or few.</summary>
    internal long DirtyPages { get; init; }

    /// <summary>Gets whether every window was taken.</summary>
    internal bool IsClaimed => Volatile.Read(ref _claimed) >= Memory.PageCount;

    /// <summary>Gets whether this round sends every page for the first time.</summary>
    internal bool IsFirst { get; init; }

    /// <summary>Gets the pages that all streams have sent as bytes so far, for progress.</summary>
    internal long DataPages => Volatile.Read(ref _dataPages);

    /// <summary>Gets the zero pages that all streams have sent so far.</summary>
    internal long ZeroPages => Volatile.Read(ref _zeroPages);

    /// <summary>Gets the bytes that all streams have handed to the wire so far.</summary>
    internal long WireBytes => Volatile.Read(ref _wireBytes);

    /// <summary>Takes the next window; false when none is left.</summary>
    internal bool TryClaim(out PageRange window)
    {
        long start = Interlocked.Add(ref _claimed, WindowPages) - WindowPages;
        long pages = Math.Min(WindowPages, Memory.PageCount - start);
        window = pages > 0 ? new PageRange(start, pages) : default;
        return pages > 0;
    }

    /// <summary>Counts a batch that was handed to the wire.</summary>
    internal void AddSent(long dataPages, long zeroPages, long wireBytes)
    {
        Interlocked.Add(ref _dataPages, dataPages);
        Interlocked.Add(ref _zeroPages, zeroPages);
        Interlocked.Add(ref _wireBytes, wireBytes);
    }
}
