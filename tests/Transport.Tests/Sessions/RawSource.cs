using System.IO.Pipelines;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Tests.Sessions;

// Owns: a source that speaks the protocol by hand, as far as a test wants.

internal sealed class RawSource(PipeEdge edge)
{
    internal static readonly MemoryLayout Layout = new([new MemoryLayoutRegion(new GuestAddress(0), 16), new MemoryLayoutRegion(new GuestAddress(1 << 20), 16)]);

    internal HelloMessage Hello { get; init; } = new()
    {
        OldestVersion = ProtocolVersion.Oldest,
        NewestVersion = ProtocolVersion.Newest,
        MigrationId = 7,
        Attempt = AttemptId.NewRandom(),
        GuestId = Guid.NewGuid(),
        Epoch = 1,
        SourceRun = RunId.NewRandom(),
        Streams = 1,
        Verify = true,
        HasStore = false,
        StoreNonce = Guid.NewGuid(),
        ResumeTimeout = TimeSpan.FromSeconds(1),
        Description = new GuestDescription("stub", new byte[] { 1, 2, 3 }),
        Layout = Layout,
    };

    internal DuplexEnd Control { get; } = edge.OpenRaw();

    internal ControlChannel Channel => field ??= new ControlChannel(Control);

    /// <summary>Gets the bytes of a control channel that begins well: first bytes, Hello, and a frame of each kind that follows.</summary>
    internal static async Task<byte[]> RecordAsync()
    {
        var edge = new PipeEdge();
        var source = new RawSource(edge);
        var pipe = new Pipe(new PipeOptions(pauseWriterThreshold: 0));
        await pipe.Writer.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode());
        var channel = new ControlChannel(new DuplexEnd(new Pipe().Reader, pipe.Writer));
        await channel.SendAsync(ControlKind.Hello, source.Hello, static (m, w) => m.Write(w));
        await channel.SendAsync(ControlKind.Ping, new PingMessage(3), static (m, w) => m.Write(w));
        await channel.SendAsync(ControlKind.PauseNotice);
        await channel.SendAsync(ControlKind.DeviceState, 0, static (_, w) => DeviceStateMessage.Write(w, 0, [1, 2, 3]));
        await channel.SendAsync(ControlKind.Prepare, source.Prepare(false), static (m, w) => m.Write(w));
        await channel.SendAsync(ControlKind.Commit, new CommitMessage(source.Hello.Attempt, 2), static (m, w) => m.Write(w));
        ReadResult read = await pipe.Reader.ReadAsync();
        byte[] bytes = new byte[read.Buffer.Length];
        System.Buffers.BuffersExtensions.CopyTo(read.Buffer, bytes);
        await edge.DisposeAsync();
        return bytes;
    }

    internal PrepareMessage Prepare(bool rehearsal) => new()
    {
        Rehearsal = rehearsal,
        Attempt = Hello.Attempt,
        GuestId = rehearsal ? Guid.NewGuid() : Hello.GuestId,
        Epoch = Hello.Epoch,
        LayoutDigest = 5,
        StateBytes = 3,
        StateDigest = 6,
        Totals = [new Streaming.StreamRoundTotals(0, 0, 1, 2, 3)],
    };

    internal async Task<WelcomeMessage> SayHelloAsync()
    {
        await Control.Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode());
        await Channel.SendAsync(ControlKind.Hello, Hello, static (m, w) => m.Write(w));
        ControlFrame frame = await ReceiveAsync();
        return frame.Kind == ControlKind.Welcome
            ? WelcomeMessage.Read(frame.Payload.Span)
            : throw new InvalidOperationException($"{frame.Kind} came where {ControlKind.Welcome} was due.");
    }

    /// <summary>Goes as far as the destination being ready for pages.</summary>
    internal async Task<DuplexEnd> BeginAsync()
    {
        WelcomeMessage welcome = await SayHelloAsync();
        DuplexEnd pages = edge.OpenRaw();
        await pages.Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Pages, 0, welcome.StreamToken).Encode());
        ControlFrame frame = await ReceiveAsync();
        return frame.Kind == ControlKind.Ready ? pages : throw new InvalidOperationException($"{frame.Kind} came where {ControlKind.Ready} was due.");
    }

    /// <summary>Gives the next frame that is not a ping: those come when they are due, which no test waits for.</summary>
    internal async Task<ControlFrame> ReceiveAsync()
    {
        ControlFrame frame;
        do
        {
            frame = await Channel.ReceiveAsync();
        }
        while (frame.Kind == ControlKind.Ping);
        return frame;
    }

    /// <summary>Goes away: the pipe ends, and what the destination says is not read.</summary>
    internal async Task LeaveAsync()
    {
        await Control.Output.CompleteAsync();
        await Control.Input.CompleteAsync();
    }
}

/// <summary>A guest that only has memory, and knows whether it was given back.</summary>
internal sealed class StubGuest(GuestOffer offer) : IGuest, IDisposable
{
    public Guid Id => offer.GuestId;

    public GuestMemory Memory { get; } = new(offer.Layout.Regions.Select(r => GuestMemoryRegion.Anonymous(r.BaseAddress, r.PageCount * MemoryLayout.PageBytes)));

    internal bool IsDisposed { get; private set; }

    /// <summary>Gets or sets what loading a state does.</summary>
    internal Func<Devices.DeviceState, Task> Loading { get; set; } = static _ => Task.CompletedTask;

    public GuestDescription Describe() => offer.Description;

    public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask SaveStateAsync(Devices.DeviceStateWriter writer, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask LoadStateAsync(Devices.DeviceState state, CancellationToken cancellationToken) => new(Loading(state));

    public ValueTask PowerOffAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public void Dispose()
    {
        IsDisposed = true;
        Memory.Dispose();
    }
}
