using System.Net;
using PageEngine.Compression;
using PageEngine.EmbeddedGuest;
using PageEngine.Planning;
using PageEngine.Tracing;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: the values of the options that demo, send and receive share, checked and in units the sessions use.

/// <summary>The options of a migration.</summary>
internal sealed record MigrationSettings
{
    public required long MemoryBytes { get; init; }
    public required bool MemoryIsGiven { get; init; }
    public required int Vcpus { get; init; }
    public required IReadOnlyList<WorkloadSpec> Workloads { get; init; }
    public required int FillPercent { get; init; }
    public required Guid? GuestId { get; init; }
    public required int Streams { get; init; }
    public required TimeSpan Goal { get; init; }
    public required int MaxRounds { get; init; }
    public required TimeSpan AbortAfter { get; init; }
    public required TimeSpan StartTimeout { get; init; }
    public required TimeSpan ResumeTimeout { get; init; }
    public required TimeSpan ClaimTimeout { get; init; }
    public required TimeSpan NetworkTimeout { get; init; }
    public required StallResponse IfStalled { get; init; }
    public required long BandwidthBytesPerSecond { get; init; }
    public required PageCompression Compression { get; init; }
    public required long PageCacheBytes { get; init; }
    public required WriteTracerKind Tracer { get; init; }
    public required string? OwnershipDirectory { get; init; }
    public required EndPoint? Guard { get; init; }
    public required IPAddress? Bind { get; init; }
    public required IPEndPoint? DataListen { get; init; }
    public required string? Congestion { get; init; }
    public required bool Plaintext { get; init; }
    public required TlsFiles? Tls { get; init; }
    public required bool Verify { get; init; }
    public required ulong? Seed { get; init; }
    public required string? Json { get; init; }
    public required string? Log { get; init; }
    public required ulong? MigrationId { get; init; }
    public required bool Verbose { get; init; }
    public required bool Debug { get; init; }

    /// <summary>Makes the settings of a command that moves nothing.</summary>
    public static MigrationSettings ForResolve(string? ownership, string? json, string? log, bool plaintext, TlsFiles? tls, bool verbose, bool debug) => new()
    {
        MemoryBytes = 0,
        MemoryIsGiven = false,
        Vcpus = 0,
        Workloads = [],
        FillPercent = 0,
        GuestId = null,
        Streams = 0,
        Goal = TimeSpan.Zero,
        MaxRounds = 0,
        AbortAfter = TimeSpan.Zero,
        StartTimeout = TimeSpan.Zero,
        ResumeTimeout = TimeSpan.Zero,
        ClaimTimeout = TimeSpan.Zero,
        NetworkTimeout = TimeSpan.Zero,
        IfStalled = StallResponse.GiveUp,
        BandwidthBytesPerSecond = 0,
        Compression = PageCompression.Auto,
        PageCacheBytes = 0,
        Tracer = WriteTracerKind.Auto,
        OwnershipDirectory = ownership,
        Guard = null,
        Bind = null,
        DataListen = null,
        Congestion = null,
        Plaintext = plaintext,
        Tls = tls,
        Verify = false,
        Seed = null,
        Json = json,
        Log = log,
        MigrationId = null,
        Verbose = verbose,
        Debug = debug,
    };

    /// <summary>Gets what connections are to be.</summary>
    public TcpOptions Tcp => new() { BindAddress = Bind, DataListen = DataListen, AllowPlaintext = Plaintext, CongestionControl = Congestion, Tls = Tls?.Identity };

    /// <summary>Gets whether stdout is for the JSON alone.</summary>
    public bool JsonOwnsStdout => Json == Output.JsonOutput.ToStdout;
}
