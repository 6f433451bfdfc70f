using System.IO.Hashing;
using PageEngine.Checkpoints.Format;

namespace PageEngine.Checkpoints.Reading;

// Owns: the order in which sections may come, and the digest over their headers. Pure: headers in, verdicts out.

internal sealed class SectionSequence
{
    private static readonly SectionName[] _order =
    [
        SectionName.Guest, SectionName.Layout, SectionName.Parent, SectionName.Memory, SectionName.Devices, SectionName.Index, SectionName.End,
    ];

    private readonly XxHash128 _digest = new();
    private int _station = -1;
    private long _indexOffset;
    private CheckpointDigest _beforeEnd;

    internal SectionSequence(ReadOnlySpan<byte> fileHeader) => _digest.Append(fileHeader);

    /// <summary>Gets how many sections have come.</summary>
    internal long Count { get; private set; }

    /// <summary>Takes the next header.</summary>
    /// <param name="header">The header.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="offset">Where it stands.</param>
    /// <returns>Whether the section is to be read; false: skipped.</returns>
    internal bool Next(SectionHeader header, ReadOnlySpan<byte> bytes, long offset)
    {
        Count++;
        bool forUs = header.IsForUs(offset);
        if (header.Name == SectionName.End)
        {
            Span<byte> digest = stackalloc byte[CheckpointDigest.Bytes];
            _digest.GetCurrentHash(digest);
            _beforeEnd = CheckpointDigest.Read(digest);
        }

        _digest.Append(bytes);
        if (!forUs)
        {
            return false;
        }

        // Guest and layout must be there, chunks and the parent need not; each but the chunks comes once.
        int station = Array.IndexOf(_order, header.Name);
        int least = _station switch
        {
            -1 => 0,
            0 => 1,
            1 or 2 or 3 => _station == 3 ? 3 : _station + 1,
            _ => _station + 1,
        };
        int most = _station switch
        {
            -1 => 0,
            0 => 1,
            1 or 2 or 3 => 4,
            _ => _station + 1,
        };
        if (station < least || station > most || header.IsOptional)
        {
            throw Damage.At(header.Name, offset, "it does not belong here");
        }

        if (header.Name == SectionName.Index)
        {
            _indexOffset = offset;
        }

        _station = station;
        return true;
    }

    /// <summary>Checks the end against what has come.</summary>
    internal void CheckEnd(EndSection end, long offset)
    {
        if (end.SectionCount != Count || end.IndexOffset != _indexOffset || end.Digest != _beforeEnd)
        {
            throw Damage.At(SectionName.End, offset, "its totals or the digest over all do not match what came before");
        }
    }
}
