using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;

namespace PageEngine.Cli.Tests;

// Owns: reports made by hand.

internal static class Reports
{
    public const ulong Id = 1451061663105920;

    public static readonly Guid Guest = new("3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e");

    public static MigrationReport Completed() => new()
    {
        MigrationId = Id,
        Role = MigrationRole.Source,
        Outcome = MigrationOutcome.Completed,
        GuestId = Guest,
        Epoch = 2,
        StartedAt = new DateTimeOffset(2015, 12, 25, 17, 39, 25, 565, TimeSpan.FromHours(1)),
        Peer = "127.0.0.1:4444",
        MemoryBytes = 1L << 30,
        Streams = 2,
        Tracer = "kernel",
        TracerCounters = new WriteTracerCounters(270_000, 9_000, 9_100),
        Rounds =
        [
            new RoundStatistics
            {
                Index = 0, DirtyPages = 262_144, SentPages = 41_289, ZeroPages = 220_855, WireBytes = 170_212_800,
                Duration = TimeSpan.FromMilliseconds(100), HarvestDuration = TimeSpan.FromMilliseconds(1), DirtiedPages = 5_000,
            },
            new RoundStatistics
            {
                Index = 1, DirtyPages = 5_000, SentPages = 5_000, ZeroPages = 0, WireBytes = 20_600_000,
                Duration = TimeSpan.FromMilliseconds(12.5), HarvestDuration = TimeSpan.FromMilliseconds(1), DirtiedPages = 812,
            },
        ],
        Switchover = new SwitchoverReport
        {
            Goal = TimeSpan.FromMilliseconds(500),
            Predicted = new SwitchoverPrediction(TimeSpan.FromMilliseconds(2.1), TimeSpan.FromMilliseconds(4)),
            Actual = TimeSpan.FromMilliseconds(6.4),
            RemainingPages = 812,
            Parts = new SwitchoverParts
            {
                Pause = TimeSpan.FromMilliseconds(0.2),
                Harvest = TimeSpan.FromMilliseconds(0.6),
                Pages = TimeSpan.FromMilliseconds(2.3),
                StateSave = TimeSpan.FromMilliseconds(0.1),
                StateTransfer = TimeSpan.FromMilliseconds(0.5),
                Restore = TimeSpan.FromMilliseconds(0.4),
                Commit = TimeSpan.FromMilliseconds(2),
                Resume = TimeSpan.FromMilliseconds(0.3),
            },
        },
        Total = TimeSpan.FromMilliseconds(350),
        WireBytes = 194_000_000,
        ThroughputBytesPerSecond = 1_696_113_777.78,
        SourceCpu = TimeSpan.FromSeconds(0.81),
        DestinationCpu = TimeSpan.FromSeconds(0.4),
        Memory = new MemoryVerification(262_144, 0, -1),
    };

    public static MigrationReport Failed(
        MigrationErrorKind kind, MigrationPhase phase = MigrationPhase.PreCopy, GuestWhereabouts guest = GuestWhereabouts.RunningAtSource) => Completed() with
        {
            Outcome = MigrationOutcome.Failed,
            Failure = new MigrationFailure(kind, phase, DetectedBy.Transport, "The destination closed the connection. Look at its log.", guest)
            {
                Causes = ["IOException: reset"],
                WhatToDo = "Check the network.",
                Observations = [new FailureObservation(TimeSpan.FromMilliseconds(1500.25), DetectedBy.Transport, kind, phase, "The connection was reset.", ReportedByPeer: false)],
            },
            Switchover = null,
            Memory = null,
        };
}
