using System.Security.Cryptography;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Transport.Tests.Control;

public class MessageTests
{
    private static readonly HelloMessage Hello = new()
    {
        OldestVersion = 1,
        NewestVersion = 1,
        MigrationId = 1451061663105920,
        Attempt = AttemptId.NewRandom(),
        GuestId = Guid.NewGuid(),
        Epoch = 3,
        SourceRun = RunId.NewRandom(),
        Streams = 4,
        Verify = true,
        HasStore = true,
        StoreNonce = Guid.NewGuid(),
        ResumeTimeout = TimeSpan.FromSeconds(120),
        Description = new GuestDescription("embedded", new byte[] { 1, 2, 3 }),
        Layout = new MemoryLayout([new(new GuestAddress(0), 160), new(new GuestAddress(0x100000), 1000)]),
    };

    [Fact]
    public void Hello_round_trips()
    {
        HelloMessage read = HelloMessage.Read(Bytes(Hello.Write));
        Assert.Equal(Hello.Layout, read.Layout);
        Assert.True(Hello.Description.Configuration.Span.SequenceEqual(read.Description.Configuration.Span));
        Assert.Equal(Hello with { Layout = read.Layout, Description = read.Description }, read);
    }

    [Fact]
    public void Every_truncation_of_every_message_is_refused()
    {
        CheckTruncations(Bytes(Hello.Write), b => HelloMessage.Read(b));
        CheckTruncations(Bytes(Welcome.Write), b => WelcomeMessage.Read(b));
        CheckTruncations(Bytes(Prepare.Write), b => PrepareMessage.Read(b));
        CheckTruncations(Bytes(Prepared.Write), b => PreparedMessage.Read(b));
        CheckTruncations(Bytes(Running.Write), b => RunningMessage.Read(b));
        CheckTruncations(Bytes(Failure.Write), b => FailureMessage.Read(b));
        CheckTruncations(Bytes(Goodbye.Write), b => GoodbyeMessage.Read(b));
        CheckTruncations(Bytes(new RoundAppliedMessage(new StreamRoundTotals(1, 2, 3, 4, 5)).Write), b => RoundAppliedMessage.Read(b));
    }

    private static readonly WelcomeMessage Welcome = new()
    {
        Version = 1,
        DestinationRun = RunId.NewRandom(),
        StreamToken = Guid.NewGuid(),
        Streams = 2,
        StoreNonce = Guid.NewGuid(),
        DataEndPoint = "10.0.0.2:4444",
        Process = 4321,
        PageSecret = RandomNumberGenerator.GetBytes(32),
    };

    private static readonly PrepareMessage Prepare = new()
    {
        Rehearsal = false,
        Attempt = AttemptId.NewRandom(),
        GuestId = Guid.NewGuid(),
        Epoch = 7,
        LayoutDigest = 99,
        StateBytes = 1234,
        StateDigest = 77,
        Totals = [new(5, 0, 10, 20, 0), new(5, 1, 30, 40, 0)],
    };

    private static readonly PreparedMessage Prepared =
        new(AttemptId.NewRandom(), 7, TimeSpan.FromMicroseconds(10), TimeSpan.FromMicroseconds(20), TimeSpan.FromMicroseconds(30));

    private static readonly RunningMessage Running = new(AttemptId.NewRandom(), 8, TimeSpan.FromMicroseconds(1), TimeSpan.FromMicroseconds(2));
    private static readonly FailureMessage Failure = new(MigrationErrorKind.Refused, MigrationPhase.Handshake, DetectedBy.Supervisor, "No room.") { Causes = ["IOException: No space left on device", "another"] };
    private static readonly GoodbyeMessage Goodbye = new(TimeSpan.FromSeconds(1.5), new MemoryVerification(100, 1, 42));

