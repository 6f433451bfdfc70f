using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Tests.Streaming;
using PageEngine.Transport.Control;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: mutated frames into everything that takes a peer's bytes apart, without a session around it. One thread.

/// <summary>Feeds conversations of a few frames each until one is refused, and checks how.</summary>
internal sealed unsafe class DecoderFuzz(Conversation valid, int seed) : IDisposable
{
    /// <summary>The most managed bytes that one conversation may cost: the longest frame twice, its text and an exception.</summary>
    internal const long MaxManagedBytes = 1 << 20;

    private const int FramesEach = 6;
    private readonly Random _random = new(seed);
    private readonly GuestMemory _before = Canary();
    private readonly GuestMemory _memory = TestMemory.Of(16, 16);
    private readonly GuestMemory _after = Canary();

    /// <summary>Gets the mutated frames that were delivered.</summary>
    internal long Delivered { get; private set; }

    /// <summary>Gets how many conversations were refused.</summary>
    internal long Refused { get; private set; }

    internal long MostManagedBytes { get; private set; }

    /// <summary>Runs until so many frames were delivered. A failure names the conversation's seed.</summary>
    internal void Run(long frames, Action<long>? progress = null)
    {
        for (long next = 0; Delivered < frames;)
        {
            int conversation = _random.Next();
            One(conversation);
            if (Delivered >= next)
            {
                CheckCanaries(conversation);
                progress?.Invoke(Delivered);
                next += 1_000_000;
            }
        }

        CheckCanaries(0);
    }

