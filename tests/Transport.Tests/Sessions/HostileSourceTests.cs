using System.Net.Sockets;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

/// <summary>Whatever a source sends: the receive ends with a report, and nothing stays behind.</summary>
public class HostileSourceTests
{
    private static readonly MigrationDestinationOptions Impatient = new()
    {
        StartTimeout = TimeSpan.FromSeconds(20),
        NetworkTimeout = TimeSpan.FromSeconds(20),
        ClaimTimeout = TimeSpan.FromSeconds(20),
        MaxMemoryBytes = 16 << 20,
        MaxStreams = 4,
    };

    private static readonly MigrationErrorKind[] Allowed =
    [
        MigrationErrorKind.ProtocolViolation, MigrationErrorKind.ConnectionLost, MigrationErrorKind.Refused,
        MigrationErrorKind.DataDamaged, MigrationErrorKind.VersionMismatch,
    ];

    private static readonly TimeSpan NeverThatLong = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_damaged_control_stream_ends_with_a_reason(int seed)
    {
        byte[] valid = await RawSource.RecordAsync();
        var random = new Random(seed);
        for (int i = 0; i < 400; i++)
        {
            byte[] mutated = Mutate(valid, random);
            await using var edge = new PipeEdge();
            var built = new List<StubGuest>();
            Task<DestinationResult> receiving = new MigrationDestination(offer => Keep(built, offer), Impatient).ReceiveAsync(edge);
            DuplexEnd raw = edge.OpenRaw();
            await raw.Output.WriteAsync(mutated);
            await raw.Output.CompleteAsync();
            if (mutated.Length < ConnectionPreamble.Bytes)
            {
                // Nobody came: it still waits.
                Assert.NotSame(receiving, await Task.WhenAny(receiving, Task.Delay(1)));
                await edge.OpenRaw().Output.WriteAsync(new byte[64]);
            }

            DestinationResult result = await receiving.WaitAsync(NeverThatLong);
            await raw.Input.CompleteAsync();
            CheckFailed(result, built, $"seed {seed}, case {i}");
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Well_formed_frames_with_damaged_contents_end_with_a_reason(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 150; i++)
        {
            await using var edge = new PipeEdge();
            var built = new List<StubGuest>();
            Task<DestinationResult> receiving = new MigrationDestination(offer => Keep(built, offer), Impatient).ReceiveAsync(edge);
            var source = new RawSource(edge);
            DuplexEnd pages = await source.BeginAsync();
            try
            {
                for (int frames = random.Next(1, 6); frames > 0; frames--)
                {
                    await SendStrangeAsync(source, random);
                }

                byte[] junk = new byte[random.Next(200)];
                random.NextBytes(junk);
                await pages.Output.WriteAsync(junk);
            }
            catch (MigrationException)
            {
                // It has hung up already.
            }

            await source.LeaveAsync();
            await pages.Output.CompleteAsync();
            CheckFailed(await receiving.WaitAsync(NeverThatLong), built, $"seed {seed}, case {i}");
            await pages.Input.CompleteAsync();
        }
    }

    [Fact]
    public async Task A_source_that_prepares_and_dies_before_the_streams_joined_does_not_hang_the_destination()
    {
        await using var edge = new PipeEdge();
        var built = new List<StubGuest>();
        Task<DestinationResult> receiving = new MigrationDestination(offer => Keep(built, offer), Impatient).ReceiveAsync(edge);
        var source = new RawSource(edge);
        WelcomeMessage welcome = await source.SayHelloAsync();
        await source.Channel.SendAsync(ControlKind.Prepare, source.Prepare(false), static (m, w) => m.Write(w));
        DuplexEnd pages = edge.OpenRaw();
        await pages.Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Pages, 0, welcome.StreamToken).Encode());
        await source.LeaveAsync();
        DestinationResult result = await receiving.WaitAsync(NeverThatLong);
        CheckFailed(result, built, "early prepare");
    }

    [Fact]
    public async Task A_rehearsal_cannot_claim_a_guest_that_the_source_merely_names()
    {
        var store = new TestOwnershipStore();
        var other = Guid.NewGuid();
        GuestOwnership owner = await GuestOwnership.ClaimAsync(store, other);
        await using var edge = new PipeEdge();
        var built = new List<StubGuest>();
        Task<DestinationResult> receiving = new MigrationDestination(
            offer => Keep(built, offer), Impatient with { OwnershipStore = store, ClaimTimeout = TimeSpan.FromMilliseconds(1) }).ReceiveAsync(edge);
        var plain = new RawSource(edge);
        await plain.LeaveAsync();
        var source = new RawSource(edge) { Hello = plain.Hello with { HasStore = true, ResumeTimeout = TimeSpan.Zero } };
        await store.CreateAsync(new OwnershipRecord(source.Hello.GuestId, 1, source.Hello.SourceRun, default), default);
        await store.WriteNonceAsync(source.Hello.GuestId, source.Hello.Attempt, "source", source.Hello.StoreNonce, default);
        DuplexEnd pages = await source.BeginAsync();
        await RehearseAsync(source, pages, other);
        await source.LeaveAsync();
        DestinationResult result = await receiving.WaitAsync(NeverThatLong);

        // Whether it first looks into the record again or first sees that the source has left is a matter of a millisecond.
        CheckFailed(result, built, "rehearsal", MigrationErrorKind.OwnershipFailed);
        Assert.Equal([owner.Run], store.RecordsOf(other).Select(r => r.Holder));
        Assert.Equal(2, store.Guests);
    }

    [Fact]
    public async Task Device_state_that_comes_while_a_guest_loads_another_does_not_change_that()
    {
        await using var edge = new PipeEdge();
        var built = new List<StubGuest>();
        var loading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var sentMore = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        byte[] loaded = [];
        Task<DestinationResult> receiving = new MigrationDestination(
            offer =>
            {
                StubGuest guest = Keep(built, offer);
                guest.Loading = async state =>
                {
                    loading.SetResult();
                    await sentMore.Task.WaitAsync(NeverThatLong);
                    loaded = state.Sections[0].Payload.ToArray();
                };
                return guest;
            },
            Impatient).ReceiveAsync(edge);
        var source = new RawSource(edge);
        DuplexEnd pages = await source.BeginAsync();
        await SendRoundAsync(pages, allPages: true);
        byte[] payload = [1, 2, 3, 4];
        byte[] state = EncodedState(payload);
        await source.Channel.SendAsync(ControlKind.DeviceState, state, static (m, w) => DeviceStateMessage.Write(w, 0, m));
        await source.Channel.SendAsync(
            ControlKind.Prepare,
            source.Prepare(false) with
            {
                LayoutDigest = Memory.LayoutDigest.Of(RawSource.Layout),
                StateBytes = state.Length,
                StateDigest = System.IO.Hashing.XxHash3.HashToUInt64(state),
                Totals = [new Streaming.StreamRoundTotals(0, 0, 0, 32, 0)],
            },
            static (m, w) => m.Write(w));
        await loading.Task.WaitAsync(NeverThatLong);
        await source.Channel.SendAsync(ControlKind.DeviceState, EncodedState([9, 9, 9, 9]), static (m, w) => DeviceStateMessage.Write(w, 0, m));

        // What is answered later was read later.
        await source.Channel.SendAsync(ControlKind.Ping, new PingMessage(3), static (m, w) => m.Write(w));
        while ((await source.Channel.ReceiveAsync()).Kind != ControlKind.Pong)
        {
        }

        sentMore.SetResult();
        await source.LeaveAsync();
        await receiving.WaitAsync(NeverThatLong);
        Assert.Equal(payload, loaded);
    }

    [Fact]
    public async Task Garbage_as_first_bytes_is_a_protocol_violation()
    {
        await using var edge = new SocketEdge();
        Task<DestinationResult> receiving = new MigrationDestination(offer => new StubGuest(offer), Impatient).ReceiveAsync(edge);
        using var client = new TcpClient();
        await client.ConnectAsync(edge.EndPoint);
        await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: somewhere.example\r\n\r\n"u8.ToArray());
        DestinationResult result = await receiving.WaitAsync(NeverThatLong);
        Assert.Equal(MigrationErrorKind.ProtocolViolation, result.Report.Failure!.Kind);
    }

    [Fact]
    public async Task Strangers_do_not_disturb_a_migration()
    {
        await using var edge = new PipeEdge();
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        await edge.OpenRaw().Output.CompleteAsync();
        await Disturb(edge, new ConnectionPreamble(ConnectionPurpose.Pages, 0, Guid.NewGuid()).Encode());
        using GuestAtHost host = await GuestAtHost.StartAsync();
        int round = 0;
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions
        {
            Verify = true,
            Policy = new ScriptedPolicy(_ =>
            {
                Disturb(edge, new ConnectionPreamble(ConnectionPurpose.Pages, 0, Guid.NewGuid()).Encode()).GetAwaiter().GetResult();
                Disturb(edge, new byte[64]).GetAwaiter().GetResult();
                return new Planning.MigrationDecision(round++ < 3 ? Planning.DecisionKind.NextRound : Planning.DecisionKind.SwitchOver, "on");
            }),
        });
        Assert.Null(report.Failure);
        Assert.True(report.Memory!.Identical);
        using var moved = (VerifiableGuest)(await receiving).Guest!;
        await GuestAtHost.AssertRunsAndIsConsistentAsync(moved);
    }

    [Fact]
    public async Task A_listener_that_is_closed_ends_the_wait()
    {
        var edge = new SocketEdge();
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(edge);
        edge.StopListening();
        DestinationResult result = await receiving.WaitAsync(NeverThatLong);
        Assert.Equal(MigrationErrorKind.ConnectionLost, result.Report.Failure!.Kind);
    }

    private static async Task RehearseAsync(RawSource source, DuplexEnd pages, Guid named)
    {
        // One round without pages, and a state whose digest is right: the destination gets as far as it can.
        await SendRoundAsync(pages, allPages: false);
        byte[] state = EncodedState(named.ToByteArray());
        using var onePage = Memory.GuestMemory.Allocate(4096);
        await source.Channel.SendAsync(ControlKind.DeviceState, state, static (m, w) => DeviceStateMessage.Write(w, 0, m));
        await source.Channel.SendAsync(
            ControlKind.Prepare,
            source.Prepare(true) with
            {
                GuestId = named,
                LayoutDigest = Memory.LayoutDigest.Of(onePage.Layout),
                StateBytes = state.Length,
                StateDigest = System.IO.Hashing.XxHash3.HashToUInt64(state),
                Totals = [new Streaming.StreamRoundTotals(0, 0, 0, 0, 0)],
            },
            static (m, w) => m.Write(w));
        while ((await source.Channel.ReceiveAsync()).Kind != ControlKind.Prepared)
        {
        }
    }

    private static byte[] EncodedState(byte[] payload)
    {
        var writer = new Devices.DeviceStateWriter();
        writer.Add("rehearsal", 0, 1, payload);
        return Devices.DeviceStateCodec.Encode(writer.ToDeviceState());
    }

    // Round 0, with every page or with none.
    private static async Task SendRoundAsync(DuplexEnd pages, bool allPages)
    {
        using var memory = new Memory.GuestMemory(RawSource.Layout.Regions.Select(r => Memory.GuestMemoryRegion.Anonymous(r.BaseAddress, r.PageCount * 4096)));
        using var pending = new Bitmaps.DirtyBitmap(memory.PageCount);
        if (allPages)
        {
            pending.SetAll();
        }

        using var reader = new Streaming.PageBatchReader(memory, 0);
        reader.BeginRound(new Streaming.PageRound(0, memory, pending, null));
        bool more = true;
        while (more)
        {
            reader.TryRead(out System.IO.Pipelines.ReadResult read);
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                await pages.Output.WriteAsync(segment.ToArray());
            }

            reader.AdvanceTo(read.Buffer.End);
            more = !read.IsCompleted;
        }
    }

    private static async Task Disturb(PipeEdge edge, byte[] bytes)
    {
        DuplexEnd raw = edge.OpenRaw();
        await raw.Output.WriteAsync(bytes);
        await raw.Output.CompleteAsync();
    }

    private static StubGuest Keep(List<StubGuest> built, GuestOffer offer)
    {
        var guest = new StubGuest(offer);
        built.Add(guest);
        return guest;
    }

    private static void CheckFailed(DestinationResult result, List<StubGuest> built, string which, MigrationErrorKind alsoAllowed = MigrationErrorKind.ConnectionLost)
    {
        MigrationErrorKind kind = result.Report.Failure?.Kind ?? MigrationErrorKind.None;
        Assert.True(kind == alsoAllowed || Allowed.Contains(kind), $"{which}: {result.Report.Failure}");
        Assert.Null(result.Guest);
        Assert.Null(result.Ownership);
        Assert.All(built, g => Assert.True(g.IsDisposed, which));
    }

    private static ValueTask SendStrangeAsync(RawSource source, Random random)
    {
        byte[] payload = new byte[random.Next(40)];
        random.NextBytes(payload);
        ControlKind[] raw = [ControlKind.Hello, ControlKind.Welcome, ControlKind.Ready, ControlKind.RoundApplied, ControlKind.DeviceState,
            ControlKind.Prepared, ControlKind.Running, ControlKind.Hashes, ControlKind.Goodbye, ControlKind.HandedBack, ControlKind.Prepare, ControlKind.Ping];
        return random.Next(6) switch
        {
            0 => source.Channel.SendAsync(ControlKind.Prepare, source.Prepare(random.Next(2) == 0), static (m, w) => m.Write(w)),
            1 => source.Channel.SendAsync(ControlKind.Commit, new CommitMessage(source.Hello.Attempt, 2), static (m, w) => m.Write(w)),
            2 => source.Channel.SendAsync(ControlKind.PauseNotice),
            3 => source.Channel.SendAsync(ControlKind.HashesRequest),
            _ => source.Channel.SendAsync(raw[random.Next(raw.Length)], payload, static (m, w) => w.Raw(m)),
        };
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        byte[] bytes = [.. valid];
        int at = random.Next(bytes.Length);
        switch (random.Next(6))
        {
            case 0:
                return bytes[..at];
            case 1:
                return [.. bytes[..at], .. bytes[random.Next(bytes.Length)..]];
            case 2:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 3:
                random.NextBytes(bytes.AsSpan(at, Math.Min(8, bytes.Length - at)));
                return bytes;
            case 4:
                // A length field that is far too large, at a place where one may be.
                bytes.AsSpan(at, Math.Min(4, bytes.Length - at)).Fill(0xff);
                return bytes;
            default:
                return [.. bytes, .. bytes[at..]];
        }
    }
}
