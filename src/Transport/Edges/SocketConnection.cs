using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;
using PageEngine.Transport.Sealing;

namespace PageEngine.Transport.Edges;

// Owns: one connected socket, the threads that are blocked in it, and the order of its end: shut down, join the threads, only
// then close. Closing first would not wake them, and a re-used descriptor number would send pages to a stranger.

/// <summary>A connection over a blocking socket.</summary>
internal sealed class SocketConnection : MigrationConnection
{
    private readonly Socket _socket;
    private readonly Lock _lock = new();
    private readonly List<DedicatedThread> _threads = [];
    private readonly List<Action> _onAbort = [];
    private Task? _disposal;
    private bool _aborted;

    /// <param name="socket">A connected socket that was never used asynchronously; owned from here on.</param>
    /// <param name="remoteDescription">Who is at the other end.</param>
    /// <param name="isLocal">Whether that is this machine.</param>
    internal SocketConnection(Socket socket, string remoteDescription, bool isLocal)
    {
        _socket = socket;
        RemoteDescription = remoteDescription;
        LocalDescription = socket.LocalEndPoint?.ToString() ?? "";
        IsLocal = isLocal;
        int flags = Libc.fcntl(Handle, Libc.F_GETFL, 0);
        if (flags >= 0 && (flags & Libc.O_NONBLOCK) != 0)
        {
            _ = Libc.fcntl(Handle, Libc.F_SETFL, flags & ~Libc.O_NONBLOCK);
        }
    }

    /// <inheritdoc/>
    public override string RemoteDescription { get; }

    /// <inheritdoc/>
    public override string LocalDescription { get; }

    /// <inheritdoc/>
    public override bool IsLocal { get; }

    internal SafeSocketHandle Handle => _socket.SafeHandle;

    /// <summary>Reads a socket option; what the kernel does not give stays as it is.</summary>
    /// <exception cref="SocketException">There is none.</exception>
    internal void GetOption(int level, int name, Span<byte> value) => _socket.GetRawSocketOption(level, name, value);

    internal EndPoint? RemoteEndPoint => _socket.RemoteEndPoint;

    internal bool IsAborted => Volatile.Read(ref _aborted);

    /// <summary>Starts a thread that works on this connection; closing waits for it.</summary>
    /// <param name="name">The thread's name.</param>
    /// <param name="body">Its work: ends soon after the connection is aborted, and throws nothing.</param>
    /// <param name="onAbort">Wakes it where it may wait for something else than the socket.</param>
    internal void StartThread(string name, Action body, Action? onAbort = null)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (onAbort is not null)
            {
                _onAbort.Add(onAbort);
            }

            _threads.Add(new DedicatedThread(name, body));
        }

        if (IsAborted)
        {
            onAbort?.Invoke();
        }
    }

    /// <summary>Gets the exception for a system call that failed on this connection.</summary>
    internal MigrationException Failure(int errno, string doing) => IsAborted
        ? ConnectionErrors.Aborted(RemoteDescription)
        : ConnectionErrors.FromErrno(errno, RemoteDescription, doing);

    /// <summary>Gets the exception for an end of the stream where more was to come.</summary>
    internal MigrationException UnexpectedEnd(string where) => IsAborted
        ? ConnectionErrors.Aborted(RemoteDescription)
        : ConnectionErrors.Closed(RemoteDescription, where);

    /// <inheritdoc/>
    internal override async ValueTask WritePreambleAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await RunBlockingAsync(() =>
        {
            int errno = PlainIo.Send(Handle, bytes.Span);
            return errno == 0 ? null : Failure(errno, "starting");
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    internal override async ValueTask ReadPreambleAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        await RunBlockingAsync(() =>
        {
            for (int read = 0; read < buffer.Length;)
            {
                int n = PlainIo.Receive(Handle, buffer.Span[read..], out int errno);
                if (n <= 0)
                {
                    return n == 0 ? UnexpectedEnd("before it said what it wanted") : Failure(errno, "starting");
                }

                read += n;
            }

            return null;
        }, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for the first byte and leaves it where it is. Cancelling ends the connection.</summary>
    internal async ValueTask<byte> PeekAsync(CancellationToken cancellationToken)
    {
        byte[] first = new byte[1];
        await RunBlockingAsync(() =>
        {
            int n = PlainIo.Peek(Handle, first, out int errno);
            return n > 0 ? null : n == 0 ? UnexpectedEnd("before it said what it wanted") : Failure(errno, "starting");
        }, cancellationToken).ConfigureAwait(false);
        return first[0];
    }

    /// <summary>Gives the socket to the caller, who owns it from then on. Nobody may work on this connection any more.</summary>
    internal async ValueTask<Socket> ReleaseAsync()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            _disposal = Task.CompletedTask;
        }

        foreach (DedicatedThread thread in _threads)
        {
            await thread.JoinAsync().ConfigureAwait(false);
        }

        return _socket;
    }

    /// <inheritdoc/>
    internal override IDuplexPipe OpenControl() => new SocketControlPipe(this);

    /// <inheritdoc/>
    internal override PageSender OpenSender(GuestMemory memory, int streamIndex, PageSending sending, PageSeal? seal) =>
        new SocketPageSender(this, memory, streamIndex, sending, seal is null ? new ReferenceSend() : new SealedSend(seal));

    /// <inheritdoc/>
    internal override PageReceiver OpenReceiver(PageApplier applier, int streamIndex, Action<StreamRoundTotals> onRoundEnd, PageSeal? seal) =>
        new SocketPageReceiver(this, applier, streamIndex, onRoundEnd, seal is null ? new ScatterReceive() : new SealedReceive(seal));

    /// <summary>Says that nothing more will be sent; the other end reads to the end first.</summary>
    internal void ShutdownSend() => Shutdown(Libc.SHUT_WR);

    /// <inheritdoc/>
    public override void Abort()
    {
        Action[] wake;
        lock (_lock)
        {
            if (_aborted)
            {
                return;
            }

            Volatile.Write(ref _aborted, true);
            wake = [.. _onAbort];
        }

        Shutdown(Libc.SHUT_RDWR);
        foreach (Action action in wake)
        {
            action();
        }
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
        // _threads does not change any more: StartThread refuses once there is a disposal.
        foreach (DedicatedThread thread in _threads)
        {
            await thread.JoinAsync().ConfigureAwait(false);
        }

        _socket.Dispose();
    }

    private void Shutdown(int how)
    {
        try
        {
            _ = Libc.shutdown(Handle, how);
        }
        catch (ObjectDisposedException)
        {
            // Closed already: nobody is blocked in it.
        }
    }

    // A blocking call must not occupy the thread pool: several connections that say nothing would starve it.
    private async Task RunBlockingAsync(Func<MigrationException?> call, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var done = new TaskCompletionSource<MigrationException?>(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static c => ((SocketConnection)c!).Abort(), this);
        StartThread("pageengine-join", () => done.SetResult(call()));
        MigrationException? failure = await done.Task.ConfigureAwait(false);
        if (failure is not null)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw failure;
        }
    }
}
