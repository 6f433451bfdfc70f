using PageEngine.Checkpoints.Format;
using PageEngine.Devices;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: one checkpoint file that is open: everything but its pages, read from both of its ends without walking through it.

internal sealed class OpenCheckpoint : IDisposable
{
    private OpenCheckpoint(CheckpointSource source, CheckpointInfo info, EndSection end, IndexSection index)
    {
        Source = source;
        Info = info;
        End = end;
        Index = index;
        Lookup = new RunLookup(index.Runs);
    }

    internal CheckpointSource Source { get; }

    internal CheckpointInfo Info { get; }

    internal EndSection End { get; }

    internal IndexSection Index { get; }

    internal RunLookup Lookup { get; }

    /// <exception cref="MigrationException">Damaged, cut off, or of a version that is not known.</exception>
    internal static OpenCheckpoint Open(string path)
    {
        var source = new FileSource(path);
        try
        {
            return Open(source);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    internal SectionHeader ReadHeader(long offset, SectionName expected) => ReadHeader(Source, offset, expected);

    /// <summary>Reads the device state, which stands before the index or has optional sections between.</summary>
    internal DeviceState ReadDevices()
    {
        long offset = Index.Chunks.Length > 0 ? Index.Chunks[^1] : CheckpointFormat.FileHeaderBytes;
        while (offset < End.IndexOffset)
        {
            SectionHeader header = ReadHeader(Source, offset, null);
            if (header.Name == SectionName.Devices && header.IsForUs(offset))
            {
                return DeviceStateCodec.Decode(SectionWalk.ReadSection(Source, header, offset, CheckpointFormat.MaxDeviceBytes));
            }

            offset += header.TotalBytes;
        }

        throw Damage.At(SectionName.Devices, offset, "it is missing");
    }

    public void Dispose() => Source.Dispose();

    /// <summary>Opens a source whose length is known; it belongs to the object from then on.</summary>
    internal static OpenCheckpoint Open(CheckpointSource source)
    {
        Span<byte> fileHeader = stackalloc byte[CheckpointFormat.FileHeaderBytes];
        int read = source.ReadSome(0, fileHeader);
        FileHeader.Read(fileHeader[..read]);
        long endAt = source.Length!.Value - EndSection.TotalBytes;
        if (endAt < CheckpointFormat.FileHeaderBytes)
        {
            throw Damage.CutOff(SectionName.End, source.Length.Value, 0);
        }

        EndSection end;
        try
        {
            SectionHeader header = ReadHeader(source, endAt, SectionName.End);
            end = EndSection.Decode(SectionWalk.ReadSection(source, header, endAt, EndSection.PayloadBytes), endAt + CheckpointFormat.SectionHeaderBytes);
        }
        catch (MigrationException e) when (e.Kind == MigrationErrorKind.DataDamaged)
        {
            throw Damage.At(SectionName.End, endAt, "its last section is not there: the file was cut off, or was never completed");
        }

        GuestSection? guest = null;
        MemoryLayout? layout = null;
        ParentSection? parent = null;
        long offset = CheckpointFormat.FileHeaderBytes;
        while (true)
        {
            SectionHeader header = ReadHeader(source, offset, null);
            bool forUs = header.IsForUs(offset);
            if (forUs && (header.Name == SectionName.Memory || header.Name == SectionName.Devices))
            {
                break;
            }

            if (forUs)
            {
                byte[] payload = SectionWalk.ReadSection(source, header, offset, CheckpointFormat.MaxSmallSectionBytes);
                long at = header.PayloadAt(offset);
                guest = header.Name == SectionName.Guest ? GuestSection.Decode(payload, at) : guest;
                layout = header.Name == SectionName.Layout ? LayoutSection.Decode(payload, at) : layout;
                parent = header.Name == SectionName.Parent ? ParentSection.Decode(payload, at) : parent;
            }

            offset += header.TotalBytes;
        }

        if (guest is null || layout is null)
        {
            throw Damage.At(null, offset, "guest or layout are missing before the first chunk");
        }

        SectionHeader indexHeader = ReadHeader(source, end.IndexOffset, SectionName.Index);
        IndexSection index = IndexSection.Decode(
            SectionWalk.ReadSection(source, indexHeader, end.IndexOffset, CheckpointFormat.MaxIndexBytes), indexHeader.PayloadAt(end.IndexOffset), layout.PageCount);
        return new OpenCheckpoint(source, CheckpointInfo.From(guest, layout, parent, end, source.FileName), end, index);
    }

    private static SectionHeader ReadHeader(CheckpointSource source, long offset, SectionName? expected)
    {
        Span<byte> bytes = stackalloc byte[CheckpointFormat.SectionHeaderBytes];
        source.Read(offset, bytes, expected);
        SectionHeader header = SectionHeader.Read(bytes, offset);
        if (expected is { } name && (header.Name != name || !header.IsForUs(offset)))
        {
            throw Damage.At(name, offset, $"the section '{header.Name}' is there instead");
        }

        return header.TotalBytes <= source.Length!.Value - offset
            ? header
            : throw Damage.CutOff(header.Name, source.Length.Value, header.TotalBytes - (source.Length.Value - offset));
    }
}
