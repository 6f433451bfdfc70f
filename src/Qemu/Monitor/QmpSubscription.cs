using System.Threading.Channels;

namespace PageEngine.Qemu.Monitor;

// Owns: the events that one waiter asked for and has not read yet. A waiter subscribes before it causes the event, so that
// none is missed. Bounded: of a flood the newest are kept.

/// <summary>Events in the order QEMU sent them.</summary>
public sealed class QmpSubscription : IDisposable
{
    private const int MaxEvents = 256;

    private readonly Channel<QmpEvent> _events = Channel.CreateBounded<QmpEvent>(
        new BoundedChannelOptions(MaxEvents) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly QmpClient _client;

    internal QmpSubscription(QmpClient client, string name)
    {
        _client = client;
        Name = name;
    }

    /// <summary>Gets which events these are.</summary>
    public string Name { get; }

    /// <summary>Waits for the next one.</summary>
    /// <exception cref="QmpException">The monitor was closed.</exception>
    public async ValueTask<QmpEvent> NextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _events.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException closed)
        {
            throw closed.InnerException as QmpException
                ?? new QmpException("", QmpException.ConnectionClass, "QEMU's monitor was closed while an event was waited for.", closed);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _client.Unsubscribe(this);
        _events.Writer.TryComplete();
    }

    internal void Take(in QmpEvent happened) => _events.Writer.TryWrite(happened);

    internal void End(QmpException why) => _events.Writer.TryComplete(why);
}
