using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;
using Xunit;

namespace PageEngine.Transport.Tests.Streams;

/// <summary>Two guest memories, and page streams between them.</summary>
internal sealed class StreamRig : IAsyncDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly List<PageSender> _senders = [];
    private readonly List<PageReceiver> _receivers = [];
    private readonly Lock _lock = new();
    private readonly List<StreamRoundTotals> _acknowledged = [];
    private TaskCompletionSource _allAcknowledged = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _round;

    private StreamRig(GuestMemory source, GuestMemory destination)
    {
        Source = source;
        Destination = destination;
        Applier = new PageApplier(destination, keepHashes: true);
        Pending = new DirtyBitmap(source.PageCount);
    }

    internal GuestMemory Source { get; }

    internal GuestMemory Destination { get; }

    internal PageApplier Applier { get; }

    internal DirtyBitmap Pending { get; }

    internal IReadOnlyList<PageSender> Senders => _senders;

    internal IReadOnlyList<PageReceiver> Receivers => _receivers;

    /// <summary>Gets or sets what is done at the end of a round, before it counts as acknowledged.</summary>
    internal Action<StreamRoundTotals>? OnRoundEnd { get; set; }

    internal static async Task<StreamRig> StartAsync(
        GuestMemory source,
        GuestMemory destination,
        int streams,
        Func<Task<(MigrationConnection Source, MigrationConnection Destination)>> connect,
        BandwidthPacer? pacer = null,
        ReadOnlyMemory<byte> secret = default,
        StreamGate? gate = null)
    {
        var rig = new StreamRig(source, destination);
        pacer ??= new BandwidthPacer(0, TimeProvider.System);
        for (int i = 0; i < streams; i++)
        {
            (MigrationConnection s, MigrationConnection d) = await connect();
            rig._senders.Add(PageSender.Create(s, source, i, new PageSending(pacer) { Gate = gate }, PageSeal.For(secret, i)));
            rig._receivers.Add(PageReceiver.Start(d, rig.Applier, i, rig.Acknowledge, PageSeal.For(secret, i)));
        }

        return rig;
    }

    /// <summary>Sends what is pending, and waits until the destination has acknowledged it on every stream.</summary>
    internal async Task<StreamRoundTotals[]> RunRoundAsync(DirtyBitmap? present = null, CancellationToken cancellationToken = default)
    {
        var round = new PageRound(_round++, Source, Pending, present) { MayArriveLater = true, DirtyPages = Pending.Count() };
        StreamRoundTotals[] sent = await Task.WhenAll(_senders.Select(s => s.SendRoundAsync(round, cancellationToken))).WaitAsync(_patience, CancellationToken.None);
        await WaitForAcknowledgementAsync();
        Assert.Equal(sent, _acknowledged.OrderBy(t => t.Stream));
        _acknowledged.Clear();
        _allAcknowledged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return sent;
    }

    internal async Task FinishAsync()
    {
        await Task.WhenAll(_senders.Select(s => s.FinishAsync())).WaitAsync(_patience);
        await Task.WhenAll(_receivers.Select(r => r.Completion)).WaitAsync(_patience);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PageSender sender in _senders)
        {
            await sender.DisposeAsync();
        }

        foreach (PageReceiver receiver in _receivers)
        {
            await receiver.DisposeAsync();
        }

        Applier.Dispose();
        Pending.Dispose();
    }

    private async Task WaitForAcknowledgementAsync()
    {
        Task failed = await Task.WhenAny([_allAcknowledged.Task, .. _receivers.Select(r => r.Completion)]).WaitAsync(_patience);
        await failed;
        await _allAcknowledged.Task.WaitAsync(_patience);
    }

    private void Acknowledge(StreamRoundTotals totals)
    {
        OnRoundEnd?.Invoke(totals);
        lock (_lock)
        {
            _acknowledged.Add(totals);
            if (_acknowledged.Count == _receivers.Count)
            {
                _allAcknowledged.SetResult();
            }
        }
    }
}
