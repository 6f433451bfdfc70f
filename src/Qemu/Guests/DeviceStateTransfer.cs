using System.Text.Json;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Guests;

// Owns: taking the device state out of one QEMU and putting it into another, by QEMU's own migration over a pipe. The
// stream is captured as a whole: the destination must not begin to load before all memory is there, and it writes memory
// while it loads. One transfer at a time.

/// <summary>Moves a QEMU's device state.</summary>
internal sealed class DeviceStateTransfer(QmpClient monitor, TimeProvider time)
{
    /// <summary>The most bytes of device state: what a switchover may carry.</summary>
    internal const int MaxStateBytes = 192 << 20;

    private const string DescriptorName = "pageengine-state";
    private const string EventName = "MIGRATION";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    /// <summary>More than most machines' state.</summary>
    private const int UsualStateBytes = 1 << 20;

    private readonly byte[] _room = new byte[UsualStateBytes];
    private StatePipe? _ready;

    /// <summary>Gives QEMU its end of a pipe ahead of time.</summary>
    internal async Task PrepareAsync(bool incoming, CancellationToken cancellationToken)
    {
        if (_ready is null)
        {
            var pipe = StatePipe.Create();
            await monitor.ExecuteAsync(
                "getfd", static writer => writer.WriteString("fdname", DescriptorName), incoming ? pipe.ReadEnd : pipe.WriteEnd, cancellationToken).ConfigureAwait(false);
            (incoming ? pipe.ReadEnd : pipe.WriteEnd).Dispose();
            _ready = pipe;
        }
    }

    /// <summary>Passes bytes through a pipe of its own, and an event through a subscription, so that code and memory are not
    /// touched for the first time while the guest stands still.</summary>
    internal async Task RehearseAsync(CancellationToken cancellationToken)
    {
        using var pipe = StatePipe.Create();
        Task<ReadOnlyMemory<byte>> reading = pipe.ReadToEndAsync(_room, MaxStateBytes);
        await pipe.WriteAsync(new byte[UsualStateBytes]).WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
        await reading.WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
        using QmpSubscription events = monitor.Subscribe(EventName);
        using var completed = JsonDocument.Parse("""{"status":"completed"}""");
        Task waiting = WaitAsync(events, "rehearse", cancellationToken);
        events.Take(new QmpEvent(EventName, completed.RootElement));
        await waiting.ConfigureAwait(false);
        await StatusAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Takes the state of a stopped machine. It is valid until the next one is taken.</summary>
    /// <exception cref="MigrationException">QEMU could not save it.</exception>
    internal async Task<ReadOnlyMemory<byte>> SaveAsync(CancellationToken cancellationToken)
    {
        await PrepareAsync(incoming: false, cancellationToken).ConfigureAwait(false);
        using StatePipe pipe = _ready!;
        _ready = null;
        using QmpSubscription events = monitor.Subscribe(EventName);

        // The reading thread starts while QEMU begins: neither waits for the other, and the guest stands still.
        Task ordering = OrderAsync("migrate", cancellationToken);
        Task<ReadOnlyMemory<byte>> reading = pipe.ReadToEndAsync(_room, MaxStateBytes);
        await ordering.ConfigureAwait(false);
        await WaitAsync(events, "save its device state", cancellationToken).ConfigureAwait(false);
        return await reading.WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives the state to a machine that waits for one.</summary>
    /// <exception cref="MigrationException">QEMU could not load it; its process then ends by itself.</exception>
    internal async Task LoadAsync(ReadOnlyMemory<byte> state, CancellationToken cancellationToken)
    {
        await PrepareAsync(incoming: true, cancellationToken).ConfigureAwait(false);
        using StatePipe pipe = _ready!;
        _ready = null;
        using QmpSubscription events = monitor.Subscribe(EventName);

        // The writing thread starts while QEMU makes itself ready to read.
        Task ordering = OrderAsync("migrate-incoming", cancellationToken);
        Task writing = pipe.WriteAsync(state);
        try
        {
            await ordering.ConfigureAwait(false);
            await WaitAsync(events, "load the device state", cancellationToken).ConfigureAwait(false);
        }
        catch (QmpException e) when (e.IsConnection)
        {
            throw new MigrationException(
                MigrationErrorKind.GuestFailed, $"QEMU ended while it loaded the device state: the state does not fit this QEMU's version or devices. Its standard error says which device ({e.Description})", e);
        }

        await writing.WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends a save that is under way. Harmless when there is none.</summary>
    internal async Task CancelAsync(CancellationToken cancellationToken)
    {
        _ready?.Dispose();
        _ready = null;
        using QmpSubscription events = monitor.Subscribe(EventName);
        if (IsUnderWay(await StatusAsync(cancellationToken).ConfigureAwait(false)))
        {
            await monitor.ExecuteAsync("migrate_cancel", null, cancellationToken).ConfigureAwait(false);
            while (IsUnderWay(await StatusAsync(cancellationToken).ConfigureAwait(false)))
            {
                await events.NextAsync(cancellationToken).AsTask().WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
            }
        }

        await CloseUnusedAsync().ConfigureAwait(false);
    }

    /// <summary>Tells whether QEMU's own migration is at work.</summary>
    internal static bool IsUnderWay(string? status) =>
        status is not (null or "none" or "completed" or "failed" or "cancelled");

    private async Task OrderAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            await monitor.ExecuteAsync(command, static writer => writer.WriteString("uri", $"fd:{DescriptorName}"), cancellationToken).ConfigureAwait(false);
        }
        catch (QmpException e) when (!e.IsConnection)
        {
            await CloseUnusedAsync().ConfigureAwait(false);
            throw;
        }
    }

    // QEMU keeps a descriptor that it was given and did not use; this side's thread waits at the other end of the pipe.
    private async Task CloseUnusedAsync()
    {
        try
        {
            await monitor.ExecuteAsync("closefd", static writer => writer.WriteString("fdname", DescriptorName)).ConfigureAwait(false);
        }
        catch (QmpException)
        {
            // It was used after all, or QEMU is gone: either way it is closed.
        }
    }

    private async Task<string?> StatusAsync(CancellationToken cancellationToken) =>
        QmpElement.TextOrNull(await monitor.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false), "status");

    private async Task WaitAsync(QmpSubscription events, string doing, CancellationToken cancellationToken)
    {
        while (true)
        {
            QmpEvent happened;
            try
            {
                happened = await events.NextAsync(cancellationToken).AsTask().WaitAsync(_patience, time, cancellationToken).ConfigureAwait(false);
            }
            catch (TimeoutException e)
            {
                throw new MigrationException(MigrationErrorKind.GuestFailed, $"QEMU did not {doing} within {_patience.TotalSeconds:0} s.", e);
            }

            switch (happened.Text("status"))
            {
                case "completed":
                    return;
                case "failed" or "cancelled":
                    JsonElement answer = await monitor.ExecuteAsync("query-migrate", null, cancellationToken).ConfigureAwait(false);
                    string reason = QmpElement.TextOrNull(answer, "error-desc") ?? "it gives no reason; its standard error may";
                    throw new MigrationException(MigrationErrorKind.GuestFailed, $"QEMU could not {doing}: {reason}.");
            }
        }
    }
}
