using System.Buffers;
using System.IO.Pipelines;

namespace PageEngine.Transport.Control;

// Owns: frames over a duplex pipe: the send lock, the sequence numbers, the reading buffer.
// Sending is safe from any thread; one reader at a time.

/// <summary>A frame as it was received. The payload is valid until the next receive.</summary>
internal readonly record struct ControlFrame(ControlKind Kind, ReadOnlyMemory<byte> Payload);

/// <summary>The control channel of one migration.</summary>
internal sealed class ControlChannel : IAsyncDisposable
{
    private static readonly TimeSpan CourtesyTimeout = TimeSpan.FromSeconds(2);

    private readonly IDuplexPipe _pipe;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly PayloadWriter _writer = new();
    private byte[] _payload = new byte[4096];
    private uint _lastSent;
    private uint _lastReceived;
    private bool _disposed;

    internal ControlChannel(IDuplexPipe pipe) => _pipe = pipe;

    /// <summary>Sends one frame. The payload is written by a callback into a buffer that is reused.</summary>
    /// <exception cref="MigrationException">The connection is lost.</exception>
    internal async ValueTask SendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write, CancellationToken cancellationToken = default)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            _writer.Reset();
            write(message, _writer);
            WriteFrame(kind);
            FlushResult result = await _pipe.Output.FlushAsync(cancellationToken).ConfigureAwait(false);
            if (result.IsCompleted)
            {
                throw Lost(null);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw Lost(e);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends a frame without payload.</summary>
    internal ValueTask SendAsync(ControlKind kind, CancellationToken cancellationToken = default) =>
        SendAsync(kind, 0, static (_, _) => { }, cancellationToken);

    /// <summary>Sends a frame that is only a courtesy: gives up after two seconds, and on any failure.</summary>
    internal async Task TrySendAsync<T>(ControlKind kind, T message, Action<T, PayloadWriter> write)
    {
        try
        {
            // A socket writes on the caller's thread and may block there: the wait ends all the same.
            await Task.Run(() => SendAsync(kind, message, write).AsTask()).WaitAsync(CourtesyTimeout).ConfigureAwait(false);
        }
        catch (Exception e) when (e is MigrationException or TimeoutException)
        {
            // The peer learns from the closed connection instead.
        }
    }

    /// <summary>Waits for the next frame.</summary>
    /// <exception cref="MigrationException">The connection is lost, or the peer broke the protocol.</exception>
    internal async ValueTask<ControlFrame> ReceiveAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            while (true)
            {
                ReadResult result = await _pipe.Input.ReadAsync(cancellationToken).ConfigureAwait(false);
                ReadOnlySequence<byte> buffer = result.Buffer;
                if (TryTakeFrame(ref buffer, out ControlFrame frame))
                {
                    _pipe.Input.AdvanceTo(buffer.Start);
                    return frame;
                }

                _pipe.Input.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted || result.IsCanceled)
                {
                    throw Lost(null);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            throw Lost(e);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;

        // A pipe must not be completed under a writer. Whoever closes the connection has aborted it, so that this is short.
        bool mine = await _sending.WaitAsync(CourtesyTimeout).ConfigureAwait(false);
        await _pipe.Output.CompleteAsync().ConfigureAwait(false);
        await _pipe.Input.CompleteAsync().ConfigureAwait(false);
        if (mine)
        {
            _sending.Release();
        }
    }

    private static MigrationException Lost(Exception? cause) =>
        new(MigrationErrorKind.ConnectionLost, "The control connection to the peer was lost. Check that the peer's process runs and that the network is up; its log has the migration's id too.", cause);

    private void WriteFrame(ControlKind kind)
    {
        ReadOnlySpan<byte> payload = _writer.Written;
        int limit = ControlFrameCodec.MaxPayloadBytes(kind);
        if (payload.Length > limit)
        {
            throw new MigrationException(MigrationErrorKind.Internal, $"A {kind} frame of {payload.Length} bytes was to be sent; the limit is {limit}.");
        }

        int total = ControlFrameCodec.HeaderBytes + payload.Length;
        Span<byte> target = _pipe.Output.GetSpan(total);
        payload.CopyTo(target[ControlFrameCodec.HeaderBytes..]);
        ControlFrameCodec.WriteHeader(target, kind, ++_lastSent, payload);
        _pipe.Output.Advance(total);
    }

    private bool TryTakeFrame(ref ReadOnlySequence<byte> buffer, out ControlFrame frame)
    {
        frame = default;
        if (buffer.Length < ControlFrameCodec.HeaderBytes)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[ControlFrameCodec.HeaderBytes];
        buffer.Slice(0, ControlFrameCodec.HeaderBytes).CopyTo(header);
        (ControlKind kind, int payloadBytes) = ControlFrameCodec.ReadHeader(header, _lastReceived + 1);
        if (buffer.Length < ControlFrameCodec.HeaderBytes + payloadBytes)
        {
            return false;
        }

        if (_payload.Length < payloadBytes)
        {
            _payload = new byte[payloadBytes];
        }

        buffer.Slice(ControlFrameCodec.HeaderBytes, payloadBytes).CopyTo(_payload);
        ControlFrameCodec.Verify(header, _payload.AsSpan(0, payloadBytes));
        _lastReceived++;
        frame = new ControlFrame(kind, _payload.AsMemory(0, payloadBytes));
        buffer = buffer.Slice(ControlFrameCodec.HeaderBytes + payloadBytes);
        return true;
    }
}
