namespace PageEngine.Checkpoints.Format;

// Owns: the section "end", the last 120 bytes of every checkpoint: totals, where the index is, and the digest over all.

/// <param name="SectionCount">How many sections there are, this one included.</param>
/// <param name="FileBytes">The whole length.</param>
/// <param name="IndexOffset">Where the section "index" begins.</param>
/// <param name="DataPages">Pages whose newest bytes are here.</param>
/// <param name="EqualPages">Pages that equal one of them.</param>
/// <param name="ZeroPages">Pages that are said to be zero here; in a checkpoint without parent those that nothing is said about
/// are zero, too.</param>
/// <param name="Digest">The XXH3-128 of the file's header and all section headers before this one, in order: they hold the
/// checksums of everything else. It names this checkpoint.</param>
internal sealed record EndSection(long SectionCount, long FileBytes, long IndexOffset, long DataPages, long EqualPages, long ZeroPages, CheckpointDigest Digest)
{
    internal const int PayloadBytes = 72;
    internal const int TotalBytes = CheckpointFormat.SectionHeaderBytes + PayloadBytes;

    internal ReadOnlyMemory<byte> Encode() => new PayloadWriter()
        .Int64(SectionCount).Int64(FileBytes).Int64(IndexOffset).Int64(DataPages).Int64(EqualPages).Int64(ZeroPages)
        .Digest(Digest).UInt64(0).Written;

    internal static EndSection Decode(ReadOnlySpan<byte> payload, long offset)
    {
        var reader = new PayloadReader(payload, SectionName.End, offset);
        var end = new EndSection(
            reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(), reader.Digest());
        if (reader.UInt64() != 0
            || end.SectionCount is < 4 or > CheckpointFormat.MaxSections
            || end.FileBytes != offset + PayloadBytes
            || end.IndexOffset < CheckpointFormat.FileHeaderBytes
            || end.IndexOffset >= offset
            || end.DataPages < 0 || end.EqualPages < 0 || end.ZeroPages < 0)
        {
            throw reader.Bad("its totals make no sense");
        }

        reader.End();
        return end;
    }
}
