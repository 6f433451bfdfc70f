using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: one connection over a pipe that somebody else connected, the loops that work on it, and the order of its end: cancel
// what waits, wait for the loops, only then complete the pipe's ends.

/// <summary>A connection over a duplex pipe or a stream.</summary>
internal sealed class PipeConnection : MigrationConnection
{
    private readonly IDuplexPipe _pipe;
    private readonly Stream? _owned;
    private readonly CancellationTokenSource _abort = new();
    private readonly Lock _lock = new();
    private readonly List<Task> _loops = [];
    private Task? _disposal;

    /// <param name="pipe">The pipe.</param>
    /// <param name="remoteDescription">Who is at the other end.</param>
    /// <param name="owned">What is disposed with the connection, and ends it when disposed; null: nothing.</param>
    internal PipeConnection(IDuplexPipe pipe, string remoteDescription, Stream? owned)
    {
        _pipe = pipe;
        _owned = owned;
        RemoteDescription = remoteDescription;
    }

    /// <inheritdoc/>
    public override string RemoteDescription { get; }

    /// <inheritdoc/>
    public override string LocalDescription => Local;

    /// <inheritdoc/>
    public override bool IsLocal => IsThisMachine;

    /// <inheritdoc/>
    internal override bool IsProven => PeerIsProven;

    /// <summary>Gets whether the peer proved itself.</summary>
    internal bool PeerIsProven { get; init; }

    /// <summary>Gets this end, where it is known.</summary>
    internal string Local { get; init; } = "";

    /// <summary>Gets whether the other end is known to be this machine.</summary>
    internal bool IsThisMachine { get; init; }

    internal PipeReader Input => _pipe.Input;

    internal PipeWriter Output => _pipe.Output;

    /// <summary>Gets what is cancelled when the connection is aborted.</summary>
    internal CancellationToken AbortToken => _abort.Token;

    internal bool IsAborted => _abort.IsCancellationRequested;

    /// <summary>Adds a loop that closing waits for. It ends soon after the connection is aborted, and does not fail.</summary>
    internal void AddLoop(Task loop)
    {
        lock (_lock)
        {
            _loops.RemoveAll(static l => l.IsCompleted);
            _loops.Add(loop);
        }
    }

    /// <summary>Gets the exception for what the pipe threw.</summary>
    internal MigrationException Failure(Exception cause, string doing) => IsAborted
        ? ConnectionErrors.Aborted(RemoteDescription)
        : ConnectionErrors.From(cause, RemoteDescription, doing);

    /// <summary>Gets the exception for an end of the pipe where more was to come.</summary>
    internal MigrationException UnexpectedEnd(string where) => IsAborted
        ? ConnectionErrors.Aborted(RemoteDescription)
        : ConnectionErrors.Closed(RemoteDescription, where);

    /// <summary>Flushes what was written.</summary>
    /// <exception cref="MigrationException">The connection was lost or aborted.</exception>
    internal async ValueTask FlushAsync(string doing)
    {
        FlushResult result;
        try
        {
            result = await Output.FlushAsync(AbortToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not MigrationException)
        {
            throw Failure(e, doing);
        }

        if (result.IsCanceled || result.IsCompleted)
        {
            throw UnexpectedEnd($"while {doing}");
        }
    }

    /// <inheritdoc/>
    internal override async ValueTask WritePreambleAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = AbortWhen(cancellationToken);
        Output.Write(bytes.Span);
        await FlushAsync("starting").ConfigureAwait(false);
    }

    /// <inheritdoc/>
    internal override async ValueTask ReadPreambleAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using CancellationTokenRegistration registration = AbortWhen(cancellationToken);
        ReadResult result;
        try
        {
            result = await Input.ReadAtLeastAsync(buffer.Length, AbortToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw Failure(e, "starting");
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (result.Buffer.Length < buffer.Length)
        {
            throw UnexpectedEnd("before it said what it wanted");
        }

        ReadOnlySequence<byte> preamble = result.Buffer.Slice(0, buffer.Length);
        preamble.CopyTo(buffer.Span);
        Input.AdvanceTo(preamble.End);
    }

    /// <inheritdoc/>
    internal override IDuplexPipe OpenControl() => new PipeControlPipe(this);

    /// <inheritdoc/>
    internal override PageSender OpenSender(GuestMemory memory, int streamIndex, PageSending sending, PageSeal? seal) =>
        seal is null ? new PipePageSender(this, memory, streamIndex, sending) : throw NoSeal();

    /// <inheritdoc/>
    internal override PageReceiver OpenReceiver(PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, PageSeal? seal) =>
        seal is null ? new PipePageReceiver(this, applier, streamIndex, onRoundEnd) : throw NoSeal();

    /// <inheritdoc/>
    public override void Abort()
    {
        if (IsAborted)
        {
            return;
        }

        _abort.Cancel();
        Harmlessly(Input.CancelPendingRead);
        Harmlessly(Output.CancelPendingFlush);
        _owned?.Dispose();
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        Abort();
        lock (_lock)
        {
            return new ValueTask(_disposal ??= CloseAsync());
        }
    }

    private async Task CloseAsync()
    {
        await Task.WhenAll(_loops).ConfigureAwait(false);
        MigrationException reason = ConnectionErrors.Aborted(RemoteDescription);
        await CompleteAsync(static (p, e) => p.Output.CompleteAsync(e), reason).ConfigureAwait(false);
        await CompleteAsync(static (p, e) => p.Input.CompleteAsync(e), reason).ConfigureAwait(false);
    }

    private async Task CompleteAsync(Func<PipeConnection, Exception, ValueTask> complete, Exception reason)
    {
        try
        {
            await complete(this, reason).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException or MigrationException)
        {
            // A pipe that flushes when it is completed may find its stream closed: it was to be closed.
        }
    }

    private static NotSupportedException NoSeal() => new("A pipe is as secret as whoever connected it made it: pages are not sealed for it.");

    // Some pipes do not take a cancellation once they are completed.
    private static void Harmlessly(Action cancel)
    {
        try
        {
            cancel();
        }
        catch (Exception e) when (e is ObjectDisposedException or InvalidOperationException)
        {
            // Completed: nobody waits in it.
        }
    }

    private CancellationTokenRegistration AbortWhen(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return cancellationToken.UnsafeRegister(static c => ((PipeConnection)c!).Abort(), this);
    }
}
