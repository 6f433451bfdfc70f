using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Monitor;

// Owns: one connection to a QEMU machine monitor (QMP): commands with their answers, in any order, and events to whoever
// subscribed. One task reads; commands may be given from any thread. When the connection ends, everybody who waits is told.

/// <summary>A client of one QEMU monitor socket. Safe to use from any thread.</summary>
public sealed class QmpClient : IAsyncDisposable
{
    private const int MaxQuotedBytes = 200;
    private static readonly TimeSpan _listenPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _listenPeriod = TimeSpan.FromMilliseconds(20);

    private readonly Socket _socket;
    private readonly QmpOptions _options;
    private readonly LineBuffer _lines;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly ConcurrentDictionary<long, Waiter> _waiters = new();
    private readonly TaskCompletionSource<QmpException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _subscribing = new();
    private QmpSubscription[] _subscriptions = [];
    private Task _reading = Task.CompletedTask;
    private long _lastId;
    private bool _disposed;

    private QmpClient(Socket socket, string path, QmpOptions options)
    {
        _socket = socket;
        Path = path;
        _options = options;
        _lines = new LineBuffer(options.MaxLineBytes);
    }

    /// <summary>Gets the monitor's socket.</summary>
    public string Path { get; }

    /// <summary>Gets QEMU's version from its greeting.</summary>
    public Version Version { get; private set; } = new(0, 0);

    /// <summary>Gets the process that listens on the monitor's socket: QEMU itself, unless somebody handed it the socket.</summary>
    public int PeerProcessId { get; private set; }

    /// <summary>Gets a task that ends with the reason when the connection has ended. It never fails.</summary>
    public Task<QmpException> Closed => _closed.Task;

