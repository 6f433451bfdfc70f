using System.Buffers;

namespace PageEngine.Streaming;

// Owns: one link of a batch's sequence. Made once and used again for every batch of a stream.

internal sealed class PageSegment : ReadOnlySequenceSegment<byte>
{
    /// <summary>Points the segment at memory, as the last of its sequence.</summary>
    internal void Set(ReadOnlyMemory<byte> memory, long runningIndex)
    {
        Memory = memory;
        RunningIndex = runningIndex;
        Next = null;
    }

    /// <summary>Points the segment at memory and puts it behind another.</summary>
    internal void SetBehind(PageSegment previous, ReadOnlyMemory<byte> memory)
    {
        Set(memory, previous.RunningIndex + previous.Memory.Length);
        previous.Next = this;
    }
}
