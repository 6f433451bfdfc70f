using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Channels;
using PageEngine.Transport.Tests.Sessions;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: a network inside this process that takes every connection apart into frames and lets a test replace each.

/// <summary>Gets one frame and says what is delivered instead; the number counts what was delivered in this direction.</summary>
internal delegate IEnumerable<byte[]> Delivering(bool fromSource, FrameFormat format, byte[] frame, uint number);

/// <summary>Pipes with somebody in the middle.</summary>
internal sealed class MutatingEdge(Delivering deliver) : TestEdge
{
    private readonly Channel<MigrationConnection> _arriving = Channel.CreateUnbounded<MigrationConnection>();
    private readonly CancellationTokenSource _ended = new();
    private readonly List<Task> _forwarding = [];

    public override async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        Task[] all;
        lock (_forwarding)
        {
            all = [.. _forwarding];
        }

        await Task.WhenAll(all);
        while (_arriving.Reader.TryRead(out MigrationConnection? unused))
        {
            await unused.DisposeAsync();
        }

        _ended.Dispose();
    }

    protected override ValueTask<MigrationConnection> OpenAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        (DuplexEnd near, DuplexEnd nearInside) = DuplexEnd.Pair();
        (DuplexEnd farInside, DuplexEnd far) = DuplexEnd.Pair();
        _arriving.Writer.TryWrite(MigrationConnection.FromPipe(far, "the source's pipe"));
        FrameFormat format = purpose == ConnectionPurpose.Control ? FrameFormat.Control : FrameFormat.Batch;
        lock (_forwarding)
        {
            _forwarding.Add(Task.Run(() => ForwardAsync(true, format, nearInside.Input, farInside.Output), CancellationToken.None));
            _forwarding.Add(Task.Run(() => ForwardAsync(false, format, farInside.Input, nearInside.Output), CancellationToken.None));
        }

        return ValueTask.FromResult(MigrationConnection.FromPipe(near, "the destination's pipe"));
    }

    protected override ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) => _arriving.Reader.ReadAsync(cancellationToken);

    private async Task ForwardAsync(bool fromSource, FrameFormat format, PipeReader from, PipeWriter to)
    {
        uint delivered = 0;
        FrameFormat expected = fromSource ? FrameFormat.Preamble : format;
        try
        {
            while (true)
            {
                ReadResult read = await from.ReadAsync(_ended.Token);
                byte[] bytes = read.Buffer.ToArray();
                int taken = 0;
                for (int length; (length = Frames.LengthOf(expected, bytes.AsSpan(taken))) > 0; taken += length)
                {
                    foreach (byte[] frame in deliver(fromSource, expected, bytes[taken..(taken + length)], delivered))
                    {
                        delivered += expected == FrameFormat.Preamble ? 0u : 1u;
                        await to.WriteAsync(frame, _ended.Token);
                    }

                    expected = format;
                }

                from.AdvanceTo(read.Buffer.GetPosition(taken), read.Buffer.End);
                if (read.IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is MigrationException or OperationCanceledException or InvalidOperationException or IOException)
        {
            // One end is gone; the other learns of it below.
        }

        await from.CompleteAsync();
        await to.CompleteAsync();
    }
}
