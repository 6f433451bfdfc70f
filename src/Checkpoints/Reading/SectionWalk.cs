using PageEngine.Checkpoints.Format;
using PageEngine.Devices;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: the way through a checkpoint from its first byte to its last: headers in order, checksums of all that is no page, and
// nothing after the end. What chunks hold is the caller's: now (a stream) or later and side by side (a file).

internal sealed class SectionWalk
{
    private const int PieceBytes = 1 << 20;
    private const int FewBytes = 256 << 10;

    private readonly CheckpointSource _source;
    private GuestSection? _guest;
    private MemoryLayout? _layout;
    private ParentSection? _parent;
    private IndexSection? _index;
    private EndSection? _end;

    private SectionWalk(CheckpointSource source) => _source = source;

    /// <summary>Gets the checkpoint; the totals are there after the walk.</summary>
    internal CheckpointInfo Info => CheckpointInfo.From(_guest!, _layout!, _parent, _end, _source.FileName);

    internal GuestSection Guest => _guest!;

    internal MemoryLayout Layout => _layout!;

    internal IndexSection Index => _index!;

    internal EndSection End => _end!;

    internal DeviceState Devices { get; private set; } = null!;

    /// <summary>Gets the bytes of <see cref="Devices"/>.</summary>
    internal ReadOnlyMemory<byte> DeviceBytes { get; private set; }

    /// <summary>Walks.</summary>
    /// <param name="source">From where.</param>
    /// <param name="onMemory">Called for each chunk with where its section begins; reads or notes it.</param>
    /// <param name="onBegin">Called once, before the first chunk, with who the checkpoint is of.</param>
    /// <param name="cancellationToken">Looked at between sections.</param>
    internal static SectionWalk Run(
        CheckpointSource source, Action<SectionWalk, SectionHeader, long> onMemory, Action<SectionWalk>? onBegin, CancellationToken cancellationToken)
    {
        var walk = new SectionWalk(source);
        Span<byte> fileHeader = stackalloc byte[CheckpointFormat.FileHeaderBytes];
        int read = source.ReadSome(0, fileHeader);
        FileHeader.Read(fileHeader[..read]);
        var sequence = new SectionSequence(fileHeader);
        byte[] bytes = new byte[CheckpointFormat.SectionHeaderBytes];
        long offset = CheckpointFormat.FileHeaderBytes;
        bool begun = false;
        while (walk._end is null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            source.Read(offset, bytes, null);
            SectionHeader header = SectionHeader.Read(bytes, offset);
            bool forUs = sequence.Next(header, bytes, offset);
            if (source.Length is { } length && header.TotalBytes > length - offset)
            {
                throw Damage.CutOff(header.Name, length, header.TotalBytes - (length - offset));
            }

            if (!begun && (header.Name == SectionName.Memory || header.Name == SectionName.Devices) && forUs)
            {
                onBegin?.Invoke(walk);
                begun = true;
            }

            if (forUs && header.Name == SectionName.Memory)
            {
                onMemory(walk, header, offset);
            }
            else if (forUs)
            {
                walk.Take(header, offset);
            }
            else
            {
                walk.ReadPayload(header, offset, keep: false, long.MaxValue);
            }

            walk.CheckTail(header, offset);
            if (walk._end is { } end)
            {
                sequence.CheckEnd(end, offset);
            }

            offset += header.TotalBytes;
        }

        if (source.ReadSome(offset, bytes.AsSpan(0, 1)) != 0)
        {
            throw Damage.At(null, offset, "bytes follow its end");
        }

        return walk;
    }

    /// <summary>Reads a section that is held in memory as a whole, and checks it.</summary>
    internal static byte[] ReadSection(CheckpointSource source, SectionHeader header, long offset, long limit) =>
        new SectionWalk(source).ReadPayload(header, offset, keep: true, limit);

    private void Take(SectionHeader header, long offset)
    {
        long limit = header.Name == SectionName.Devices ? CheckpointFormat.MaxDeviceBytes
            : header.Name == SectionName.Index ? CheckpointFormat.MaxIndexBytes
            : CheckpointFormat.MaxSmallSectionBytes;
        byte[] payload = ReadPayload(header, offset, keep: true, limit);
        long at = header.PayloadAt(offset);
        if (header.Name == SectionName.Guest)
        {
            _guest = GuestSection.Decode(payload, at);
        }
        else if (header.Name == SectionName.Layout)
        {
            _layout = LayoutSection.Decode(payload, at);
        }
        else if (header.Name == SectionName.Parent)
        {
            _parent = ParentSection.Decode(payload, at);
        }
        else if (header.Name == SectionName.Devices)
        {
            Devices = DeviceStateCodec.Decode(payload);
            DeviceBytes = payload;
        }
        else if (header.Name == SectionName.Index)
        {
            _index = IndexSection.Decode(payload, at, _layout!.PageCount);
        }
        else
        {
            _end = EndSection.Decode(payload, at);
        }
    }

    // In pieces: what a header claims is believed only as far as bytes arrive.
    private byte[] ReadPayload(SectionHeader header, long offset, bool keep, long limit)
    {
        if (header.PayloadBytes > limit)
        {
            throw Damage.At(header.Name, offset, $"it claims {header.PayloadBytes} bytes; at most {limit} are allowed");
        }

        long at = offset + CheckpointFormat.SectionHeaderBytes;
        RequireZeros(header.Name, ref at, header.PaddingBytes);
        if (keep && header.PayloadBytes <= FewBytes)
        {
            byte[] few = new byte[header.PayloadBytes];
            _source.Read(at, few, header.Name);
            return StreamHash.OfFew(few) == header.PayloadHash ? few : throw Damage.At(header.Name, offset, "its checksum does not match");
        }

        var hash = new StreamHash();
        byte[] payload = keep ? new byte[Math.Min(PieceBytes, header.PayloadBytes)] : [];
        byte[] piece = keep ? payload : new byte[Math.Min(PieceBytes, header.PayloadBytes)];
        long done = 0;
        while (done < header.PayloadBytes)
        {
            if (keep && done == payload.Length)
            {
                Array.Resize(ref payload, (int)Math.Min(header.PayloadBytes, 2L * payload.Length));
            }

            Span<byte> next = keep
                ? payload.AsSpan((int)done)
                : piece.AsSpan(0, (int)Math.Min(piece.Length, header.PayloadBytes - done));
            _source.Read(at + done, next, header.Name);
            hash.Append(next);
            done += next.Length;
        }

        return hash.Current == header.PayloadHash
            ? payload
            : throw Damage.At(header.Name, offset, "its checksum does not match");
    }

    private void CheckTail(SectionHeader header, long offset)
    {
        long at = header.PayloadAt(offset) + header.PayloadBytes;
        RequireZeros(header.Name, ref at, header.TailBytes);
    }

    private void RequireZeros(SectionName name, ref long at, int count)
    {
        if (count == 0)
        {
            return;
        }

        Span<byte> zeros = stackalloc byte[count];
        _source.Read(at, zeros, name);
        if (zeros.ContainsAnyExcept((byte)0))
        {
            throw Damage.At(name, at, "bytes that must be zero are not");
        }

        at += count;
    }
}
