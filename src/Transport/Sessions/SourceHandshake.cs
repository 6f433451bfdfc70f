using PageEngine.Compression;
using PageEngine.Guests;
using PageEngine.Ownership;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: how the source and the destination come to agree: hello, welcome, the same store, the page streams.

/// <summary>The handshake of the source side.</summary>
internal static class SourceHandshake
{
    internal const string SourceSide = "source";
    internal const string DestinationSide = "destination";

    /// <summary>Connects and agrees. On return every page stream has joined and the destination is ready for round 0.</summary>
    /// <exception cref="MigrationException">Refused, not reachable, or not the same store.</exception>
    internal static async Task<(SourceTransport Transport, WelcomeMessage Welcome)> RunAsync(
        MigrationIdentity identity,
        IMigrationConnector connector,
        IGuest guest,
        GuestOwnership ownership,
        MigrationSourceOptions options,
        int streams,
        SessionRoles roles,
        CancellationToken cancellationToken)
    {
        var nonce = Guid.NewGuid();
        if (ownership.Store is not null)
        {
            await CheckHolderAsync(ownership, options, cancellationToken).ConfigureAwait(false);
            await StoreCall.RunAsync(
                ownership.Store, store => store.WriteNonceAsync(identity.GuestId, identity.Attempt, SourceSide, nonce, cancellationToken),
                options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        }

        var hello = new HelloMessage
        {
            OldestVersion = ProtocolVersion.Oldest,
            NewestVersion = ProtocolVersion.Newest,
            MigrationId = identity.Id,
            Attempt = identity.Attempt,
            GuestId = identity.GuestId,
            Epoch = ownership.Epoch,
            SourceRun = ownership.Run,
            Streams = (ushort)streams,
            Verify = options.Verify,
            HasStore = ownership.Store is not null,
            StoreNonce = nonce,
            ResumeTimeout = options.ResumeTimeout,
            Description = guest.Describe(),
            Layout = guest.Memory.Layout,
        };
        SourceTransport transport = await SourceTransport.ConnectAsync(
            connector, hello, options.TimeProvider, options.NetworkTimeout, roles, cancellationToken).ConfigureAwait(false);
        try
        {
            WelcomeMessage welcome = await transport.NextAsync<WelcomeMessage>(ControlKind.Welcome, cancellationToken).ConfigureAwait(false);
            if (welcome.Streams > streams)
            {
                throw ControlFrameCodec.Violation($"{streams} page streams were offered and {welcome.Streams} accepted");
            }

            // Pages in the clear beside a channel that is not would be a way around it.
            if (welcome.PageSecret.IsEmpty == transport.Connection.IsProven)
            {
                throw ControlFrameCodec.Violation(transport.Connection.IsProven ? "pages are to travel in the clear beside a channel that is encrypted" : "a secret came over a channel that does not keep it");
            }

            if (ownership.Store is not null)
            {
                await CheckNonceAsync(ownership.Store, identity, welcome.StoreNonce, options, cancellationToken).ConfigureAwait(false);
            }

            LogInfo(identity, transport, welcome);
            StreamGate? gate = options.Streams == 0 && welcome.Streams > 1 ? new StreamGate(welcome.Streams, options.TimeProvider) : null;
            var sending = new PageSending(new BandwidthPacer(options.BandwidthBytesPerSecond, options.TimeProvider))
            {
                Encoding = new PageEncoding(options.Compression, options.PageCacheBytes, options.BandwidthBytesPerSecond / (double)(gate is null ? welcome.Streams : 1)),
                Gate = gate,
            };
            await transport.OpenStreamsAsync(
                connector, welcome, guest.Memory, sending,
                number => identity.Logger.StreamAdded(identity.Id, identity.Side, number), cancellationToken).ConfigureAwait(false);
            InboxMessage ready = await transport.NextAsync(cancellationToken).ConfigureAwait(false);
            return ready.Kind == ControlKind.Ready
                ? (transport, welcome)
                : throw ControlFrameCodec.Violation($"a {ready.Kind} frame came where {ControlKind.Ready} was due");
        }
        catch (MigrationException e)
        {
            await transport.SayAsync(e).ConfigureAwait(false);
            await transport.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        catch (OperationCanceledException)
        {
            await transport.SayAsync(new MigrationException(
                MigrationErrorKind.Cancelled, "The migration was cancelled at the source, or could not start in time there.")
            { Phase = MigrationPhase.Handshake, DetectedBy = DetectedBy.Supervisor }).ConfigureAwait(false);
            await transport.DisposeAsync().ConfigureAwait(false);
            throw;
        }
        catch
        {
            await transport.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static async Task CheckHolderAsync(GuestOwnership ownership, MigrationSourceOptions options, CancellationToken cancellationToken)
    {
        OwnershipRecord? record = await StoreCall.RunAsync(
            ownership.Store!, store => store.ReadAsync(ownership.GuestId, cancellationToken), options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        if (record is null || record.Epoch != ownership.Epoch || record.Holder != ownership.Run)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The ownership record says epoch {record?.Epoch.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}, run {record?.Holder}; this host runs the guest as run {ownership.Run} under epoch {ownership.Epoch}. Find out where the guest really runs before anything else ({ownership.Store!.Description}).");
        }
    }

    private static async Task CheckNonceAsync(IOwnershipStore store, MigrationIdentity identity, Guid nonce, MigrationSourceOptions options, CancellationToken cancellationToken)
    {
        Guid? written = await StoreCall.RunAsync(
            store, called => called.ReadNonceAsync(identity.GuestId, identity.Attempt, DestinationSide, cancellationToken),
            options.NetworkTimeout, options.TimeProvider).ConfigureAwait(false);
        if (written != nonce)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"The destination's mark is not in this host's ownership store ({store.Description}): the two hosts use different stores. Give both the same one.");
        }
    }

    private static void LogInfo(MigrationIdentity identity, SourceTransport transport, WelcomeMessage welcome) => identity.Logger.SettingInfo(
        identity.Id, identity.Side, Environment.ProcessId, identity.Id, transport.Connection.LocalDescription, transport.Connection.RemoteDescription, (int)welcome.Process);
}
