using PageEngine.Memory;

namespace PageEngine.Checkpoints.Format;

// Owns: the numbers of the format: magic, sizes and limits, as docs/checkpoint-format.md has them. A limit stands between
// a number in a file and an allocation.

internal static class CheckpointFormat
{
    /// <summary>Not text, no line end that a transfer could change, and a name that people recognise in a hex dump.</summary>
    internal static ReadOnlySpan<byte> Magic => [0x89, (byte)'P', (byte)'G', (byte)'C', (byte)'K', 0x0D, 0x0A, 0x1A];

    /// <summary>The newest version that this program writes and reads; it reads all from 1 on.</summary>
    internal const ushort Version = 1;

    internal const int FileHeaderBytes = 32;
    internal const int SectionHeaderBytes = 48;
    internal const int SectionAlignment = 8;
    internal const uint SectionMarker = 0x53434550; // "PECS"

    /// <summary>Page data of raw chunks begins at a multiple of this in the file: it can be mapped, or read around the cache.</summary>
    internal const int DataAlignment = MemoryLayout.PageBytes;

    /// <summary>The most bytes of zeros between a section's header and its payload.</summary>
    internal const int MaxPaddingBytes = DataAlignment - 1;

    internal const int MaxChunkPages = 4096;
    internal const int MaxChunkRuns = 8192;

    /// <summary>The most bytes of a section whose payload is held in memory as a whole: a chunk, the guest, the layout.</summary>
    internal const int MaxChunkBytes = (MaxChunkPages * MemoryLayout.PageBytes) + (MaxChunkRuns * MemoryRun.Bytes) + (64 * 1024);

    internal const int MaxSmallSectionBytes = 128 * 1024;
    internal const int MaxDeviceBytes = Devices.DeviceStateCodec.MaxEncodedBytes;

    /// <summary>The most bytes of an index: a run for each second page of the largest guest would need more, and such a guest
    /// would need it to be built in memory.</summary>
    internal const long MaxIndexBytes = 1L << 30;

    /// <summary>The most sections of a file: the chunks of the largest guest, and as many again.</summary>
    internal const long MaxSections = 1L << 31;

    internal static long AlignSection(long offset) => (offset + SectionAlignment - 1) & -SectionAlignment;
}
