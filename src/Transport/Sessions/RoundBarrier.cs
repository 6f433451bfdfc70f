using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the barrier between rounds: the next round begins only when the destination has acknowledged this one on every
// stream, so that no stream can overtake another with an older version of a page.

/// <summary>Collects the acknowledgements of one round. Acknowledge is called by the frame pump only.</summary>
internal sealed class RoundBarrier
{
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StreamRoundTotals?[] _acknowledged;
    private readonly int _round;
    private int _missing;

    internal RoundBarrier(int round, int streams)
    {
        _round = round;
        _acknowledged = new StreamRoundTotals?[streams];
        _missing = streams;
    }

    internal Task Completion => _all.Task;

    /// <exception cref="MigrationException">The acknowledgement is for another round, another stream, or a second one.</exception>
    internal void Acknowledge(StreamRoundTotals totals)
    {
        if (totals.Round != _round || (uint)totals.Stream >= (uint)_acknowledged.Length || _acknowledged[totals.Stream] is not null)
        {
            throw ControlFrameCodec.Violation($"stream {totals.Stream} acknowledged round {totals.Round} while round {_round} is under way");
        }

        _acknowledged[totals.Stream] = totals;
        if (--_missing == 0)
        {
            _all.TrySetResult();
        }
    }

    /// <summary>Checks that the destination applied what was sent, stream by stream.</summary>
    /// <exception cref="MigrationException">The totals differ.</exception>
    internal void Check(StreamRoundTotals sent)
    {
        StreamRoundTotals applied = _acknowledged[sent.Stream]!.Value;
        if (applied.DataPages != sent.DataPages || applied.ZeroPages != sent.ZeroPages || applied.WireBytes != sent.WireBytes)
        {
            throw new MigrationException(
                MigrationErrorKind.DataDamaged,
                $"Stream {sent.Stream} sent {sent.DataPages} data and {sent.ZeroPages} zero pages ({sent.WireBytes} bytes) in round {_round}; the destination applied {applied.DataPages} and {applied.ZeroPages} ({applied.WireBytes} bytes).");
        }
    }

    internal void Fail(Exception cause)
    {
        // Whoever waited may have given up meanwhile, and the cause is known elsewhere.
        if (_all.TrySetException(cause))
        {
            _ = _all.Task.Exception;
        }
    }
}
