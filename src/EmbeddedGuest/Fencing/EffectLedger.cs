namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: what a guard knows of its guests, and the decision on a request. No I/O: the guard writes the line that a
// decision needs before it lets the ledger take the decision over. Used under the guard's lock.

/// <param name="Answer">What the asker is told.</param>
/// <param name="Line">What goes into the log first; null: nothing.</param>
internal readonly record struct GuardDecision(GuardAnswer Answer, EffectLogLine? Line);

internal sealed class EffectLedger
{
    private readonly Dictionary<Guid, Known> _guests = [];

    internal GuardDecision Decide(in GuardRequest request)
    {
        Known known = _guests.GetValueOrDefault(request.Guest);
        bool raises = request.Kind == GuardRequestKind.Raise;
        if (request.Epoch < known.Epoch)
        {
            return new(new(GuardAnswerKind.RefusedEpoch, known.Epoch), Line(EffectLogEvent.Refused, request));
        }

        if (raises)
        {
            return request.Epoch == known.Epoch
                ? new(new(GuardAnswerKind.Already, known.Epoch), null)
                : new(new(GuardAnswerKind.Accepted, request.Epoch), Line(EffectLogEvent.Raise, request));
        }

        if (request.Number != 0 && request.Number == known.Last && request.Content == known.Content)
        {
            return new(new(GuardAnswerKind.Already, known.Last), null);
        }

        return known.Last == ulong.MaxValue || request.Number != known.Last + 1
            ? new(new(GuardAnswerKind.Gap, known.Last), null)
            : new(new(GuardAnswerKind.Accepted, request.Number), Line(EffectLogEvent.Effect, request));
    }

    /// <summary>Takes over what the log says.</summary>
    internal void Take(in EffectLogLine line)
    {
        Known known = _guests.GetValueOrDefault(line.Guest);
        _guests[line.Guest] = line.Event switch
        {
            EffectLogEvent.Raise => known with { Epoch = line.Epoch },
            EffectLogEvent.Effect => new Known(line.Epoch, line.Number, line.Content),
            _ => known,
        };
    }

    private static EffectLogLine Line(EffectLogEvent what, in GuardRequest request) =>
        new(what, request.Guest, request.Epoch, request.Number, request.Content);

    private readonly record struct Known(ulong Epoch, ulong Last, ulong Content);
}