    /// <summary>Replays one conversation.</summary>
    internal void One(int conversation)
    {
        var random = new Random(conversation);
        var mutator = new FrameMutator(random);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            switch (random.Next(8))
            {
                case 0:
                    State(mutator);
                    break;
                case 1:
                    Preamble(mutator);
                    break;
                case 2 or 3 or 4:
                    Pages(random, mutator);
                    break;
                default:
                    Control(random, mutator);
                    break;
            }
        }
        catch (MigrationException e) when (e.Kind is MigrationErrorKind.ProtocolViolation or MigrationErrorKind.VersionMismatch
            or MigrationErrorKind.DataDamaged or MigrationErrorKind.ConnectionLost)
        {
            Refused++;
        }
        catch (Exception e)
        {
            Assert.Fail($"conversation {conversation} of seed {seed} ended with {e}");
        }

        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        MostManagedBytes = Math.Max(MostManagedBytes, allocated);
        Assert.True(allocated <= MaxManagedBytes, $"conversation {conversation} of seed {seed} allocated {allocated} bytes");
    }

    public void Dispose()
    {
        _before.Dispose();
        _memory.Dispose();
        _after.Dispose();
    }

    private static GuestMemory Canary()
    {
        GuestMemory memory = TestMemory.Of(4);
        TestMemory.Fill(memory, 99);
        return memory;
    }

    private void CheckCanaries(int conversation)
    {
        using GuestMemory expected = Canary();
        for (long page = 0; page < expected.PageCount; page++)
        {
            Assert.True(
                TestMemory.PageEquals(expected, _before, page) && TestMemory.PageEquals(expected, _after, page),
                $"memory outside the layout was written, at conversation {conversation} of seed {seed} or before");
        }
    }

    private void State(FrameMutator mutator)
    {
        Delivered++;
        _ = DeviceStateCodec.Decode(mutator.Mutate(FrameFormat.Preamble, valid.State, 0));
    }

    private void Preamble(FrameMutator mutator)
    {
        Delivered++;
        _ = ConnectionPreamble.Decode(mutator.Mutate(FrameFormat.Preamble, valid.Preamble, 0));
    }

    private void Control(Random random, FrameMutator mutator)
    {
        byte[][] frames = new byte[1 + random.Next(FramesEach)][];
        for (int i = 0; i < frames.Length; i++)
        {
            byte[][] from = random.Next(2) == 0 ? valid.FromSource : valid.FromDestination;
            frames[i] = mutator.Mutate(FrameFormat.Control, from[random.Next(from.Length)], (uint)i + 1);
        }

        byte[] all = [.. frames.SelectMany(static f => f)];
        Delivered += frames.Length;
        var channel = new ControlChannel(new DuplexEnd(PipeReader.Create(new ReadOnlySequence<byte>(all)), PipeWriter.Create(Stream.Null)));
        while (true)
        {
            Task<ControlFrame> receiving = channel.ReceiveAsync().AsTask();
            Assert.True(receiving.IsCompleted, "the channel waits for bytes after the end");
            ReadBody(receiving.GetAwaiter().GetResult());
        }
    }

    private void ReadBody(ControlFrame frame)
    {
        ReadOnlySpan<byte> payload = frame.Payload.Span;
        switch (frame.Kind)
        {
            case ControlKind.Hello:
                Assert.True(HelloMessage.Read(payload).Layout.Regions.Count <= MemoryLayout.MaxRegions);
                break;
            case ControlKind.Welcome:
                _ = WelcomeMessage.Read(payload);
                break;
            case ControlKind.Failure:
                _ = FailureMessage.Read(payload);
                break;
            case ControlKind.RoundApplied:
                _ = RoundAppliedMessage.Read(payload);
                break;
            case ControlKind.PauseNotice:
                _ = PauseNoticeMessage.Read(payload);
                break;
            case ControlKind.DeviceState:
                _ = DeviceStateMessage.Read(payload, out _);
                break;
            case ControlKind.Prepare:
                Assert.True(PrepareMessage.Read(payload).StateBytes <= DeviceStateCodec.MaxEncodedBytes);
                break;
            case ControlKind.Prepared:
                _ = PreparedMessage.Read(payload);
                break;
            case ControlKind.Commit:
                _ = CommitMessage.Read(payload);
                break;
            case ControlKind.Running:
                _ = RunningMessage.Read(payload);
                break;
            case ControlKind.HandedBack:
                _ = HandedBackMessage.Read(payload);
                break;
            case ControlKind.Ping or ControlKind.Pong:
                _ = PingMessage.Read(payload, frame.Kind);
                break;
            case ControlKind.Hashes:
                long first = HashesMessage.Read(payload, _memory.PageCount, out int count, out ReadOnlySpan<byte> hashes);
                Assert.True(first >= 0 && first + count <= _memory.PageCount);
                for (int i = 0; i < count; i++)
                {
                    _ = HashesMessage.At(hashes, i);
                }

                break;
            case ControlKind.Goodbye:
                _ = GoodbyeMessage.Read(payload);
                break;
        }
    }

    // Whatever the writer hands out lies in its own head, in its own buffer for coded pages, or in the guest's regions: that is checked
    // before a byte is copied.
    private void Pages(Random random, FrameMutator mutator)
    {
        using var applier = new PageApplier(_memory, keepHashes: true, new DirtyBitmap(_memory.PageCount));
        using var writer = new PageBatchWriter(applier, 0, static _ => { });
        fixed (byte* head = writer.GetSpan())
        {
            byte[][] batches = random.Next(2) == 0 ? valid.Batches : valid.CodedBatches;
            int start = random.Next(2) == 0 ? 0 : random.Next(batches.Length);
            for (int i = 0; i < FramesEach; i++)
            {
                byte[] batch = batches[(start + i) % batches.Length];
                bool leave = random.Next(3) == 0;
                if (!leave)
                {
                    batch = mutator.Mutate(FrameFormat.Batch, batch, 0);
                    Delivered++;
                }

                Feed(writer, batch, head);
            }
        }
    }

    private void Feed(PageBatchWriter writer, byte[] bytes, byte* head)
    {
        for (int at = 0; at < bytes.Length && !writer.HasEnded;)
        {
            Span<byte> room = writer.GetSpan();
            Assert.False(room.IsEmpty);
            fixed (byte* place = room)
            {
                Assert.True(IsOwn(place, room.Length, head) || writer.IsInCodedBuffer(place, room.Length), "bytes would have been written outside the guest's layout");
            }

            int now = Math.Min(room.Length, bytes.Length - at);
            bytes.AsSpan(at, now).CopyTo(room);
            writer.Advance(now);
            at += now;
        }
    }

    private bool IsOwn(byte* place, int bytes, byte* head)
    {
        if (place >= head && place + bytes <= head + PageBatchLimits.MaxHeadBytes)
        {
            return true;
        }

        foreach (GuestMemoryRegion region in _memory.Regions)
        {
            if (place >= region.Pointer && place + bytes <= region.Pointer + region.Bytes)
            {
                return true;
            }
        }

        return false;
    }
}
