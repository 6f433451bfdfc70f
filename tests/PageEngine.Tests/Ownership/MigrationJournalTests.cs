using FsCheck;
using FsCheck.Xunit;
using Microsoft.Extensions.Time.Testing;
using PageEngine.Ownership;
using PageEngine.Switchover;
using Xunit;

namespace PageEngine.Tests.Ownership;

// Owns: that a restarted process learns from the journal what the old one had done, and acts only once that is dead.

public sealed class MigrationJournalTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero));

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Journal_writtenAndReadByALaterProcess_saysTheSame()
    {
        JournalHeader header = Header(JournalSide.Destination);
        string path;
        using (MigrationJournal journal = MigrationJournal.Create(_directory.At("new/journals"), header, _time))
        {
            path = journal.Path;
            journal.Append(JournalEntryKind.Prepared, 7);
            _time.Advance(TimeSpan.FromSeconds(1));
            journal.Append(JournalEntryKind.Resuming, 8, durable: false);
            journal.Append(JournalEntryKind.Prepared, 7);
        }

        JournalState state = MigrationJournal.Read(path);
        Assert.Equal(header, state.Header);
        Assert.Equal(
            [
                new JournalEntry(JournalEntryKind.Prepared, 7, new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero)),
                new JournalEntry(JournalEntryKind.Resuming, 8, new DateTimeOffset(2030, 1, 2, 3, 4, 6, TimeSpan.Zero)),
            ],
            state.Entries);
        Assert.False(state.TornTail);
        Assert.Equal(OwnershipMark.Resuming, state.KnownMark);
        Assert.Equal([path], MigrationJournal.List(_directory.At("new/journals")));
        Assert.Empty(MigrationJournal.List(_directory.At("missing")));
    }

    [Fact]
    public void Journal_ofALivingProcess_cannotBeAdopted_andOfADeadOneOnce()
    {
        MigrationJournal living = MigrationJournal.Create(_directory.Path, Header(JournalSide.Source), _time);
        Assert.Null(MigrationJournal.TryAdopt(living.Path, _time));
        living.Append(JournalEntryKind.MayBePrepared, 7);
        living.Dispose();

        using MigrationJournal? adopted = MigrationJournal.TryAdopt(living.Path, _time);
        Assert.True(adopted!.State.Has(JournalEntryKind.MayBePrepared));
        Assert.Null(MigrationJournal.TryAdopt(living.Path, _time));
        adopted.Append(JournalEntryKind.OperatorResumed, 8);
        Assert.Equal(2, MigrationJournal.Read(adopted.Path).Entries.Count);
        adopted.Retire();
        Assert.Null(MigrationJournal.TryAdopt(living.Path, _time));
        Assert.Empty(_directory.Files);
    }

    [Fact]
    public void Journal_ofTheSameAttempt_cannotBeStartedTwice()
    {
        JournalHeader header = Header(JournalSide.Source);
        using MigrationJournal journal = MigrationJournal.Create(_directory.Path, header, _time);
        MigrationException e = Assert.Throws<MigrationException>(() => MigrationJournal.Create(_directory.Path, header, _time));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Contains(journal.Path, e.Message, StringComparison.Ordinal);
        using MigrationJournal otherSide = MigrationJournal.Create(_directory.Path, header with { Side = JournalSide.Destination }, _time);
    }

    [Fact]
    public void Entry_cutShort_isNotBelieved_butTheWorstIsAssumed()
    {
        JournalHeader header = Header(JournalSide.Source);
        string path = Write(header, JournalEntryKind.MayBePrepared);
        byte[] whole = File.ReadAllBytes(path);
        for (int kept = 1; kept < JournalCodec.EntryBytes; kept++)
        {
            byte[] torn = [.. whole];
            torn.AsSpan(JournalCodec.HeaderBytes + kept, JournalCodec.EntryBytes - kept).Clear();
            File.WriteAllBytes(path, torn);
            JournalState state = MigrationJournal.Read(path);
            Assert.Empty(state.Entries);
            Assert.True(state.TornTail);
            Assert.Equal(SourceEvent.RestartedEmpty, state.RestartSource(guestIsHere: false));
            Assert.Equal(DestinationEvent.RestartedEmpty, state.RestartDestination(guestIsHere: false));
        }

        // The next process writes over it.
        using MigrationJournal? adopted = MigrationJournal.TryAdopt(path, _time);
        adopted!.Append(JournalEntryKind.Settled, 8);
        JournalState after = MigrationJournal.Read(path);
        Assert.True(after.IsSettled);
        Assert.False(after.TornTail);
    }

    [Fact]
    public void AnyChangedByte_isDamageOrATornTail_neverAnotherStory()
    {
        JournalHeader header = Header(JournalSide.Destination);
        string path = Write(header, JournalEntryKind.Prepared, JournalEntryKind.HandingBack);
        byte[] bytes = File.ReadAllBytes(path);
        int used = JournalCodec.HeaderBytes + (2 * JournalCodec.EntryBytes);
        for (int at = 0; at < used; at++)
        {
            foreach (byte change in (byte[])[1, 0x80, 0xFF])
            {
                bytes[at] ^= change;
                string? wrong = JournalCodec.TryRead(bytes, out JournalState? state, out _);
                Assert.True(
                    wrong is not null || (state is { TornTail: true, Entries.Count: 1 } && at >= used - JournalCodec.EntryBytes),
                    $"byte {at}");
                bytes[at] ^= change;
            }
        }

        bytes[^1] = 1;
        Assert.NotNull(JournalCodec.TryRead(bytes, out _, out _));
        Assert.NotNull(JournalCodec.TryRead(bytes.AsSpan(0, bytes.Length - 1), out _, out _));
    }

    [Fact]
    public void DamagedJournal_isAnErrorThatNamesTheFile_andLeavesItUnlocked()
    {
        string path = Write(Header(JournalSide.Source), JournalEntryKind.MayBePrepared);
        byte[] bytes = File.ReadAllBytes(path);
        bytes[40] ^= 1;
        File.WriteAllBytes(path, bytes);
        for (int i = 0; i < 2; i++)
        {
            MigrationException e = Assert.Throws<MigrationException>(() => MigrationJournal.TryAdopt(path, _time));
            Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
            Assert.Contains(path, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Entry_ofAnotherJournal_isNotTakenForOneOfThis()
    {
        string one = Write(Header(JournalSide.Source), JournalEntryKind.MayBePrepared, JournalEntryKind.Settled);
        string other = Write(Header(JournalSide.Source), JournalEntryKind.MayBePrepared);
        byte[] from = File.ReadAllBytes(one);
        byte[] into = File.ReadAllBytes(other);
        int second = JournalCodec.HeaderBytes + JournalCodec.EntryBytes;
        from.AsSpan(second, JournalCodec.EntryBytes).CopyTo(into.AsSpan(second));
        Assert.Null(JournalCodec.TryRead(into, out JournalState? state, out _));
        Assert.False(state!.IsSettled);
        Assert.True(state.TornTail);
    }

    [Theory]
    [InlineData(false, SourceEvent.RestartedUnprepared, SourceEvent.RestartedUnpreparedEmpty)]
    [InlineData(true, SourceEvent.RestartedWithGuest, SourceEvent.RestartedEmpty)]
    internal void Source_restartsWhereTheJournalSays(bool mayBePrepared, SourceEvent withGuest, SourceEvent empty)
    {
        JournalState state = State(JournalSide.Source, mayBePrepared ? [JournalEntryKind.MayBePrepared] : []);
        Assert.Equal(withGuest, state.RestartSource(guestIsHere: true));
        Assert.Equal(empty, state.RestartSource(guestIsHere: false));
        JournalState settled = State(JournalSide.Source, [JournalEntryKind.MayBePrepared, JournalEntryKind.Settled]);
        Assert.Equal(SourceEvent.None, settled.RestartSource(guestIsHere: true));
    }

    [Fact]
    public void Destination_restartsWhereTheJournalSays()
    {
        JournalState untouched = State(JournalSide.Destination, []);
        Assert.Equal(DestinationEvent.None, untouched.RestartDestination(guestIsHere: true));
        JournalState prepared = State(JournalSide.Destination, [JournalEntryKind.Prepared]);
        Assert.Equal(DestinationEvent.RestartedWithGuest, prepared.RestartDestination(guestIsHere: true));
        Assert.Equal(DestinationEvent.RestartedEmpty, prepared.RestartDestination(guestIsHere: false));
        JournalState resuming = State(JournalSide.Destination, [JournalEntryKind.Prepared, JournalEntryKind.Resuming]);
        Assert.Equal(DestinationEvent.RestartedResuming, resuming.RestartDestination(guestIsHere: true));
        Assert.Equal(DestinationEvent.RestartedEmpty, resuming.RestartDestination(guestIsHere: false));
        JournalState handing = State(JournalSide.Destination, [JournalEntryKind.Prepared, JournalEntryKind.HandingBack]);
        Assert.Equal(DestinationEvent.RestartedHandingBack, handing.RestartDestination(guestIsHere: true));
        Assert.Equal(DestinationEvent.RestartedHandingBack, handing.RestartDestination(guestIsHere: false));
        JournalState settled = State(JournalSide.Destination, [JournalEntryKind.Prepared, JournalEntryKind.Settled]);
        Assert.Equal(DestinationEvent.None, settled.RestartDestination(guestIsHere: true));
    }

    [Property(MaxTest = 100)]
    public void Header_roundTrips(Guid guest, Guid attempt, Guid source, Guid destination, ulong epoch, ulong id, NonNull<string> peer)
    {
        var header = new JournalHeader(
            JournalSide.Destination,
            new SwitchoverAttempt(guest, Math.Min(epoch, ulong.MaxValue - 2), new RunId(source), new RunId(destination), new AttemptId(attempt)),
            id,
            "/mnt/shared/ownership",
            new string([.. peer.Get.Where(c => !char.IsSurrogate(c)).Take(100)]));
        byte[] file = new byte[JournalCodec.FileBytes];
        JournalCodec.WriteHeader(header, file);
        Assert.Null(JournalCodec.TryRead(file, out JournalState? state, out _));
        Assert.Equal(header, state!.Header);
    }

    [Fact]
    public void Header_thatDoesNotFit_isMisuse()
    {
        JournalHeader header = Header(JournalSide.Source) with { Store = new string('x', JournalHeader.MaxStoreBytes + 1) };
        Assert.Throws<ArgumentException>(() => MigrationJournal.Create(_directory.Path, header, _time));
        Assert.Empty(_directory.Files);
    }

    private static JournalHeader Header(JournalSide side) => new(
        side,
        new SwitchoverAttempt(Guid.NewGuid(), 7, RunId.NewRandom(), RunId.NewRandom(), AttemptId.NewRandom()),
        1451061663105920,
        "/mnt/shared/ownership",
        "10.0.0.2:4444");

    private JournalState State(JournalSide side, JournalEntryKind[] kinds) => MigrationJournal.Read(Write(Header(side), kinds));

    private string Write(JournalHeader header, params JournalEntryKind[] kinds)
    {
        using MigrationJournal journal = MigrationJournal.Create(_directory.Path, header, _time);
        foreach (JournalEntryKind kind in kinds)
        {
            journal.Append(kind, 8);
        }

        return journal.Path;
    }
}
