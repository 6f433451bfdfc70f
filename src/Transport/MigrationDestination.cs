using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Transport.Sessions;

namespace PageEngine.Transport;

// Owns: the public face of the destination side: options, what comes in, what comes out. The work is Sessions/.

/// <summary>What a source offers; the factory decides whether to take it.</summary>
/// <param name="GuestId">The guest's identity.</param>
/// <param name="Description">What the guest says about itself.</param>
/// <param name="Layout">Its memory.</param>
/// <param name="Source">The source, for people.</param>
/// <param name="MigrationId">The migration's id.</param>
public sealed record GuestOffer(Guid GuestId, GuestDescription Description, MemoryLayout Layout, string Source, ulong MigrationId);

/// <summary>Options of the destination side.</summary>
public sealed record MigrationDestinationOptions
{
    /// <summary>Gets the ownership store; null: none.</summary>
    public IOwnershipStore? OwnershipStore { get; init; }

    /// <summary>Gets the directory of this host's journals; null: none are kept.</summary>
    public string? JournalDirectory { get; init; }

    /// <summary>Gets the most page streams accepted; default 16.</summary>
    public int MaxStreams { get; init; } = 16;

    /// <summary>Gets the most memory a guest may ask for, in bytes; default: no limit but the machine's.</summary>
    public long MaxMemoryBytes { get; init; } = long.MaxValue;

    /// <summary>Gets how long a start may take until the first page moves; default 90 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>Gets how long a prepared destination waits for the source before it claims the guest itself; default 240 s.</summary>
    public TimeSpan ClaimTimeout { get; init; } = TimeSpan.FromSeconds(240);

    /// <summary>Gets how long the peer may be silent; default 20 s.</summary>
    public TimeSpan NetworkTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets what raises the epoch at every resource that the guest's effects reach, so that lower epochs are refused
    /// there; called with the guest and its new epoch before the guest resumes. Null: nothing is guarded.</summary>
    public Func<Guid, ulong, CancellationToken, ValueTask>? RaiseGuards { get; init; }

    /// <summary>Gets the receiver of progress.</summary>
    public IProgress<MigrationProgress>? Progress { get; init; }

    /// <summary>Gets the logger.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Gets the clock.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}

/// <summary>What a finished receive left behind.</summary>
/// <param name="Report">The destination's report.</param>
/// <param name="Guest">The guest, running, when the report says completed; paused, when it says in doubt; null otherwise.
/// The caller owns it.</param>
/// <param name="Ownership">The right under which it runs here: pass it on when the guest is to move again.</param>
public sealed record DestinationResult(MigrationReport Report, IGuest? Guest, GuestOwnership? Ownership);

/// <summary>Takes guests from other hosts, one after the other.</summary>
public sealed class MigrationDestination
{
    private readonly Func<GuestOffer, IGuest> _shadowFactory;
    private readonly MigrationDestinationOptions _options;

    /// <summary>Prepares a destination.</summary>
    /// <param name="shadowFactory">Builds the paused shadow guest with empty memory of the offered layout, or throws
    /// <see cref="MigrationException"/> with <see cref="MigrationErrorKind.Refused"/> and the reason. When the migration
    /// fails the engine powers the shadow off and disposes it and its memory.</param>
    /// <param name="options">The options.</param>
    public MigrationDestination(Func<GuestOffer, IGuest> shadowFactory, MigrationDestinationOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(shadowFactory);
        _shadowFactory = shadowFactory;
        _options = options ?? new MigrationDestinationOptions();
    }

    /// <summary>Waits for one migration and runs it to its end. Failures are in the report; the destination can receive
    /// again. One call at a time.</summary>
    /// <param name="acceptor">Gives the connections.</param>
    /// <param name="cancellationToken">Ends the wait, or the migration where it still can.</param>
    public async Task<DestinationResult> ReceiveAsync(IMigrationAcceptor acceptor, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(acceptor);
        ILogger logger = _options.Logger ?? NullLogger.Instance;
        var identity = new MigrationIdentity(0, 'D', Guid.Empty, default, logger);
        var gate = new ConnectionGate(acceptor, _options.TimeProvider, text => logger.Note(0, 'D', text), cancellationToken);
        await using (gate.ConfigureAwait(false))
        {
            var session = new DestinationSession(_shadowFactory, _options, acceptor, identity);
            return await session.RunAsync(gate, cancellationToken).ConfigureAwait(false);
        }
    }
}
