using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Channels;
using PageEngine.Transport.Tests.Sessions;

namespace PageEngine.Transport.Tests.Failures;

// Owns: a network inside this process whose bytes go through here, where they can be swallowed or damaged.

/// <summary>Pipes with a forwarder between them, one for each direction of each connection.</summary>
internal sealed class BrokenEdge : TestEdge
{
    private readonly Channel<MigrationConnection> _arriving = Channel.CreateUnbounded<MigrationConnection>();
    private readonly CancellationTokenSource _ended = new();
    private readonly List<Task> _forwarding = [];

    /// <summary>Gets or sets whether everything on the control channel disappears, in both directions.</summary>
    internal volatile bool SwallowControl;

    /// <summary>Gets or sets whether everything on the page streams disappears.</summary>
    internal volatile bool SwallowPages;

    /// <summary>Gets or sets whether the next bytes of the control channel are damaged.</summary>
    internal volatile bool DamageControl;

    public override async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await Task.WhenAll(_forwarding);
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
        lock (_forwarding)
        {
            _forwarding.Add(Task.Run(() => ForwardAsync(purpose, nearInside.Input, farInside.Output), CancellationToken.None));
            _forwarding.Add(Task.Run(() => ForwardAsync(purpose, farInside.Input, nearInside.Output), CancellationToken.None));
        }

        return ValueTask.FromResult(MigrationConnection.FromPipe(near, "the destination's pipe"));
    }

    protected override ValueTask<MigrationConnection> TakeAsync(CancellationToken cancellationToken) => _arriving.Reader.ReadAsync(cancellationToken);

    private async Task ForwardAsync(ConnectionPurpose purpose, PipeReader from, PipeWriter to)
    {
        try
        {
            while (true)
            {
                ReadResult read = await from.ReadAsync(_ended.Token);
                byte[] bytes = read.Buffer.ToArray();
                from.AdvanceTo(read.Buffer.End);

                // Pages are not even taken from the sender: its pipe fills like a socket's buffer.
                while (purpose == ConnectionPurpose.Pages && SwallowPages)
                {
                    await Task.Delay(10, _ended.Token);
                }

                if (!(purpose == ConnectionPurpose.Control && SwallowControl))
                {
                    if (purpose == ConnectionPurpose.Control && DamageControl && bytes.Length > 0)
                    {
                        bytes[^1] ^= 0x10;
                    }

                    await to.WriteAsync(bytes, _ended.Token);
                }

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

        // What is swallowed includes the end.
        if (!(purpose == ConnectionPurpose.Control && SwallowControl))
        {
            await to.CompleteAsync();
        }
    }
}
