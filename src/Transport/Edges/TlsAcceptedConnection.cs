using System.IO.Pipelines;
using System.Net.Security;
using System.Net.Sockets;
using PageEngine.Memory;
using PageEngine.Streaming;

namespace PageEngine.Transport.Edges;

// Owns: a connection that a destination accepted and that has to prove itself first. It does so where its first bytes are
// waited for, side by side with others: a stranger who says nothing keeps nobody from being accepted.

internal sealed class TlsAcceptedConnection(Socket socket, TlsIdentity identity, string remote, string local, bool isLocal) : MigrationConnection
{
    private readonly Lock _lock = new();
    private PipeConnection? _proven;
    private bool _aborted;

    public override string RemoteDescription => remote;

    public override string LocalDescription => local;

    public override bool IsLocal => isLocal;

    private PipeConnection Proven => _proven ?? throw new InvalidOperationException("The peer has not proven who it is.");

    internal override ValueTask WritePreambleAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        throw new NotSupportedException("A destination writes no preamble.");

    internal override async ValueTask ReadPreambleAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        SslStream stream = await TlsHandshake.AsDestinationAsync(socket, identity, remote, cancellationToken).ConfigureAwait(false);
        var proven = new PipeConnection(new StreamPipe(stream), remote, stream) { IsThisMachine = isLocal, Local = local };
        lock (_lock)
        {
            _proven = proven;
            if (_aborted)
            {
                proven.Abort();
            }
        }

        await proven.ReadPreambleAsync(buffer, cancellationToken).ConfigureAwait(false);
    }

    internal override IDuplexPipe OpenControl() => Proven.OpenControl();

    internal override PageSender OpenSender(GuestMemory memory, int streamIndex, BandwidthPacer pacer) => Proven.OpenSender(memory, streamIndex, pacer);

    internal override PageReceiver OpenReceiver(PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd) =>
        Proven.OpenReceiver(applier, streamIndex, onRoundEnd);

    public override void Abort()
    {
        lock (_lock)
        {
            _aborted = true;
            if (_proven is null)
            {
                socket.Dispose();
            }
            else
            {
                _proven.Abort();
            }
        }
    }

    public override ValueTask DisposeAsync()
    {
        Abort();
        return _proven?.DisposeAsync() ?? ValueTask.CompletedTask;
    }
}
