using System.Buffers.Binary;
using PageEngine.Guests;
using PageEngine.Reporting;
using PageEngine.Transport.Control;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: the recorded source against the real destination, each time damaged in another way. One destination object takes
// them all, one after the other.

/// <summary>Plays the recording, with the token of the day.</summary>
internal sealed class ReplayFuzz(Conversation valid, int seed)
{
    private static readonly TimeSpan _never = TimeSpan.FromMinutes(2);

    // An answer that damage swallowed is not waited for; a good session's answer comes, however busy the machine is.
    private static readonly TimeSpan _welcomeToDamage = TimeSpan.FromMilliseconds(40);
    private readonly List<WatchedGuest> _built = [];
    private MigrationDestination? _destination;

    /// <summary>Gets the mutated, repeated, moved and inserted frames that were delivered.</summary>
    internal long Delivered { get; private set; }

    internal int Sessions { get; private set; }

    internal int Survived { get; private set; }

    internal async Task RunAsync(long frames)
    {
        var random = new Random(seed);
        while (Delivered < frames)
        {
            await OneAsync(random.Next());
            if (Sessions % 20 == 0)
            {
                await GoodOneAsync();
            }
        }

        await GoodOneAsync();
    }

    private async Task GoodOneAsync()
    {
        DestinationResult result = await PlayAsync([.. valid.FromSource], [.. valid.Batches], valid.Preamble, 1, isGood: true);
        Assert.True(result.Report.Outcome == MigrationOutcome.Completed, $"after {Sessions} hostile sessions of seed {seed} a good one fails: {result.Report.Failure}");
        Clean(result, "good");
    }

    internal async Task OneAsync(int session)
    {
        Sessions++;
        var random = new Random(session);
        var mutator = new FrameMutator(random);
        List<byte[]> control = [.. valid.FromSource];
        List<byte[]> batches = [.. valid.Batches];
        byte[] preamble = valid.Preamble;
        int from = random.Next(6) == 0 ? 0 : 1;
        for (int damage = 1 + random.Next(4); damage > 0; damage--)
        {
            if (random.Next(3) == 0)
            {
                Damage(random, mutator, FrameFormat.Batch, batches, 0);
            }
            else
            {
                Damage(random, mutator, FrameFormat.Control, control, from);
            }
        }

        if (random.Next(20) == 0)
        {
            preamble = mutator.Mutate(FrameFormat.Preamble, preamble, 0);
            Delivered++;
        }

        // In most sessions the order of what is sent is the sender's own, so that the damage itself is met and not its place.
        if (random.Next(4) != 0)
        {
            Renumber(control);
        }

        DestinationResult result = await PlayAsync(control, batches, preamble, random.Next(3));
        string which = $"session {session} of seed {seed}";
        Assert.False(
            result.Report.Failure is { Kind: MigrationErrorKind.Internal } failure && !failure.ReportedByPeer,
            $"{which}: {result.Report.Failure}");
        Clean(result, which);
    }

    private void Damage(Random random, FrameMutator mutator, FrameFormat format, List<byte[]> frames, int from)
    {
        int at = Math.Min(from + random.Next(frames.Count), frames.Count - 1);
        Delivered++;
        switch (random.Next(6))
        {
            case 0:
                frames.Insert(at, frames[random.Next(frames.Count)]);
                break;
            case 1 when at > from:
                (frames[at], frames[at - 1]) = (frames[at - 1], frames[at]);
                break;
            case 2 when format == FrameFormat.Control:
                frames.Insert(at, valid.FromDestination[random.Next(valid.FromDestination.Length)]);
                break;
            default:
                frames[at] = mutator.Mutate(format, frames[at], (uint)at + 1);
                break;
        }
    }

    // Only the numbers and the seal over them: a length that lies goes on lying.
    private static void Renumber(List<byte[]> frames)
    {
        for (int i = 0; i < frames.Count; i++)
        {
            byte[] frame = frames[i];
            if (frame.Length >= ControlFrameCodec.HeaderBytes && BinaryPrimitives.ReadUInt32LittleEndian(frame.AsSpan(8)) == frame.Length - ControlFrameCodec.HeaderBytes)
            {
                frame = [.. frame];
                Frames.Reseal(FrameFormat.Control, frame, (uint)i + 1);
                frames[i] = frame;
            }
        }
    }

