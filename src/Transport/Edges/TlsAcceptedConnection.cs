using System.IO.Pipelines;
using System.Net.Security;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: a connection that a destination accepted and that has to prove itself first. It does so where its first bytes are
// waited for, side by side with others: a stranger who says nothing keeps nobody from being accepted. A page stream proves
// itself by its token and by every record that it seals; it begins in the clear.

internal sealed class TlsAcceptedConnection(SocketConnection accepted, TlsIdentity identity) : MigrationConnection
{
    private const byte HandshakeRecord = 22;

    private readonly Lock _lock = new();
    private MigrationConnection _connection = accepted;
    private bool _mayOpen;
    private bool _aborted;

    public override string RemoteDescription => accepted.RemoteDescription;

    public override string LocalDescription => accepted.LocalDescription;

    public override bool IsLocal => accepted.IsLocal;

    internal override bool IsProven => _connection.IsProven;

    internal override ValueTask WritePreambleAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        throw new NotSupportedException("A destination writes no preamble.");

    internal override async ValueTask ReadPreambleAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (await accepted.PeekAsync(cancellationToken).ConfigureAwait(false) == HandshakeRecord)
        {
            await ProveAsync(cancellationToken).ConfigureAwait(false);
            await _connection.ReadPreambleAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        else
        {
            await accepted.ReadPreambleAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (BitConverter.ToUInt16(buffer.Span[4..]) != (ushort)ConnectionPurpose.Pages)
            {
                throw new MigrationException(
                    MigrationErrorKind.Refused, $"{RemoteDescription} was turned away: it speaks plain text, and this destination was told to let nobody in who does not prove himself. Give the source certificates.");
            }
        }

        _mayOpen = true;
    }

    internal override IDuplexPipe OpenControl() => _mayOpen && IsProven ? _connection.OpenControl() : throw NotProven();

    internal override PageSender OpenSender(GuestMemory memory, int streamIndex, PageSending sending, PageSeal? seal) =>
        throw new NotSupportedException("A destination sends no pages.");

    internal override PageReceiver OpenReceiver(PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, PageSeal? seal) =>
        _mayOpen && !IsProven && seal is not null ? _connection.OpenReceiver(applier, streamIndex, onRoundEnd, seal) : throw NotProven();

    public override void Abort()
    {
        lock (_lock)
        {
            _aborted = true;
            _connection.Abort();
        }
    }

    public override ValueTask DisposeAsync()
    {
        Abort();
        return _connection.DisposeAsync();
    }

    private static InvalidOperationException NotProven() => new("The peer has not proven who it is.");

    private async Task ProveAsync(CancellationToken cancellationToken)
    {
        SslStream stream = await TlsHandshake.AsDestinationAsync(
            await accepted.ReleaseAsync().ConfigureAwait(false), identity, RemoteDescription, cancellationToken).ConfigureAwait(false);
        MigrationConnection proven = TlsHandshake.ToConnection(stream, RemoteDescription, LocalDescription, IsLocal);
        lock (_lock)
        {
            _connection = proven;
            if (_aborted)
            {
                proven.Abort();
            }
        }
    }
}
