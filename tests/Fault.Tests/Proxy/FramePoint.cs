using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Proxy;

// Owns: the name of one frame of a conversation: where in the migration, which way, what, and the how-manieth of its kind
// there. Two runs of the same migration have the same names.

internal enum Way
{
    ToDestination,
    ToSource,
}

/// <summary>Whether something happens while the frame is held back, or once it has been passed on.</summary>
internal enum Edge
{
    Before,
    After,
}

internal enum Section
{
    Handshake,
    Rehearsal,
    Rounds,
    Switchover,
    Complete,

    /// <summary>Pings and their answers: they come at any time.</summary>
    Liveness,
}

/// <param name="Section">Where in the migration.</param>
/// <param name="Rehearsal">Which rehearsal, from 1; 0 elsewhere.</param>
/// <param name="Way">Which way it goes.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Number">The how-manieth of its kind in this section, from 1.</param>
internal readonly record struct FramePoint(Section Section, int Rehearsal, Way Way, ControlKind Kind, int Number)
{
    internal static FramePoint Handshake(Way way, ControlKind kind) => new(Section.Handshake, 0, way, kind, 1);

    internal static FramePoint InRehearsal(int rehearsal, Way way, ControlKind kind) => new(Section.Rehearsal, rehearsal, way, kind, 1);

    internal static FramePoint Round(int number) => new(Section.Rounds, 0, Way.ToSource, ControlKind.RoundApplied, number);

    internal static FramePoint Switchover(Way way, ControlKind kind) => new(Section.Switchover, 0, way, kind, 1);

    internal static FramePoint Complete(Way way, ControlKind kind) => new(Section.Complete, 0, way, kind, 1);

    public override string ToString()
    {
        string where = Section == Section.Rehearsal ? $"rehearsal {Rehearsal}" : Section.ToString().ToLowerInvariant();
        return $"{where} {Kind}{(Number > 1 ? $" {Number}" : "")} {(Way == Way.ToDestination ? "S>D" : "D>S")}";
    }
}
