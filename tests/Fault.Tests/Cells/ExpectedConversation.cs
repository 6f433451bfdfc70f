using PageEngine.Fault.Tests.Proxy;
using PageEngine.Transport.Control;

namespace PageEngine.Fault.Tests.Cells;

// Owns: every frame of an undisturbed migration with one page stream and three rounds. UndisturbedTests records a run and
// compares: a frame that the protocol gains or loses fails there.

internal static class ExpectedConversation
{
    /// <summary>How many rehearsals there always are; more come when their cost has not settled.</summary>
    internal const int Rehearsals = 4;

    internal const int Rounds = 3;

    internal static IReadOnlyList<FramePoint> Handshake { get; } =
    [
        FramePoint.Handshake(Way.ToDestination, ControlKind.Hello),
        FramePoint.Handshake(Way.ToSource, ControlKind.Welcome),
        FramePoint.Handshake(Way.ToSource, ControlKind.Ready),
    ];

    internal static IReadOnlyList<FramePoint> Liveness { get; } =
    [
        new(Section.Liveness, 0, Way.ToDestination, ControlKind.Ping, 1),
        new(Section.Liveness, 0, Way.ToSource, ControlKind.Pong, 1),
    ];

    internal static IReadOnlyList<FramePoint> InRounds { get; } = [.. Enumerable.Range(1, Rounds).Select(FramePoint.Round)];

    internal static IReadOnlyList<FramePoint> Switchover { get; } =
    [
        FramePoint.Switchover(Way.ToDestination, ControlKind.PauseNotice),
        FramePoint.Switchover(Way.ToDestination, ControlKind.DeviceState),
        FramePoint.Switchover(Way.ToSource, ControlKind.RoundApplied),
        FramePoint.Switchover(Way.ToDestination, ControlKind.Prepare),
        FramePoint.Switchover(Way.ToSource, ControlKind.Prepared),
        FramePoint.Switchover(Way.ToDestination, ControlKind.Commit),
        FramePoint.Switchover(Way.ToSource, ControlKind.Running),
    ];

    internal static IReadOnlyList<FramePoint> Complete { get; } =
    [
        FramePoint.Complete(Way.ToDestination, ControlKind.HashesRequest),
        FramePoint.Complete(Way.ToSource, ControlKind.Hashes),
        FramePoint.Complete(Way.ToDestination, ControlKind.Goodbye),
        FramePoint.Complete(Way.ToSource, ControlKind.Goodbye),
    ];

    internal static IEnumerable<FramePoint> Rehearsal(int number) =>
        Switchover.Select(point => FramePoint.InRehearsal(number, point.Way, point.Kind));

    /// <summary>Gets all that always come.</summary>
    internal static IEnumerable<FramePoint> All =>
        [.. Handshake, .. Liveness, .. Enumerable.Range(1, Rehearsals).SelectMany(Rehearsal), .. InRounds, .. Switchover, .. Complete];
}