    [Fact]
    public void Messages_round_trip()
    {
        WelcomeMessage welcome = WelcomeMessage.Read(Bytes(Welcome.Write));
        Assert.Equal(Welcome.PageSecret.ToArray(), welcome.PageSecret.ToArray());
        Assert.Equal(Welcome, welcome with { PageSecret = Welcome.PageSecret });
        Assert.Equal(Welcome with { PageSecret = default }, WelcomeMessage.Read(Bytes((Welcome with { PageSecret = default }).Write)) with { PageSecret = default });
        Assert.Throws<MigrationException>(() => WelcomeMessage.Read(Bytes((Welcome with { PageSecret = new byte[31] }).Write)));
        PrepareMessage prepare = PrepareMessage.Read(Bytes(Prepare.Write));
        Assert.Equal(Prepare.Totals, prepare.Totals);
        Assert.Equal(Prepare with { Totals = prepare.Totals }, prepare);
        Assert.Equal(Prepared, PreparedMessage.Read(Bytes(Prepared.Write)));
        Assert.Equal(Running, RunningMessage.Read(Bytes(Running.Write)));
        FailureMessage failure = FailureMessage.Read(Bytes(Failure.Write));
        Assert.Equal(Failure.Causes, failure.Causes);
        Assert.Equal(Failure, failure with { Causes = Failure.Causes });
        Assert.Equal(Goodbye, GoodbyeMessage.Read(Bytes(Goodbye.Write)));
        Assert.Equal(new GoodbyeMessage(TimeSpan.Zero, null), GoodbyeMessage.Read(Bytes(new GoodbyeMessage(TimeSpan.Zero, null).Write)));
    }

    [Fact]
    public void A_layout_that_overlaps_is_refused()
    {
        byte[] bytes = Bytes(Hello.Write);
        // The second region's base address is 16 bytes before the end.
        BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 16), 4096UL);
        MigrationException e = Assert.Throws<MigrationException>(() => HelloMessage.Read(bytes));
        Assert.Equal(MigrationErrorKind.ProtocolViolation, e.Kind);
    }

    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 9, 1)]
    public void Versions_meet_at_the_highest_common_one(ushort oldest, ushort newest, ushort chosen) =>
        Assert.Equal(chosen, ProtocolVersion.Negotiate(oldest, newest));

    [Theory]
    [InlineData(2, 9)]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(5, 1)]
    public void Versions_without_a_common_one_are_refused(ushort oldest, ushort newest) =>
        Assert.Equal(MigrationErrorKind.VersionMismatch, Assert.Throws<MigrationException>(() => ProtocolVersion.Negotiate(oldest, newest)).Kind);

    [Fact]
    public void A_failures_text_cannot_forge_log_lines()
    {
        FailureMessage forged = Failure with { Text = "a\nb\u001b[31m" };
        Assert.Equal("a b [31m", FailureMessage.Read(Bytes(forged.Write)).Text);
    }

    [Fact]
    public void A_preamble_round_trips_and_every_changed_byte_is_refused()
    {
        var preamble = new ConnectionPreamble(ConnectionPurpose.Pages, 3, Guid.NewGuid());
        byte[] bytes = preamble.Encode();
        Assert.Equal(preamble, ConnectionPreamble.Decode(bytes));
        for (int i = 0; i < bytes.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                bytes[i] ^= (byte)(1 << bit);
                Assert.Throws<MigrationException>(() => ConnectionPreamble.Decode(bytes));
                bytes[i] ^= (byte)(1 << bit);
            }
        }
    }

    private static byte[] Bytes(Action<PayloadWriter> write)
    {
        var writer = new PayloadWriter();
        write(writer);
        return writer.Written.ToArray();
    }

    private static void CheckTruncations(byte[] bytes, Action<byte[]> read)
    {
        for (int length = 0; length < bytes.Length; length++)
        {
            byte[] cut = bytes[..length];
            Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => read(cut)).Kind);
        }

        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(() => read([.. bytes, 0])).Kind);
    }
}
