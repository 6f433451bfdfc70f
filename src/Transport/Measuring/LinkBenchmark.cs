using System.Runtime.InteropServices;
using PageEngine.Memory;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sessions;

namespace PageEngine.Transport.Measuring;

// Owns: the public face of measuring a link: the same connections, page streams and memory as in a migration, but no guest.

/// <summary>Measures what a link and the two hosts at its ends can do. One call at a time on each side.</summary>
public static class LinkBenchmark
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    /// <summary>Tries cases, one after the other, with a destination that serves.</summary>
    /// <param name="connector">Connects to it.</param>
    /// <param name="cases">What to try.</param>
    /// <param name="memoryBytes">How much memory is sent again and again, on both sides; a multiple of 4096. More than the
    /// caches hold, or memory is not what is measured.</param>
    /// <param name="noisePercent">0 to 100: the share of each page that holds bytes that nothing compresses; the rest repeats itself.</param>
    /// <param name="progress">Is told what came of each case as it ends; null: nobody is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="MigrationException">The destination could not be reached, refused, or was lost.</exception>
    public static async Task<IReadOnlyList<LinkMeasurement>> RunAsync(
        IMigrationConnector connector, IReadOnlyList<LinkCase> cases, long memoryBytes = 512L << 20, Action<LinkMeasurement>? progress = null, int noisePercent = 100, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connector);
        ArgumentNullException.ThrowIfNull(cases);
        foreach (LinkCase tried in cases)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(tried.RunPages, 1, nameof(cases));
            ArgumentOutOfRangeException.ThrowIfLessThan(tried.Streams, 1, nameof(cases));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(tried.Streams, LinkCase.MaxStreams, nameof(cases));
            ArgumentOutOfRangeException.ThrowIfLessThan(tried.BatchPages, 1, nameof(cases));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(tried.BatchPages, 1024, nameof(cases));
        }

        ArgumentOutOfRangeException.ThrowIfNegative(noisePercent);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(noisePercent, 100);
        using GuestMemory memory = GuestMemory.Allocate(memoryBytes);
        Fill(memory, MemoryLayout.PageBytes / sizeof(ulong) * noisePercent / 100);
        MigrationConnection connection = await connector.ConnectAsync(ConnectionPurpose.Measurement, null, cancellationToken).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            await connection.WritePreambleAsync(new ConnectionPreamble(ConnectionPurpose.Measurement, 0, Guid.Empty).Encode(), cancellationToken).ConfigureAwait(false);
            var channel = new ControlChannel(connection.OpenControl());
            await using (channel.ConfigureAwait(false))
            {
                using CancellationTokenRegistration abort = cancellationToken.UnsafeRegister(static c => ((MigrationConnection)c!).Abort(), connection);
                await channel.SendAsync(ControlKind.LinkBegin, new LinkBeginMessage(memoryBytes), static (m, w) => m.Write(w), cancellationToken).ConfigureAwait(false);
                await ReadyAsync(channel, cancellationToken).ConfigureAwait(false);
                var client = new LinkClient(connector, connection, channel, memory);
                var measured = new List<LinkMeasurement>();
                foreach (LinkCase tried in cases)
                {
                    LinkMeasurement came = await client.TryAsync(tried, cancellationToken).ConfigureAwait(false);
                    measured.Add(came);
                    progress?.Invoke(came);
                }

                await channel.TrySendAsync(ControlKind.Goodbye, 0, static (_, _) => { }).ConfigureAwait(false);
                return measured;
            }
        }
    }

    /// <summary>Serves one source to its end.</summary>
    /// <param name="acceptor">Gives the connections.</param>
    /// <param name="maxMemoryBytes">The most memory that a source may ask for.</param>
    /// <param name="refused">Is told, in a sentence, who was turned away because he did not prove himself; null: nobody is.</param>
    /// <param name="cancellationToken">Ends the wait, or the measurement.</param>
    /// <returns>How many cases it tried.</returns>
    /// <exception cref="MigrationException">The source was lost, or did not speak the protocol.</exception>
    public static async Task<int> ServeAsync(IMigrationAcceptor acceptor, long maxMemoryBytes = 4L << 30, Action<string>? refused = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(acceptor);
        var gate = new ConnectionGate(acceptor, TimeProvider.System, refused ?? (_ => { }), cancellationToken, ConnectionPurpose.Measurement);
        await using (gate.ConfigureAwait(false))
        {
            MigrationConnection connection = await gate.ControlConnectionAsync(cancellationToken).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var channel = new ControlChannel(connection.OpenControl());
                await using (channel.ConfigureAwait(false))
                {
                    try
                    {
                        return await new LinkServer(gate, connection, channel, acceptor.DataEndPoint, maxMemoryBytes, _patience).RunAsync(cancellationToken).ConfigureAwait(false);
                    }
                    catch (MigrationException e)
                    {
                        await channel.TrySendAsync(
                            ControlKind.Failure, new FailureMessage(e.Kind, MigrationPhase.Handshake, DetectedBy.Supervisor, e.Message), static (m, w) => m.Write(w)).ConfigureAwait(false);
                        throw;
                    }
                    catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                    {
                        throw new MigrationException(MigrationErrorKind.Timeout, $"{connection.RemoteDescription} said nothing, or opened too few page streams, for {_patience.TotalSeconds:0} s.");
                    }
                }
            }
        }
    }

    private static async Task ReadyAsync(ControlChannel channel, CancellationToken cancellationToken)
    {
        ControlFrame frame;
        try
        {
            frame = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (MigrationException e) when (e.Kind == MigrationErrorKind.ConnectionLost)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new MigrationException(MigrationErrorKind.ConnectionLost, "The other side hung up. Start it to serve measurements (`pageengine bench link --listen`); a destination of migrations serves none.", e);
        }

        if (frame.Kind != ControlKind.Ready)
        {
            throw frame.Kind == ControlKind.Failure
                ? FailureMessage.Read(frame.Payload.Span).ToException()
                : ControlFrameCodec.Violation($"a {frame.Kind} frame came where {ControlKind.Ready} was due");
        }
    }

    // Noise from a cheap generator, which nothing compresses; behind it what differs from page to page, and within a page hardly.
    private static void Fill(GuestMemory memory, int noiseWords)
    {
        ulong state = 0x9E3779B97F4A7C15;
        for (long page = 0; page < memory.PageCount; page++)
        {
            Span<ulong> words = MemoryMarshal.Cast<byte, ulong>(memory.Page(page));
            foreach (ref ulong word in words[..noiseWords])
            {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                word = state;
            }

            words[noiseWords..].Fill((ulong)page + 1);
        }
    }
}