    /// <summary>Connects and takes the monitor over.</summary>
    /// <param name="path">The path of the monitor's Unix socket (<c>-qmp unix:PATH,server=on,wait=off</c>).</param>
    /// <param name="options">Limits; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <remarks>A QEMU that has made its socket and does not listen yet is waited for, two seconds at most.</remarks>
    /// <exception cref="QmpException">Nobody listens there, somebody else has the monitor, or it is no QMP.</exception>
    public static async Task<QmpClient> ConnectAsync(string path, QmpOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new QmpOptions();
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var client = new QmpClient(socket, path, options);
        using var limit = new CancellationTokenSource(options.AnswerTimeout, options.TimeProvider);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await ConnectAsync(socket, path, options.TimeProvider, both.Token).ConfigureAwait(false);
            client.PeerProcessId = PeerOf(socket);
            await client.GreetAsync(both.Token).ConfigureAwait(false);
            client._reading = client.ReadAsync();
            await client.ExecuteAsync("qmp_capabilities", null, cancellationToken).ConfigureAwait(false);
            return client;
        }
        catch (Exception e)
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw e switch
            {
                SocketException or ArgumentException => new QmpException(
                    "", QmpException.ConnectionClass, $"QEMU's monitor {path} cannot be reached: {e.Message}. Start QEMU with -qmp unix:{path},server=on,wait=off, and run this as a user who may open it.", e),
                InvalidDataException or JsonException => new QmpException(
                    "", QmpException.ConnectionClass, $"What listens on {path} is no QEMU machine monitor: {e.Message} Name the socket of -qmp, not the one of -monitor or -serial.", e),
                OperationCanceledException when limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested => new QmpException(
                    "", QmpException.ConnectionClass, $"QEMU's monitor {path} did not greet within {options.AnswerTimeout.TotalSeconds:0} s. A monitor serves one client at a time: end the other one, or give QEMU a second -qmp socket.", e),
                _ => e,
            };
        }
    }

    // QEMU makes the socket's file a moment before it listens: whoever waited for the file must not be refused for that.
    private static async Task ConnectAsync(Socket socket, string path, TimeProvider time, CancellationToken cancellationToken)
    {
        var address = new UnixDomainSocketEndPoint(path);
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                await socket.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && time.GetElapsedTime(began) < _listenPatience)
            {
                await Task.Delay(_listenPeriod, time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Gives a command and waits for its answer.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Writes the members of the arguments object; null: no arguments.</param>
    /// <param name="cancellationToken">Stops waiting; QEMU may do the command all the same.</param>
    /// <returns>What QEMU returned.</returns>
    /// <exception cref="QmpException">QEMU refused, did not answer in time, or is gone.</exception>
    public Task<JsonElement> ExecuteAsync(string command, Action<Utf8JsonWriter>? arguments = null, CancellationToken cancellationToken = default) =>
        ExecuteAsync(command, arguments, null, cancellationToken);

    /// <summary>Gives a command together with an open descriptor, as <c>getfd</c> wants it.</summary>
    /// <param name="command">The command.</param>
    /// <param name="arguments">Writes the members of the arguments object; null: no arguments.</param>
    /// <param name="descriptor">QEMU gets a copy of it; null: none.</param>
    /// <param name="cancellationToken">Stops waiting; QEMU may do the command all the same.</param>
    /// <inheritdoc cref="ExecuteAsync(string, Action{Utf8JsonWriter}?, CancellationToken)" path="/returns"/>
    /// <inheritdoc cref="ExecuteAsync(string, Action{Utf8JsonWriter}?, CancellationToken)" path="/exception"/>
    public async Task<JsonElement> ExecuteAsync(
        string command, Action<Utf8JsonWriter>? arguments, System.Runtime.InteropServices.SafeHandle? descriptor, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(command);
        long id = Interlocked.Increment(ref _lastId);
        var waiter = new Waiter(command);
        _waiters[id] = waiter;
        try
        {
            if (_closed.Task.IsCompleted)
            {
                throw Restate(command, await _closed.Task.ConfigureAwait(false));
            }

            _options.Logger?.Command(Path, command);
            await SendAsync(Encode(command, id, arguments), descriptor, cancellationToken).ConfigureAwait(false);
            return await waiter.Answer.Task.WaitAsync(_options.AnswerTimeout, _options.TimeProvider, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new QmpException(command, QmpException.ConnectionClass, $"no answer within {_options.AnswerTimeout.TotalSeconds:0} s", e);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            throw new QmpException(command, QmpException.ConnectionClass, $"the connection is gone ({e.Message})", e);
        }
        finally
        {
            _waiters.TryRemove(id, out _);
        }
    }

    /// <summary>Collects the events of one name from now on.</summary>
    /// <param name="name">Such as MIGRATION.</param>
    public QmpSubscription Subscribe(string name)
    {
        var subscription = new QmpSubscription(this, name);
        lock (_subscribing)
        {
            _subscriptions = [.. _subscriptions, subscription];
        }

        if (_closed.Task.IsCompleted)
        {
            subscription.End(_closed.Task.Result);
        }

        return subscription;
    }

    /// <summary>Closes the connection. QEMU goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            _disposed = true;
            _socket.Dispose();
            await _reading.ConfigureAwait(false);
            End(new QmpException("", QmpException.ConnectionClass, "The connection to QEMU's monitor was closed by this program."));
            _sending.Dispose();
        }
    }

    internal void Unsubscribe(QmpSubscription subscription)
    {
        lock (_subscribing)
        {
            _subscriptions = [.. _subscriptions.Where(s => s != subscription)];
        }
    }

    private static QmpException Restate(string command, QmpException closed) => new(command, closed.ErrorClass, closed.Description, closed);

    private static int PeerOf(Socket socket)
    {
        // struct ucred: process, user, group.
        Span<byte> credentials = stackalloc byte[12];
        int bytes = socket.GetRawSocketOption(Libc.SOL_SOCKET, Libc.SO_PEERCRED, credentials);
        return bytes >= sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(credentials) : 0;
    }

    private static ReadOnlyMemory<byte> Encode(string command, long id, Action<Utf8JsonWriter>? arguments)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("execute", command);
            if (arguments is not null)
            {
                writer.WriteStartObject("arguments");
                arguments(writer);
                writer.WriteEndObject();
            }

            writer.WriteNumber("id", id);
            writer.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenMemory;
    }

    private async Task SendAsync(ReadOnlyMemory<byte> bytes, System.Runtime.InteropServices.SafeHandle? descriptor, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            int sent = descriptor is null ? 0 : DescriptorPassing.Send(_socket.SafeHandle, bytes.Span, descriptor);
            while (sent < bytes.Length)
            {
                // Not cancellable: half a command would spoil all that follow.
                sent += await _socket.SendAsync(bytes[sent..], SocketFlags.None, CancellationToken.None).ConfigureAwait(false);
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task GreetAsync(CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> line;
        while (!_lines.TryTake(out line))
        {
            int read = await _socket.ReceiveAsync(_lines.GetRoom(), SocketFlags.None, cancellationToken).ConfigureAwait(false);
            _lines.Added(read > 0 ? read : throw new InvalidDataException("It closed the connection."));
        }

        using JsonDocument greeting = JsonDocument.Parse(line);
        Version = greeting.RootElement.ValueKind == JsonValueKind.Object
            && greeting.RootElement.TryGetProperty("QMP", out JsonElement qmp)
            && qmp.TryGetProperty("version", out JsonElement version)
            && version.TryGetProperty("qemu", out JsonElement qemu)
                ? new Version(Part(qemu, "major"), Part(qemu, "minor"), Part(qemu, "micro"))
                : throw new InvalidDataException("It does not greet as one.");
    }

    private static int Part(JsonElement version, string name) =>
        version.TryGetProperty(name, out JsonElement part) && part.TryGetInt32(out int value) && value >= 0
            ? value
            : throw new InvalidDataException("It does not say its version.");

    private async Task ReadAsync()
    {
        string why = "QEMU closed its monitor: its process has ended, or another client took the monitor over.";
        Exception? cause = null;
        try
        {
            while (true)
            {
                while (_lines.TryTake(out ReadOnlyMemory<byte> line))
                {
                    Take(line);
                }

                int read = await _socket.ReceiveAsync(_lines.GetRoom(), SocketFlags.None).ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }

                _lines.Added(read);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            why = _disposed ? "The connection to QEMU's monitor was closed by this program." : $"The connection to QEMU's monitor broke: {e.Message}";
            cause = e;
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            why = $"QEMU's monitor sent what is no QMP: {e.Message}";
            cause = e;
            _socket.Dispose();
        }

        End(new QmpException("", QmpException.ConnectionClass, why, cause));
    }

    private void Take(ReadOnlyMemory<byte> line)
    {
        if (line.Span.Trim(" \t\r"u8).IsEmpty)
        {
            return;
        }

        using JsonDocument document = JsonDocument.Parse(line);
        JsonElement root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw Strange(line);
        }

        if (root.TryGetProperty("event", out JsonElement name) && name.ValueKind == JsonValueKind.String)
        {
            Tell(new QmpEvent(name.GetString()!, root.TryGetProperty("data", out JsonElement data) ? data.Clone() : default));
            return;
        }

        // An answer to a command whose waiter has given up has nobody to go to; one without an id is to none of this
        // client's commands.
        if (root.TryGetProperty("id", out JsonElement id) && id.TryGetInt64(out long number) && _waiters.TryRemove(number, out Waiter? waiter))
        {
            waiter.Complete(root, () => Strange(line));
        }
        else if (!root.TryGetProperty("return", out _) && !root.TryGetProperty("error", out _))
        {
            throw Strange(line);
        }
    }

    private static InvalidDataException Strange(ReadOnlyMemory<byte> line) =>
        new($"'{System.Text.Encoding.UTF8.GetString(line.Span[..Math.Min(line.Length, MaxQuotedBytes)])}' is neither an answer nor an event.");

    private void Tell(in QmpEvent happened)
    {
        foreach (QmpSubscription subscription in _subscriptions)
        {
            if (subscription.Name == happened.Name)
            {
                subscription.Take(happened);
            }
        }
    }

    private void End(QmpException why)
    {
        if (!_closed.TrySetResult(why))
        {
            return;
        }

        foreach (Waiter waiter in _waiters.Values)
        {
            waiter.Answer.TrySetException(Restate(waiter.Command, why));
        }

        foreach (QmpSubscription subscription in _subscriptions)
        {
            subscription.End(why);
        }
    }

    private sealed class Waiter(string command)
    {
        internal string Command => command;

        internal TaskCompletionSource<JsonElement> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal void Complete(JsonElement root, Func<InvalidDataException> strange)
        {
            if (root.TryGetProperty("return", out JsonElement value))
            {
                Answer.TrySetResult(value.Clone());
            }
            else if (root.TryGetProperty("error", out JsonElement error)
                && error.ValueKind == JsonValueKind.Object
                && error.TryGetProperty("class", out JsonElement errorClass)
                && error.TryGetProperty("desc", out JsonElement description))
            {
                Answer.TrySetException(new QmpException(command, errorClass.ToString(), description.ToString()));
            }
            else
            {
                InvalidDataException why = strange();
                Answer.TrySetException(new QmpException(command, QmpException.ConnectionClass, why.Message, why));
                throw why;
            }
        }
    }
}
