using System.IO.Hashing;
using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: the last pass at the source: the pages and the device state that leave while the guest stands still, and in what order.

/// <summary>The last pass of one switchover. Runs once, after the guest was paused.</summary>
internal sealed class SourceLastPass(SourceSwitchoverContext context, DirtyBitmap pending, Func<long> collect, SwitchoverStopwatch watch) : IDisposable
{
    private CancellationTokenSource? _together;

    /// <summary>Gets a task that ends when every page is in the destination's memory.</summary>
    internal Task Arrived { get; private set; } = Task.CompletedTask;

    /// <summary>Gets the device state's size.</summary>
    internal long StateBytes { get; private set; }

    /// <summary>Gets the device state's digest.</summary>
    internal ulong StateDigest { get; private set; }

    /// <summary>Sends the pages and the state. What was sent may still be under way.</summary>
    /// <remarks>The pages that were dirty at the pause are collected and travel while the devices are saved: neither needs the
    /// other, and saving begins first, since a guest in a process of its own works on it by itself. Saving may write memory, so
    /// the collect that counts comes after both; what it finds, mostly nothing, goes in a round of its own. A round without
    /// pages would cost the blackout a round trip.</remarks>
    internal async Task RunAsync(CancellationToken cancel)
    {
        _together = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task saving = SaveStateAsync(_together.Token);
        try
        {
            collect();
            watch.RemainingPages = pending.Count();
            watch.Mark(SwitchoverPart.Harvest);
            Task drained = BeginRound(_together.Token);
            await (await Task.WhenAny(saving, drained).ConfigureAwait(false)).ConfigureAwait(false);
            await saving.ConfigureAwait(false);
            watch.Mark(SwitchoverPart.StateSave);
            await drained.ConfigureAwait(false);
            watch.Mark(SwitchoverPart.Pages);
        }
        catch
        {
            // Neither may go on behind the other's failure: the streams read the bitmap, and the guest is about to resume.
            await _together.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(saving, Arrived).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        collect();
        long written = pending.Count();
        watch.RemainingPages += written;
        watch.Mark(SwitchoverPart.Harvest);
        if (written > 0)
        {
            await Arrived.ConfigureAwait(false);
            await BeginRound(cancel).ConfigureAwait(false);
        }
    }

    public void Dispose() => _together?.Dispose();

    // The returned task ends when the streams are done with the bitmap. The destination waits for the round by itself: Prepare
    // leaves as soon as the totals are known.
    private Task BeginRound(CancellationToken cancel)
    {
        var drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Arrived = context.Transport.SendRoundAsync(new PageRound(context.NextRound++, context.Guest.Memory, pending, null), drained.SetResult, cancel);
        return Task.WhenAny(drained.Task, Arrived).Unwrap();
    }

    private async Task SaveStateAsync(CancellationToken cancel)
    {
        var writer = new DeviceStateWriter(context.StateRoom.Payloads);
        await GuestCall.RunAsync("save its state", () => context.Guest.SaveStateAsync(writer, cancel)).ConfigureAwait(false);
        ReadOnlyMemory<byte> state = DeviceStateCodec.Encode(writer.ToDeviceState(), context.StateRoom.Encoded);
        StateBytes = state.Length;
        StateDigest = XxHash3.HashToUInt64(state.Span);
        for (int offset = 0; offset < state.Length; offset += ControlFrameCodec.MaxChunkBytes)
        {
            await context.Transport.SendAsync(
                ControlKind.DeviceState, (state, offset),
                static (m, w) => DeviceStateMessage.Write(w, m.offset, m.state.Span.Slice(m.offset, Math.Min(ControlFrameCodec.MaxChunkBytes, m.state.Length - m.offset))),
                cancel).ConfigureAwait(false);
        }
    }
}