    private async Task<DestinationResult> PlayAsync(List<byte[]> control, List<byte[]> batches, byte[] preamble, int pagesFirst, bool isGood = false)
    {
        // Only the edge changes: the object that receives is the same for good and bad.
        _destination ??= new MigrationDestination(Build, new MigrationDestinationOptions
        {
            MaxMemoryBytes = 1 << 20,
            MaxStreams = 2,
            StartTimeout = TimeSpan.FromSeconds(20),
            ClaimTimeout = TimeSpan.FromSeconds(1),
        });
        await using var edge = new PipeEdge();
        using var stop = new CancellationTokenSource();
        Task<DestinationResult> receiving = _destination.ReceiveAsync(edge, stop.Token);
        DuplexEnd raw = edge.OpenRaw();
        await raw.Output.WriteAsync(preamble);
        await raw.Output.WriteAsync(control[0]);
        DuplexEnd? pages = null;
        using var patience = new CancellationTokenSource(isGood ? _never : _welcomeToDamage);
        var channel = new ControlChannel(raw);
        try
        {
            ControlFrame answer = await channel.ReceiveAsync(patience.Token);
            if (answer.Kind == ControlKind.Welcome)
            {
                WelcomeMessage welcome = WelcomeMessage.Read(answer.Payload.Span);
                pages = edge.OpenRaw();
                await pages.Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Pages, 0, welcome.StreamToken).Encode());
                for (int stream = 1; stream < welcome.Streams; stream++)
                {
                    await edge.OpenRaw().Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Pages, stream, welcome.StreamToken).Encode());
                }

                // Until it is ready: device state and prepare may not come before.
                _ = await channel.ReceiveAsync(receiving.IsCompleted ? new CancellationToken(true) : CancellationToken.None);
            }
        }
        catch (Exception e) when (e is MigrationException or OperationCanceledException)
        {
            // It has hung up, or waits for the rest of a frame: what follows is said all the same.
        }

        try
        {
            await SendAsync(raw, channel, pages, control, batches, pagesFirst, isGood);
        }
        catch (MigrationException)
        {
            // It has hung up.
        }

        if (pagesFirst == 2)
        {
            // One that goes on listening: a destination that got through says so and waits for its end.
            await Task.WhenAny(receiving, Task.Delay(5));
        }

        await raw.Output.CompleteAsync();
        await (pages?.Output.CompleteAsync() ?? ValueTask.CompletedTask);
        if (await Task.WhenAny(receiving, Task.Delay(TimeSpan.FromSeconds(3))) != receiving)
        {
            // Nobody came who could be understood; or a prepared destination waits as long as it was told.
            await stop.CancelAsync();
        }

        DestinationResult result = await receiving.WaitAsync(_never);
        await raw.Input.CompleteAsync();
        await (pages?.Input.CompleteAsync() ?? ValueTask.CompletedTask);
        Survived += result.Report.Outcome == MigrationOutcome.Completed ? 1 : 0;
        return result;
    }

    private static async Task SendAsync(DuplexEnd raw, ControlChannel channel, DuplexEnd? pages, List<byte[]> control, List<byte[]> batches, int pagesFirst, bool isGood)
    {
        int batch = 0;
        for (int i = 1; i < control.Count; i++)
        {
            // A prepare request comes after the rounds that it counts: its last round is at byte 67 of its payload.
            const int LastRound = ControlFrameCodec.HeaderBytes + 67;
            if (pages is not null && pagesFirst != 0 && control[i].Length >= LastRound + 4 && control[i][4] == (byte)ControlKind.Prepare)
            {
                uint last = BinaryPrimitives.ReadUInt32LittleEndian(control[i].AsSpan(LastRound));
                for (; batch < batches.Count && (batches[batch].Length < 12 || BinaryPrimitives.ReadUInt32LittleEndian(batches[batch].AsSpan(8)) <= last); batch++)
                {
                    await pages.Output.WriteAsync(batches[batch]);
                }
            }

            await raw.Output.WriteAsync(control[i]);
            if (pages is not null && pagesFirst != 0 && control[i].Length > 4 && control[i][4] == (byte)ControlKind.Prepare)
            {
                // The next rehearsal's state may come only after this one's answer.
                using var patience = new CancellationTokenSource(isGood ? _never : TimeSpan.FromMilliseconds(pagesFirst == 1 ? 2000 : 100));
                try
                {
                    while ((await channel.ReceiveAsync(patience.Token)).Kind != ControlKind.Prepared)
                    {
                    }
                }
                catch (OperationCanceledException)
                {
                    // The damage swallowed the answer.
                }
            }
        }

        for (; batch < batches.Count && pages is not null; batch++)
        {
            await pages.Output.WriteAsync(batches[batch]);
        }
    }

    private WatchedGuest Build(GuestOffer offer)
    {
        var guest = new WatchedGuest(offer.GuestId, offer.Layout, offer.Description, new RunWatch());
        _built.Add(guest);
        return guest;
    }

    private void Clean(DestinationResult result, string which)
    {
        foreach (WatchedGuest guest in _built)
        {
            Assert.True(guest.IsDisposed || ReferenceEquals(guest, result.Guest), $"{which}: a shadow stays behind");
            guest.Dispose();
        }

        _built.Clear();
    }
}
