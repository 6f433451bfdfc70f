using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Compression;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Tracing;
using PageEngine.Transport.Sessions;

namespace PageEngine.Transport;

// Owns: the public face of the source side: options, what goes in, what comes out. The work is Sessions/.

/// <summary>Options of the source side. Every value has the default that the documentation states.</summary>
public sealed record MigrationSourceOptions
{
    /// <summary>Gets the migration's id, the same on both hosts; default: microseconds since the Unix epoch.</summary>
    public ulong? MigrationId { get; init; }

    /// <summary>Gets the number of page streams; 0 (default): up to one for each processor and at most 8 are opened, and how many of
    /// them carry pages is found out while large rounds run.</summary>
    public int Streams { get; init; }

    /// <summary>Gets the cap on the page streams together, wire bytes per second; 0 (default): none.</summary>
    public long BandwidthBytesPerSecond { get; init; }

    /// <summary>Gets how the bytes of pages may be made smaller; default: decided for each batch by what the link and the encoders are
    /// measured to do. On an encrypted link the sizes of what is sent then tell something about what is in memory.</summary>
    public PageCompression Compression { get; init; }

    /// <summary>Gets the bytes of memory in which pages are kept as they were sent last, so that of a page that is written again only
    /// the difference is sent; default 64 MiB; 0: none. Memory is taken only as it is used.</summary>
    public long PageCacheBytes { get; init; } = 64L << 20;

    /// <summary>Gets the longest blackout that is acceptable; default 500 ms.</summary>
    public TimeSpan SwitchoverGoal { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Gets the policy; null (default): the switchover-time-goal policy with <see cref="SwitchoverGoal"/>.</summary>
    public IMigrationPolicy? Policy { get; init; }

    /// <summary>Gets the right under which the guest runs here, from <see cref="GuestOwnership.ClaimAsync"/> or from the
    /// migration that brought it here; null (default): no store, and an unknown outcome is held for an operator.</summary>
    public GuestOwnership? Ownership { get; init; }

    /// <summary>Gets the directory of this host's journals and locks; null: none are kept, and nothing survives a crash of this process.</summary>
    public string? JournalDirectory { get; init; }

    /// <summary>Gets whether both memories are compared after the switchover.</summary>
    public bool Verify { get; init; }

    /// <summary>Gets how long a start may take until the first page moves; default 90 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Gets how long the source waits for the destination to resume; default 120 s.</summary>
    public TimeSpan ResumeTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>Gets how long the peer may be silent; default 20 s.</summary>
    public TimeSpan NetworkTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets how long a round may take not a single page while the destination is alive; default 100 s. A person is
    /// told in the log after <see cref="NetworkTimeout"/>.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(100);

    /// <summary>Gets the receiver of progress; called from the session's own threads and must return at once.</summary>
    public IProgress<MigrationProgress>? Progress { get; init; }

    /// <summary>Gets the logger.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}

/// <summary>Moves one running guest away from this host. One instance is one migration.</summary>
public sealed class MigrationSource
{
    private readonly IGuest _guest;
    private readonly IWriteTracer _tracer;
    private readonly MigrationSourceOptions _options;
    private int _used;

    /// <summary>Prepares a migration; nothing is touched yet.</summary>
    /// <param name="guest">The running guest.</param>
    /// <param name="tracer">Traces its memory; not started yet. The caller disposes it.</param>
    /// <param name="options">The options.</param>
    /// <exception cref="ArgumentException">An option is impossible, or the ownership is of another guest.</exception>
    public MigrationSource(IGuest guest, IWriteTracer tracer, MigrationSourceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(guest);
        ArgumentNullException.ThrowIfNull(tracer);
        _guest = guest;
        _tracer = tracer;
        _options = options ?? new MigrationSourceOptions();
        ArgumentOutOfRangeException.ThrowIfNegative(_options.Streams, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_options.Streams, MaxStreams, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.BandwidthBytesPerSecond, nameof(options));
        ArgumentOutOfRangeException.ThrowIfNegative(_options.PageCacheBytes, nameof(options));
        if (!Enum.IsDefined(_options.Compression))
        {
            throw new ArgumentException($"{_options.Compression} is no compression.", nameof(options));
        }

        if (_options.Ownership is { } ownership && ownership.GuestId != guest.Id)
        {
            throw new ArgumentException($"The ownership is of guest {ownership.GuestId}, the guest is {guest.Id}.", nameof(options));
        }
    }

    /// <summary>The most page streams.</summary>
    public const int MaxStreams = PageBatchLimits.MaxStreams;

    /// <summary>Runs the migration to its end. Failures are in the report, not thrown: only misuse throws.</summary>
    /// <param name="connector">Opens the connections.</param>
    /// <param name="cancellationToken">Before the commit: the guest runs on here. After it: too late, and the report says so.</param>
    /// <exception cref="InvalidOperationException">Called twice.</exception>
    public Task<MigrationReport> MigrateAsync(IMigrationConnector connector, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connector);
        if (Interlocked.Exchange(ref _used, 1) != 0)
        {
            throw new InvalidOperationException("A MigrationSource is one migration; make a new one for the next.");
        }

        ulong id = _options.MigrationId ?? (ulong)(_options.TimeProvider.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        var identity = new MigrationIdentity(id, 'S', _guest.Id, AttemptId.NewRandom(), _options.Logger ?? NullLogger.Instance);
        return new SourceSession(_guest, _tracer, _options, identity).RunAsync(connector, cancellationToken);
    }
}
