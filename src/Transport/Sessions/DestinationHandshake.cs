using PageEngine.Ownership;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the destination's half of coming to agree.

/// <summary>The handshake of the destination side.</summary>
internal static class DestinationHandshake
{
    /// <summary>The longest wait that a source can impose: a prepared destination holds a guest's memory that long.</summary>
    internal static readonly TimeSpan MaxBelievedResumeTimeout = TimeSpan.FromHours(1);

    /// <summary>Gives how long a prepared destination waits before it claims the guest: longer than the source's own retries,
    /// whatever this side was told, unless the source asks for more than <see cref="MaxBelievedResumeTimeout"/>.</summary>
    /// <exception cref="MigrationException">It asks for more, and this side's own timeout does not cover it.</exception>
    internal static TimeSpan ClaimTimeoutFor(HelloMessage hello, TimeSpan own)
    {
        if (own > hello.ResumeTimeout)
        {
            return own;
        }

        return hello.ResumeTimeout <= MaxBelievedResumeTimeout
            ? hello.ResumeTimeout * 2
            : throw new MigrationException(
                MigrationErrorKind.Refused,
                $"The source wants to wait {hello.ResumeTimeout} for the guest to resume; a destination holds a prepared guest for a peer's sake at most {MaxBelievedResumeTimeout} of that. Lower the source's resume timeout, or raise this destination's claim timeout above it.");
    }

    /// <summary>Checks that both sides use the same store and that the source holds the guest; leaves this side's mark.</summary>
    /// <returns>The nonce that the source must find.</returns>
    /// <exception cref="MigrationException">Another store, none, or another holder.</exception>
    internal static async Task<Guid> CheckStoreAsync(HelloMessage hello, MigrationDestinationOptions options, CancellationToken cancellationToken)
    {
        var nonce = Guid.NewGuid();
        IOwnershipStore? store = options.OwnershipStore;
        if (hello.HasStore != (store is not null))
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                hello.HasStore
                    ? "The source uses an ownership store and this destination has none. Give both the same one."
                    : $"This destination uses an ownership store ({store!.Description}) and the source has none. Give both the same one.");
        }

        if (store is null)
        {
            return nonce;
        }

        Guid? written = await StoreCall.RunAsync(
            store, called => called.ReadNonceAsync(hello.GuestId, hello.Attempt, SourceHandshake.SourceSide, cancellationToken),
            options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        if (written != hello.StoreNonce)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The source's mark is not in this host's ownership store ({store.Description}): the two hosts use different stores. Give both the same one.");
        }

        OwnershipRecord? record = await StoreCall.RunAsync(
            store, called => called.ReadAsync(hello.GuestId, cancellationToken), options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        if (record is null || record.Epoch != hello.Epoch || record.Holder != hello.SourceRun)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The ownership record of guest {hello.GuestId} does not name the source: it says {(record is null ? "nothing" : $"epoch {record.Epoch}, run {record.Holder}")}; the source claims epoch {hello.Epoch}, run {hello.SourceRun}.");
        }

        await StoreCall.RunAsync(
            store, called => called.WriteNonceAsync(hello.GuestId, hello.Attempt, SourceHandshake.DestinationSide, nonce, cancellationToken),
            options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        return nonce;
    }

    /// <summary>Accepts, and hands out the token of the page streams.</summary>
    internal static ValueTask WelcomeAsync(
        DestinationTransport transport, ushort version, StreamJoiner joiner, RunId run, Guid nonce, string? dataEndPoint, CancellationToken cancellationToken) =>
        transport.SendAsync(
            ControlKind.Welcome,
            new WelcomeMessage
            {
                Version = version,
                DestinationRun = run,
                StreamToken = joiner.Token,
                Streams = (ushort)joiner.Streams,
                StoreNonce = nonce,
                DataEndPoint = dataEndPoint ?? "",
                Process = (uint)Environment.ProcessId,
                PageSecret = joiner.Secret,
            },
            static (m, w) => m.Write(w),
            cancellationToken);

    /// <summary>Waits until every page stream has joined, or the source is gone.</summary>
    internal static async Task WaitForStreamsAsync(DestinationTransport transport, StreamJoiner joiner, CancellationToken cancellationToken)
    {
        Task joined = joiner.AllJoinedAsync(cancellationToken);
        await Task.WhenAny(joined, transport.Faulted).ConfigureAwait(false);
        if (!joined.IsCompleted)
        {
            await transport.Faulted.ConfigureAwait(false);
        }

        await joined.ConfigureAwait(false);
    }
}
