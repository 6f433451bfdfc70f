using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Proxy;

// Owns: where in the migration a conversation is, as somebody between the two sides can tell. Safe from both directions.

internal sealed class Conversation
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(Section, int, Way, ControlKind), int> _counts = [];
    private readonly List<FramePoint> _seen = [];
    private Section _section = Section.Handshake;
    private int _rehearsals;

    /// <summary>Gets every frame that came, in the order in which it came here.</summary>
    internal FramePoint[] Seen
    {
        get
        {
            lock (_lock)
            {
                return [.. _seen];
            }
        }
    }

    internal bool HasSeen(FramePoint point)
    {
        lock (_lock)
        {
            return _seen.Contains(point);
        }
    }

    /// <summary>Names the next frame.</summary>
    internal FramePoint Name(Way way, ControlKind kind, ReadOnlySpan<byte> payload)
    {
        lock (_lock)
        {
            Section section = kind is ControlKind.Ping or ControlKind.Pong ? Section.Liveness : SectionOf(way, kind, payload);
            int rehearsal = section == Section.Rehearsal ? _rehearsals : 0;
            (Section, int, Way, ControlKind) key = (section, rehearsal, way, kind);
            int number = _counts[key] = _counts.GetValueOrDefault(key) + 1;
            var point = new FramePoint(section, rehearsal, way, kind, number);
            _seen.Add(point);

            // The answer that ends a rehearsal, or the switchover, is its last frame.
            if (kind == ControlKind.Running)
            {
                _section = section == Section.Rehearsal ? Section.Rounds : Section.Complete;
            }

            return point;
        }
    }

    private Section SectionOf(Way way, ControlKind kind, ReadOnlySpan<byte> payload)
    {
        if (kind == ControlKind.PauseNotice && way == Way.ToDestination)
        {
            bool rehearsal = PauseNoticeMessage.Read(payload).Rehearsal;
            _rehearsals += rehearsal ? 1 : 0;
            _section = rehearsal ? Section.Rehearsal : Section.Switchover;
        }

        return _section;
    }
}
