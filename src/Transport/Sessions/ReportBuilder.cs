using PageEngine.Compression;
using PageEngine.Planning;
using PageEngine.Reporting;

namespace PageEngine.Transport.Sessions;

// Owns: the facts that become the report, gathered while the migration runs. Used by the session's own task only.

/// <summary>Builds one side's <see cref="MigrationReport"/>.</summary>
internal sealed class ReportBuilder
{
    private readonly TimeProvider _time;
    private long _began;
    private DateTimeOffset _startedAt;
    private TimeSpan _cpuAtStart;

    internal ReportBuilder(ulong migrationId, MigrationRole role, Guid guestId, TimeProvider time)
    {
        MigrationId = migrationId;
        Role = role;
        GuestId = guestId;
        _time = time;
        Restart();
    }

    /// <summary>Begins to count now: a destination's wait for a source is not part of the migration.</summary>
    internal void Restart()
    {
        _began = _time.GetTimestamp();
        _startedAt = _time.GetUtcNow();
        _cpuAtStart = Environment.CpuUsage.TotalTime;
    }

    internal ulong MigrationId { get; set; }

    internal MigrationRole Role { get; }

    internal Guid GuestId { get; set; }

    internal ulong Epoch { get; set; }

    internal string Peer { get; set; } = "";

    internal long MemoryBytes { get; set; }

    internal int Streams { get; set; }

    internal string Tracer { get; set; } = "";

    internal Tracing.WriteTracerCounters TracerCounters { get; set; }

    internal IReadOnlyList<RoundStatistics> Rounds { get; set; } = [];

    internal SwitchoverReport? Switchover { get; set; }

    internal long WireBytes { get; set; }

    internal EncodingReport Encoding { get; set; } = new();

    internal double? Throughput { get; set; }

    /// <summary>Gets the wire bytes per second from the start until now, idle times included: all that a destination can
    /// tell by itself. Null when nothing was carried.</summary>
    internal double? OverallPerSecond => WireBytes > 0 ? WireBytes / Math.Max(_time.GetElapsedTime(_began).TotalSeconds, 1e-6) : null;

    internal TimeSpan? PeerCpu { get; set; }

    internal MemoryVerification? Memory { get; set; }

    /// <summary>Gets the processor time of this process since the start.</summary>
    internal TimeSpan Cpu => Environment.CpuUsage.TotalTime - _cpuAtStart;

    internal MigrationReport Build(MigrationOutcome outcome, MigrationFailure? failure) => new()
    {
        MigrationId = MigrationId,
        Role = Role,
        Outcome = outcome,
        Failure = failure,
        GuestId = GuestId,
        Epoch = Epoch,
        StartedAt = _startedAt,
        Peer = Peer,
        MemoryBytes = MemoryBytes,
        Streams = Streams,
        Tracer = Tracer,
        TracerCounters = TracerCounters,
        Rounds = [.. Rounds],
        Switchover = Switchover,
        Total = _time.GetElapsedTime(_began),
        WireBytes = WireBytes,
        Encoding = Encoding,
        ThroughputBytesPerSecond = Throughput,
        SourceCpu = Role == MigrationRole.Source ? Cpu : PeerCpu,
        DestinationCpu = Role == MigrationRole.Source ? PeerCpu : Cpu,
        Memory = Memory,
    };
}
