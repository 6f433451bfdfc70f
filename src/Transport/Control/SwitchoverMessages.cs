using PageEngine.Ownership;
using PageEngine.Streaming;

namespace PageEngine.Transport.Control;

// Owns: the messages of rounds and of the switchover. Each names its attempt: a late frame of another attempt is dead.

/// <summary>Destination to source: one stream's share of a round is in guest memory.</summary>
internal readonly record struct RoundAppliedMessage(StreamRoundTotals Totals)
{
    internal void Write(PayloadWriter writer) =>
        writer.UInt32((uint)Totals.Round).UInt16((ushort)Totals.Stream).Count(Totals.DataPages).Count(Totals.ZeroPages).Count(Totals.WireBytes);

    internal static RoundAppliedMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.RoundApplied);
        var totals = new StreamRoundTotals(
            (int)Math.Min(reader.UInt32(), int.MaxValue), reader.UInt16(), reader.Count(long.MaxValue), reader.Count(long.MaxValue), reader.Count(long.MaxValue));
        reader.End();
        return new RoundAppliedMessage(totals);
    }
}

/// <summary>Source to destination, in chunks: the encoded device state.</summary>
internal static class DeviceStateMessage
{
    internal static void Write(PayloadWriter writer, long offset, ReadOnlySpan<byte> chunk) => writer.Count(offset).Raw(chunk);

    internal static long Read(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> chunk)
    {
        var reader = new PayloadReader(payload, ControlKind.DeviceState);
        long offset = reader.Count(long.MaxValue);
        chunk = reader.Rest();
        return offset;
    }
}

/// <summary>Source to destination: everything was sent; restore, check, prepare and answer.</summary>
internal sealed record PrepareMessage
{
    /// <summary>Gets whether this is the rehearsal: the same steps on an empty layout and a scratch record.</summary>
    internal required bool Rehearsal { get; init; }

    internal required AttemptId Attempt { get; init; }

    /// <summary>Gets the guest whose record decides: the real one, or the rehearsal's scratch guest.</summary>
    internal required Guid GuestId { get; init; }

    /// <summary>Gets the epoch the source runs under; the destination's will be the next.</summary>
    internal required ulong Epoch { get; init; }

    internal required ulong LayoutDigest { get; init; }

    internal required long StateBytes { get; init; }

    internal required ulong StateDigest { get; init; }

    /// <summary>Gets, stream by stream, everything that was sent since the start of the migration.</summary>
    internal required StreamRoundTotals[] Totals { get; init; }

    internal void Write(PayloadWriter writer)
    {
        writer.Byte(Rehearsal ? (byte)1 : (byte)0).Guid(Attempt.Value).Guid(GuestId).UInt64(Epoch).UInt64(LayoutDigest)
            .Count(StateBytes).UInt64(StateDigest).UInt16((ushort)Totals.Length);
        foreach (StreamRoundTotals totals in Totals)
        {
            writer.UInt32((uint)totals.Round).Count(totals.DataPages).Count(totals.ZeroPages);
        }
    }

    internal static PrepareMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Prepare);
        byte rehearsal = reader.Byte();
        var attempt = new AttemptId(reader.Guid());
        Guid guest = reader.Guid();
        ulong epoch = reader.UInt64();
        ulong layout = reader.UInt64();
        long stateBytes = reader.Count(Devices.DeviceStateCodec.MaxEncodedBytes);
        ulong digest = reader.UInt64();
        int count = reader.UInt16();
        if (rehearsal > 1 || count is 0 or > PageBatchLimits.MaxStreams || epoch is 0 or ulong.MaxValue)
        {
            throw reader.Wrong("an impossible flag, epoch or stream count");
        }

        var totals = new StreamRoundTotals[count];
        for (int i = 0; i < count; i++)
        {
            totals[i] = new StreamRoundTotals((int)Math.Min(reader.UInt32(), int.MaxValue), i, reader.Count(long.MaxValue), reader.Count(long.MaxValue), 0);
        }

        reader.End();
        return new PrepareMessage
        {
            Rehearsal = rehearsal == 1,
            Attempt = attempt,
            GuestId = guest,
            Epoch = epoch,
            LayoutDigest = layout,
            StateBytes = stateBytes,
            StateDigest = digest,
            Totals = totals,
        };
    }
}

/// <summary>Destination to source: prepared durably. The durations are the destination's own.</summary>
internal readonly record struct PreparedMessage(AttemptId Attempt, ulong Epoch, TimeSpan WaitedForPages, TimeSpan Restore, TimeSpan Journal)
{
    internal void Write(PayloadWriter writer) =>
        writer.Guid(Attempt.Value).UInt64(Epoch).Duration(WaitedForPages).Duration(Restore).Duration(Journal);

    internal static PreparedMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Prepared);
        var message = new PreparedMessage(new AttemptId(reader.Guid()), reader.UInt64(), reader.Duration(), reader.Duration(), reader.Duration());
        reader.End();
        return message;
    }
}

/// <summary>Source to destination: the next epoch is the destination's. A hint to read the record; without a store, the decision.</summary>
internal readonly record struct CommitMessage(AttemptId Attempt, ulong Epoch)
{
    internal void Write(PayloadWriter writer) => writer.Guid(Attempt.Value).UInt64(Epoch);

    internal static CommitMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Commit);
        var message = new CommitMessage(new AttemptId(reader.Guid()), reader.UInt64());
        reader.End();
        return message;
    }
}

/// <summary>Destination to source: the guest runs here.</summary>
internal readonly record struct RunningMessage(AttemptId Attempt, ulong Epoch, TimeSpan ReadRecord, TimeSpan Resume)
{
    internal void Write(PayloadWriter writer) => writer.Guid(Attempt.Value).UInt64(Epoch).Duration(ReadRecord).Duration(Resume);

    internal static RunningMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Running);
        var message = new RunningMessage(new AttemptId(reader.Guid()), reader.UInt64(), reader.Duration(), reader.Duration());
        reader.End();
        return message;
    }
}

/// <summary>Source to destination: the pause is next. The destination gets ready so that nothing is done for the first time
/// while the guest stands still.</summary>
internal readonly record struct PauseNoticeMessage(bool Rehearsal, AttemptId Attempt, Guid GuestId, ulong Epoch)
{
    internal void Write(PayloadWriter writer) => writer.Byte(Rehearsal ? (byte)1 : (byte)0).Guid(Attempt.Value).Guid(GuestId).UInt64(Epoch);

    internal static PauseNoticeMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.PauseNotice);
        byte rehearsal = reader.Byte();
        var message = new PauseNoticeMessage(rehearsal == 1, new AttemptId(reader.Guid()), reader.Guid(), reader.UInt64());
        reader.End();
        return rehearsal <= 1 && message.Epoch is not 0 and not ulong.MaxValue ? message : throw reader.Wrong("an impossible flag or epoch");
    }
}

/// <summary>Destination to source: the guest could not run here and is the source's again. A hint to read the record.</summary>
internal readonly record struct HandedBackMessage(AttemptId Attempt)
{
    internal void Write(PayloadWriter writer) => writer.Guid(Attempt.Value);

    internal static HandedBackMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.HandedBack);
        var message = new HandedBackMessage(new AttemptId(reader.Guid()));
        reader.End();
        return message;
    }
}
