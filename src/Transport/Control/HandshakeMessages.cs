using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Control;

// Owns: the messages with which two sides agree to migrate: Hello, Welcome, and the versions they may speak.

/// <summary>The protocol versions of this build: this one and the one before it. The first is 1; there is none before.</summary>
internal static class ProtocolVersion
{
    internal const ushort Oldest = 1;
    internal const ushort Newest = 1;

    /// <summary>Chooses the highest version that both sides speak.</summary>
    /// <exception cref="MigrationException">There is none.</exception>
    internal static ushort Negotiate(ushort peerOldest, ushort peerNewest)
    {
        ushort chosen = Math.Min(Newest, peerNewest);
        return chosen >= Oldest && chosen >= peerOldest && peerOldest <= peerNewest && peerOldest != 0
            ? chosen
            : throw new MigrationException(
                MigrationErrorKind.VersionMismatch,
                $"The peer speaks protocol versions {peerOldest} to {peerNewest}, this host {Oldest} to {Newest}. Update the older host.");
    }
}

/// <summary>The first frame, source to destination.</summary>
internal sealed record HelloMessage
{
    internal const int MaxKindBytes = 64;

    internal required ushort OldestVersion { get; init; }

    internal required ushort NewestVersion { get; init; }

    internal required ulong MigrationId { get; init; }

    internal required AttemptId Attempt { get; init; }

    internal required Guid GuestId { get; init; }

    internal required ulong Epoch { get; init; }

    internal required RunId SourceRun { get; init; }

    internal required ushort Streams { get; init; }

    internal required bool Verify { get; init; }

    internal required bool HasStore { get; init; }

    /// <summary>Gets the nonce that the source wrote into its store; the destination must read it there.</summary>
    internal required Guid StoreNonce { get; init; }

    /// <summary>Gets how long the source itself waits for the destination to resume: a prepared destination waits longer
    /// than this before it claims the guest.</summary>
    internal required TimeSpan ResumeTimeout { get; init; }

    internal required GuestDescription Description { get; init; }

    internal required MemoryLayout Layout { get; init; }

    internal void Write(PayloadWriter writer)
    {
        writer.UInt16(OldestVersion).UInt16(NewestVersion).UInt64(MigrationId).Guid(Attempt.Value).Guid(GuestId).UInt64(Epoch)
            .Guid(SourceRun.Value).UInt16(Streams).Byte((byte)((Verify ? 1 : 0) | (HasStore ? 2 : 0))).Guid(StoreNonce)
            .Duration(ResumeTimeout).Text(Description.Kind, MaxKindBytes).Bytes(Description.Configuration.Span)
            .UInt16((ushort)Layout.Regions.Count);
        foreach (MemoryLayoutRegion region in Layout.Regions)
        {
            writer.UInt64(region.BaseAddress.Value).Count(region.PageCount);
        }
    }

    internal static HelloMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Hello);
        ushort oldest = reader.UInt16();
        ushort newest = reader.UInt16();
        _ = ProtocolVersion.Negotiate(oldest, newest);
        ulong migrationId = reader.UInt64();
        var attempt = new AttemptId(reader.Guid());
        Guid guestId = reader.Guid();
        ulong epoch = reader.UInt64();
        var run = new RunId(reader.Guid());
        ushort streams = reader.UInt16();
        byte flags = reader.Byte();
        Guid nonce = reader.Guid();
        TimeSpan resumeTimeout = reader.Duration();
        var description = new GuestDescription(reader.Text(MaxKindBytes), reader.Bytes(GuestDescription.MaxConfigurationBytes).ToArray());
        int count = reader.UInt16();
        if (count is 0 or > MemoryLayout.MaxRegions)
        {
            throw reader.Wrong($"a layout of {count} regions");
        }

        var regions = new MemoryLayoutRegion[count];
        for (int i = 0; i < count; i++)
        {
            regions[i] = new MemoryLayoutRegion(new GuestAddress(reader.UInt64()), reader.Count(MemoryLayout.MaxPages));
        }

        reader.End();
        if (flags > 3 || epoch is 0 or ulong.MaxValue || streams == 0)
        {
            throw reader.Wrong("an impossible flag, epoch or stream count");
        }

        try
        {
            return new HelloMessage
            {
                OldestVersion = oldest,
                NewestVersion = newest,
                MigrationId = migrationId,
                Attempt = attempt,
                GuestId = guestId,
                Epoch = epoch,
                SourceRun = run,
                Streams = streams,
                Verify = (flags & 1) != 0,
                HasStore = (flags & 2) != 0,
                StoreNonce = nonce,
                ResumeTimeout = resumeTimeout,
                Description = description,
                Layout = new MemoryLayout(regions),
            };
        }
        catch (ArgumentException e)
        {
            throw new MigrationException(MigrationErrorKind.ProtocolViolation, $"The peer offered an impossible memory layout: {e.Message}", e);
        }
    }
}

/// <summary>The destination's answer to a Hello that it accepts.</summary>
internal sealed record WelcomeMessage
{
    internal const int MaxEndPointBytes = 256;

    internal required ushort Version { get; init; }

    /// <summary>Gets the run under which the destination will hold the guest.</summary>
    internal required RunId DestinationRun { get; init; }

    /// <summary>Gets the one-time token with which page streams join.</summary>
    internal required Guid StreamToken { get; init; }

    internal required ushort Streams { get; init; }

    /// <summary>Gets the nonce that the destination wrote into its store; the source must read it there.</summary>
    internal required Guid StoreNonce { get; init; }

    /// <summary>Gets where page streams shall go; empty: where the control channel went.</summary>
    internal required string DataEndPoint { get; init; }

    /// <summary>Gets the destination's process id, for people who compare logs.</summary>
    internal required uint Process { get; init; }

    /// <summary>Gets the secret that page streams are sealed with; empty: they are not. Only over a channel that keeps it.</summary>
    internal ReadOnlyMemory<byte> PageSecret { get; init; }

    internal void Write(PayloadWriter writer) =>
        writer.UInt16(Version).Guid(DestinationRun.Value).Guid(StreamToken).UInt16(Streams).Guid(StoreNonce).Text(DataEndPoint, MaxEndPointBytes).UInt32(Process)
            .Bytes(PageSecret.Span);

    internal static WelcomeMessage Read(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload, ControlKind.Welcome);
        var message = new WelcomeMessage
        {
            Version = reader.UInt16(),
            DestinationRun = new RunId(reader.Guid()),
            StreamToken = reader.Guid(),
            Streams = reader.UInt16(),
            StoreNonce = reader.Guid(),
            DataEndPoint = reader.Text(MaxEndPointBytes),
            Process = reader.UInt32(),
            PageSecret = reader.Bytes(PageSeal.SecretBytes).ToArray(),
        };
        reader.End();
        return message.Streams > 0 && message.PageSecret.Length is 0 or PageSeal.SecretBytes && message.Version is >= ProtocolVersion.Oldest and <= ProtocolVersion.Newest
            ? message
            : throw reader.Wrong("no stream or a version that was not offered");
    }
}
