using PageEngine.Bitmaps;
using PageEngine.Memory;

namespace PageEngine.Streaming;

// Owns: one round's work, shared by all page streams: who sends which pages. [SKELETON: to be completed]

/// <summary>The pages of one round. Streams claim windows of the bitmap one after the other, without a lock; a page's
/// bit is cleared once its bytes were handed to the wire, so what a failed round did not send stays pending.</summary>
internal sealed class PageRound
{
    internal PageRound(int index, GuestMemory memory, DirtyBitmap pending, DirtyBitmap? present)
    {
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
}

/// <summary>What one stream sent or received in one round.</summary>
internal readonly record struct StreamRoundTotals(int Round, int Stream, long DataPages, long ZeroPages, long WireBytes);
