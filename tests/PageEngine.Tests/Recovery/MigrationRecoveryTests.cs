using PageEngine.Ownership;
using PageEngine.Recovery;
using Xunit;

namespace PageEngine.Tests.Recovery;

// Owns: what a restarted source and destination do with the record as they find it, with and without a copy, with and
// without an operator; on a real store and real journals.

public sealed class MigrationRecoveryTests : IDisposable
{
    private readonly RestartedHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Find_describesWhatWasLeftBehind_andRemovesWhatNeverWasAJournal()
    {
        OpenAttempt open = _host.LeaveSource();
        Assert.Equal((77ul, AttemptProgress.MayBePrepared, false, "192.0.2.7:4444"), (open.MigrationId, open.Progress, open.ProcessIsAlive, open.Peer));
        Assert.Equal((_host.Attempt.GuestId, _host.Attempt.Attempt, 1ul, _host.StoreDirectory), (open.GuestId, open.Attempt, open.BaseEpoch, open.Store));

        string unfinished = Path.Combine(_host.Journals, "x.source.journal.new");
        string rehearsal = Path.Combine(Directory.CreateDirectory(Path.Combine(_host.Journals, "rehearsal")).FullName, "y.source.journal");
        File.WriteAllText(unfinished, "half");
        File.WriteAllText(rehearsal, "half");
        using (LockedFile living = LockedFile.TryOpen(Path.Combine(_host.Journals, "z.source.journal.new"), create: true)!)
        {
            Assert.Single(MigrationRecovery.Find(_host.Journals));
            Assert.Equal((false, false, true), (File.Exists(unfinished), File.Exists(rehearsal), File.Exists(living.Path)));
        }
    }

    [Fact]
    public void Find_namesADamagedJournal_andGoesOn()
    {
        _host.LeaveSource();
        File.WriteAllText(Path.Combine(_host.Journals, "torn.source.journal"), "torn");
        Assert.Contains(MigrationRecovery.Find(_host.Journals), a => a.Damage is { } damage && damage.Contains("torn.source.journal", StringComparison.Ordinal));
        Assert.Contains(MigrationRecovery.Find(_host.Journals), a => a.MigrationId == 77);
    }

    [Fact]
    public async Task ProcessThatLives_isLeftAlone()
    {
        OpenAttempt open = _host.LeaveSource();
        using (MigrationJournal.TryAdopt(open.JournalPath, TimeProvider.System))
        {
            Assert.True(Assert.Single(MigrationRecovery.Find(_host.Journals)).ProcessIsAlive);
            Assert.Equal(RecoveryOutcome.ProcessIsAlive, (await _host.SettleAsync(open, OperatorWord.OtherSideIsDead)).Outcome);
        }
    }

    [Fact]
    public async Task GuestThatRunsInThisProcess_isMarkedWhenTheStoreIsBack_andNeverCalledLost()
    {
        await _host.AgreeAsync();
        OpenAttempt open = KeepRunning();
        using var away = FileOwnershipStore.Open(Directory.CreateDirectory(Path.Combine(_host.StoreDirectory, "another")).FullName);

        // Not by a store that does not know the attempt, nor by none.
        foreach (RecoveryResult early in new[] { await _host.SettleAsync(open, store: away), await _host.SettleAsync(open, noStore: true) })
        {
            Assert.Equal((RecoveryOutcome.Held, null), (early.Outcome, early.Guest));
            open = Assert.Single(MigrationRecovery.Find(_host.Journals));
            Assert.Equal((true, true), (open.ProcessIsAlive, open.RunsInThisProcess));
        }

        await _host.CreateAsync(_host.Attempt.ForDestination);
        RecoveryResult result = await _host.SettleAsync(open);
        Assert.Equal((RecoveryOutcome.RunsHere, null, true), (result.Outcome, result.Guest, result.IsSettled));
        Assert.Equal((_host.Attempt.DestinationRun, 2ul), (result.Ownership!.Run, result.Ownership.Epoch));
        Assert.Equal(OwnershipMark.Running, await _host.Store.ReadMarkAsync(_host.Attempt.GuestId, 2, default));
        Assert.Empty(MigrationRecovery.Find(_host.Journals));
    }

    [Fact]
    public async Task PreparedDestinationWithoutMemory_freesTheSource()
    {
        await _host.AgreeAsync();
        await SettlesAsync(_host.LeaveDestination(), RecoveryOutcome.Discarded);
        Assert.Equal(_host.Attempt.ForSource, await _host.RecordAsync());
    }

    [Fact]
    public async Task GrantedDestinationWithoutMemory_givesTheGuestBack()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await SettlesAsync(_host.LeaveDestination(), RecoveryOutcome.Discarded);
        Assert.Equal(_host.Attempt.HandBack, await _host.RecordAsync());
    }

    [Fact]
    public async Task ResumingDestinationWithoutMemory_isHeld_untilAnOperatorGivesItBack()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await _host.MarkAsync(OwnershipMark.Resuming);
        OpenAttempt open = _host.LeaveDestination();
        RecoveryResult held = await _host.SettleAsync(open);
        Assert.Equal(RecoveryOutcome.Held, held.Outcome);
        Assert.Contains("--other-side-runs", held.Description, StringComparison.Ordinal);
        Assert.Equal(_host.Attempt.ForDestination, await _host.RecordAsync());
        await SettlesAsync(open, RecoveryOutcome.Discarded, OperatorWord.OtherSideRuns);
        Assert.Equal(_host.Attempt.HandBack, await _host.RecordAsync());
    }

    [Theory]
    [InlineData(OperatorWord.None)]
    [InlineData(OperatorWord.OtherSideRuns)]
    public async Task DestinationThatRan_withoutMemory_isLost_whateverTheOperatorSays(OperatorWord word)
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await _host.MarkAsync(OwnershipMark.Running);
        await SettlesAsync(_host.LeaveDestination(), RecoveryOutcome.Lost, word);
        Assert.Equal(_host.Attempt.ForDestination, await _host.RecordAsync());
    }

    [Fact]
    public async Task DestinationWhoseJournalKnowsTheMark_believesItBeforeAStoreThatForgot()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(_host.LeaveDestination(JournalEntryKind.Resuming))).Outcome);
        Assert.Equal(_host.Attempt.ForDestination, await _host.RecordAsync());
    }

    [Fact]
    public async Task DestinationWithItsCopy_runsWhatTheRecordGivesIt_guardedAndMarked()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        TestCopy copy = _host.Hold();
        ulong guarded = 0;
        RecoveryResult result = await _host.SettleAsync(_host.LeaveDestination(), guards: (_, epoch, _) =>
        {
            Assert.Equal(0ul, copy.Guest.ResumedAt);
            guarded = epoch;
            return ValueTask.CompletedTask;
        });
        Assert.Equal((RecoveryOutcome.RunsHere, 2ul, 2ul, true), (result.Outcome, copy.Guest.ResumedAt, guarded, copy.Forgotten));
        Assert.Equal((_host.Attempt.DestinationRun, 2ul), (result.Ownership!.Run, result.Ownership.Epoch));
        Assert.Equal(OwnershipMark.Running, await _host.Store.ReadMarkAsync(_host.Attempt.GuestId, 2, default));
        Assert.Same(copy.Guest, result.Guest);
    }

    [Fact]
    public async Task DestinationWithItsCopy_claimsOnlyWhenTheSourceWasSilentForTheClaimTime()
    {
        await _host.AgreeAsync();
        TestCopy copy = _host.Hold();
        OpenAttempt open = _host.LeaveDestination();
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(open)).Outcome);
        Assert.Equal(1ul, (await _host.RecordAsync())!.Epoch);
        Assert.Equal(0, copy.Opened);
        await SettlesAsync(open, RecoveryOutcome.RunsHere, claim: TimeSpan.FromMilliseconds(20));
        Assert.Equal(2ul, copy.Guest.ResumedAt);
    }

    [Fact]
    public async Task DestinationWhoseCopyIsDamaged_neverClaims_andGivesBackWhatItWasGiven()
    {
        await _host.AgreeAsync();
        _host.Copy = new TestCopy(_host.Attempt.GuestId) { IsDamaged = true };
        OpenAttempt open = _host.LeaveDestination();
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(open, OperatorWord.OtherSideIsDead)).Outcome);
        Assert.Equal(1ul, (await _host.RecordAsync())!.Epoch);
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await SettlesAsync(open, RecoveryOutcome.Discarded);
        Assert.Equal(_host.Attempt.HandBack, await _host.RecordAsync());
    }

    [Fact]
    public async Task DestinationWithItsCopy_whenTheSourceTookTheGuest_discardsIt_andRefusesToRunIt()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForSource);
        TestCopy copy = _host.Hold();
        OpenAttempt open = _host.LeaveDestination();
        RecoveryResult refused = await _host.SettleAsync(open, OperatorWord.OtherSideIsDead);
        Assert.Equal((RecoveryOutcome.Refused, false), (refused.Outcome, copy.Forgotten));
        await SettlesAsync(open, RecoveryOutcome.Discarded);
        Assert.Equal((true, 0ul), (copy.Forgotten, copy.Guest.ResumedAt));
    }

    [Fact]
    public async Task DestinationThatWasNeverPrepared_hasNothingToSettle()
    {
        await _host.AgreeAsync();
        await SettlesAsync(_host.LeaveJournal(JournalSide.Destination, _host.StoreDirectory), RecoveryOutcome.Discarded);
        Assert.Equal(1ul, (await _host.RecordAsync())!.Epoch);
    }

    [Fact]
    public async Task SourceWithItsCopy_takesTheNextEpoch_andRuns()
    {
        await _host.AgreeAsync();
        TestCopy copy = _host.Hold();
        RecoveryResult result = await SettlesAsync(_host.LeaveSource(), RecoveryOutcome.RunsHere);
        Assert.Equal((2ul, true), (copy.Guest.ResumedAt, copy.Forgotten));
        Assert.Equal((_host.Attempt.SourceRun, 2ul), (result.Ownership!.Run, result.Ownership.Epoch));
        Assert.Equal(_host.Attempt.ForSource, await _host.RecordAsync());
    }

    [Fact]
    public async Task SourceWithALaterAttempt_neverActsForTheEarlierOne()
    {
        await _host.AgreeAsync();
        OpenAttempt earlier = _host.LeaveSource();
        TestCopy copy = _host.Hold();
        await _host.BeginAgainAsync();
        RecoveryResult result = await _host.SettleAsync(earlier);
        Assert.Equal(RecoveryOutcome.Discarded, result.Outcome);
        Assert.Equal((0ul, false), (copy.Guest.ResumedAt, copy.Forgotten));
        Assert.False(File.Exists(earlier.JournalPath));
        Assert.Equal(78ul, Assert.Single(MigrationRecovery.Find(_host.Journals)).MigrationId);
    }

    [Fact]
    public async Task SourceWhoseCopyIsDamaged_doesNotKillAPreparedDestination()
    {
        await _host.AgreeAsync();
        _host.Copy = new TestCopy(_host.Attempt.GuestId) { IsDamaged = true };
        RecoveryResult held = await _host.SettleAsync(_host.LeaveSource());
        Assert.Equal(RecoveryOutcome.Held, held.Outcome);
        Assert.Contains("The copy is damaged.", held.Description, StringComparison.Ordinal);
        Assert.Equal(1ul, (await _host.RecordAsync())!.Epoch);
    }

    [Fact]
    public async Task SourceWhoseGuestDoesNotStartAtOnce_triesAgain()
    {
        await _host.AgreeAsync();
        _host.Hold().Guest.ResumesThatFail = 2;
        await SettlesAsync(_host.LeaveSource(), RecoveryOutcome.RunsHere);
        Assert.Equal(2ul, _host.Copy!.Guest.ResumedAt);
    }

    [Theory]
    [InlineData(OwnershipMark.None)]
    [InlineData(OwnershipMark.Resuming)]
    public async Task SourceWhoseGuestWasGranted_waitsForTheDestination(OwnershipMark mark)
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        if (mark != OwnershipMark.None)
        {
            await _host.MarkAsync(mark);
        }

        TestCopy copy = _host.Hold();
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(_host.LeaveSource())).Outcome);
        Assert.Equal((0ul, false), (copy.Guest.ResumedAt, copy.Forgotten));
    }

    [Fact]
    public async Task OperatorWhoSaysThatTheDestinationIsDead_takesAGrantedGuestBack()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        TestCopy copy = _host.Hold();
        RecoveryResult result = await SettlesAsync(_host.LeaveSource(), RecoveryOutcome.RunsHere, OperatorWord.OtherSideIsDead);
        Assert.Equal((3ul, 3ul), (copy.Guest.ResumedAt, result.Ownership!.Epoch));
        Assert.Equal(_host.Attempt.HandBack, await _host.RecordAsync());
    }

    [Theory]
    [InlineData(OwnershipMark.Resuming)]
    [InlineData(OwnershipMark.Running)]
    public async Task OperatorWhoSaysThatADestinationIsDeadThatHadBegun_isRefused(OwnershipMark mark)
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await _host.MarkAsync(mark);
        TestCopy copy = _host.Hold();
        Assert.Equal(RecoveryOutcome.Refused, (await _host.SettleAsync(_host.LeaveSource(), OperatorWord.OtherSideIsDead)).Outcome);
        Assert.Equal((0ul, false), (copy.Guest.ResumedAt, copy.Forgotten));
        Assert.Equal(_host.Attempt.ForDestination, await _host.RecordAsync());
    }

    [Fact]
    public async Task SourceWithItsCopy_whenTheGuestRunsElsewhere_discardsIt()
    {
        await _host.AgreeAsync();
        await _host.CreateAsync(_host.Attempt.ForDestination);
        await _host.MarkAsync(OwnershipMark.Running);
        TestCopy copy = _host.Hold();
        await SettlesAsync(_host.LeaveSource(), RecoveryOutcome.RunsElsewhere);
        Assert.Equal((true, 0ul), (copy.Forgotten, copy.Guest.ResumedAt));
    }

    [Fact]
    public async Task SourceWithoutMemory_movedOrLostOrWaiting_asTheRecordSays()
    {
        await _host.AgreeAsync();
        OpenAttempt open = _host.LeaveSource();
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(open)).Outcome);
        Assert.Equal(1ul, (await _host.RecordAsync())!.Epoch);
        await _host.CreateAsync(_host.Attempt.ForDestination);
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(open)).Outcome);
        await _host.CreateAsync(_host.Attempt.HandBack);
        await SettlesAsync(open, RecoveryOutcome.Lost);
    }

    [Fact]
    public async Task SourceThatDiedBeforePrepare_hasLostItsGuest()
    {
        await _host.AgreeAsync();
        await SettlesAsync(_host.LeaveJournal(JournalSide.Source, _host.StoreDirectory), RecoveryOutcome.Lost);
    }

    [Fact]
    public async Task OtherStore_decidesNothing_inEitherDirection()
    {
        // The same guest, the same run, the same epoch: an old copy of the right store, or one that somebody made.
        using var other = new RestartedHost();
        await _host.AgreeAsync();
        Assert.Equal(CreateOutcome.Created, await other.Store.CreateAsync(new OwnershipRecord(_host.Attempt.GuestId, 1, _host.Attempt.SourceRun, default), default));
        _host.Hold();
        RecoveryResult source = await _host.SettleAsync(_host.LeaveSource(), OperatorWord.OtherSideIsDead, other.Store);
        Assert.Equal(RecoveryOutcome.Held, source.Outcome);
        Assert.Contains("does not know this attempt", source.Description, StringComparison.Ordinal);
        RecoveryResult destination = await _host.SettleAsync(_host.LeaveDestination(), OperatorWord.OtherSideIsDead, other.Store, claim: TimeSpan.Zero);
        Assert.Equal(RecoveryOutcome.Held, destination.Outcome);
        Assert.Equal(1ul, (await other.Store.ReadAsync(_host.Attempt.GuestId, default))!.Epoch);
        Assert.Equal(0ul, _host.Copy!.Guest.ResumedAt);

        // One in which the guest has moved on, by runs that nobody here knows: its copy is not thrown away for that.
        Assert.Equal(CreateOutcome.Created, await other.Store.CreateAsync(new OwnershipRecord(_host.Attempt.GuestId, 2, RunId.NewRandom(), AttemptId.NewRandom()), default));
        OpenAttempt prepared = MigrationRecovery.Find(_host.Journals).Single(a => a.Role == Reporting.MigrationRole.Destination);
        Assert.Equal((RecoveryOutcome.Held, false), ((await _host.SettleAsync(prepared, store: other.Store)).Outcome, _host.Copy!.Forgotten));

        // And one in which another run has the guest.
        using var third = new RestartedHost();
        Assert.Equal(CreateOutcome.Created, await third.Store.CreateAsync(new OwnershipRecord(_host.Attempt.GuestId, 1, RunId.NewRandom(), default), default));
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(MigrationRecovery.Find(_host.Journals).Single(a => a.Role == Reporting.MigrationRole.Source), store: third.Store)).Outcome);
    }

    [Fact]
    public async Task StoreThatIsNotToBeHad_holds()
    {
        await _host.AgreeAsync();
        _host.Hold();
        RecoveryResult held = await _host.SettleAsync(_host.LeaveSource(), OperatorWord.OtherSideIsDead, noStore: true);
        Assert.Equal((RecoveryOutcome.Held, 0), (held.Outcome, _host.Copy!.Opened));
        Assert.Contains(_host.StoreDirectory, held.Description, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TornRecord_andVanishedDirectory_hold_andSayWhy()
    {
        await _host.AgreeAsync();
        TestCopy copy = _host.Hold();
        OpenAttempt open = _host.LeaveSource();
        string torn = Path.Combine(_host.StoreDirectory, $"{_host.Attempt.GuestId:N}.2");
        await File.WriteAllTextAsync(torn, "torn");
        using (FileOwnershipStore store = FileOwnershipStore.Open(_host.StoreDirectory))
        {
            RecoveryResult held = await _host.SettleAsync(open, OperatorWord.OtherSideIsDead, store);
            Assert.Equal(RecoveryOutcome.Held, held.Outcome);
            Assert.Contains(torn, held.Description, StringComparison.Ordinal);
        }

        File.Delete(torn);
        using FileOwnershipStore vanished = FileOwnershipStore.Open(_host.StoreDirectory);
        Directory.Delete(_host.StoreDirectory, recursive: true);
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(open, OperatorWord.OtherSideIsDead, vanished)).Outcome);
        Assert.Equal(0ul, copy.Guest.ResumedAt);
    }

    [Fact]
    public async Task StalePreparedDestination_besideANewerAttempt_discardsAndLeavesTheNewOneAlone()
    {
        await _host.AgreeAsync();
        OpenAttempt stale = _host.LeaveDestination();
        await _host.CreateAsync(_host.Attempt.ForSource);
        var newer = OwnershipRecordOf(epoch: 3);
        await _host.CreateAsync(newer);
        await SettlesAsync(stale, RecoveryOutcome.Discarded);
        Assert.Equal(newer, await _host.RecordAsync());
    }

    [Fact]
    public async Task WithoutAStore_nobodyRunsByHimself_andTheOperatorsWordIsInTheJournal()
    {
        TestCopy copy = _host.Hold();
        OpenAttempt source = _host.LeaveJournal(JournalSide.Source, null, JournalEntryKind.MayBePrepared);
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(source, noStore: true)).Outcome);
        copy.Guest.ResumesThatFail = int.MaxValue;
        Assert.Equal(RecoveryOutcome.Held, (await _host.SettleAsync(source, OperatorWord.OtherSideIsDead, noStore: true)).Outcome);
        Assert.True(MigrationJournal.Read(source.JournalPath).Has(JournalEntryKind.OperatorResumed));
    }

    [Theory]
    [InlineData((int)JournalSide.Source, OperatorWord.OtherSideIsDead, true, RecoveryOutcome.RunsHere)]
    [InlineData((int)JournalSide.Source, OperatorWord.OtherSideRuns, true, RecoveryOutcome.RunsElsewhere)]
    [InlineData((int)JournalSide.Source, OperatorWord.OtherSideIsDead, false, RecoveryOutcome.Lost)]
    [InlineData((int)JournalSide.Source, OperatorWord.OtherSideRuns, false, RecoveryOutcome.RunsElsewhere)]
    [InlineData((int)JournalSide.Destination, OperatorWord.OtherSideIsDead, true, RecoveryOutcome.RunsHere)]
    [InlineData((int)JournalSide.Destination, OperatorWord.OtherSideRuns, true, RecoveryOutcome.Discarded)]
    [InlineData((int)JournalSide.Destination, OperatorWord.OtherSideIsDead, false, RecoveryOutcome.Lost)]
    [InlineData((int)JournalSide.Destination, OperatorWord.OtherSideRuns, false, RecoveryOutcome.Discarded)]
    public async Task WithoutAStore_theOperatorDecides(int side, OperatorWord word, bool hasCopy, RecoveryOutcome outcome)
    {
        TestCopy? copy = hasCopy ? _host.Hold() : null;
        JournalEntryKind entry = (JournalSide)side == JournalSide.Source ? JournalEntryKind.MayBePrepared : JournalEntryKind.Prepared;
        RecoveryResult result = await _host.SettleAsync(_host.LeaveJournal((JournalSide)side, null, entry), word, noStore: true);
        Assert.Equal(outcome, result.Outcome);
        Assert.Equal(outcome == RecoveryOutcome.RunsHere, copy is { Guest.ResumedAt: > 0 });
        Assert.Null(result.Ownership?.Store);
        Assert.Empty(MigrationRecovery.Find(_host.Journals));
    }

    [Fact]
    public async Task TriesEnd_whenNobodyWantsToWait()
    {
        await _host.AgreeAsync();
        OpenAttempt open = _host.LeaveSource();
        using var stop = new CancellationTokenSource();
        Task<RecoveryResult> settling = MigrationRecovery.SettleAsync(
            open, new RecoveryOptions { Store = _host.Store, RetryPeriod = Timeout.InfiniteTimeSpan }, stop.Token);
        await stop.CancelAsync();
        Assert.Equal(RecoveryOutcome.Held, (await settling).Outcome);
        Assert.False(Assert.Single(MigrationRecovery.Find(_host.Journals)).ProcessIsAlive);
    }

    [Fact]
    public async Task Look_changesNothing_andSaysWhatSettlingWouldDo()
    {
        await _host.AgreeAsync();
        OpenAttempt open = _host.LeaveSource();
        Assert.Contains("take", (await LookAsync(_host.Attempt.ForDestination)).Next, StringComparison.Ordinal);
        await _host.MarkAsync(OwnershipMark.Running);
        RecoveryOutlook moved = await MigrationRecovery.LookAsync(open, _host.Store, hasCopy: true);
        Assert.Contains("Discard", moved.Next, StringComparison.Ordinal);
        Assert.Contains("has marked that it runs", moved.Record, StringComparison.Ordinal);
        Assert.Single(MigrationRecovery.Find(_host.Journals));

        async Task<RecoveryOutlook> LookAsync(OwnershipRecord record)
        {
            await _host.CreateAsync(record);
            return await MigrationRecovery.LookAsync(open, _host.Store, hasCopy: true);
        }
    }

    private OwnershipRecord OwnershipRecordOf(ulong epoch) => new(_host.Attempt.GuestId, epoch, RunId.NewRandom(), AttemptId.NewRandom());

    private async Task<RecoveryResult> SettlesAsync(OpenAttempt open, RecoveryOutcome outcome, OperatorWord word = OperatorWord.None, TimeSpan? claim = null)
    {
        RecoveryResult result = await _host.SettleAsync(open, word, claim: claim);
        Assert.True(result.Outcome == outcome, $"{result.Outcome}: {result.Description}");
        Assert.False(File.Exists(open.JournalPath));
        Assert.NotEmpty(result.Description);
        return result;
    }

    // As a session leaves it that could not tell its store that the guest runs.
    private OpenAttempt KeepRunning()
    {
        OpenAttempt open = _host.LeaveDestination(JournalEntryKind.Resuming);
        UnmarkedGuests.Keep(MigrationJournal.TryAdopt(open.JournalPath, TimeProvider.System)!);
        return Assert.Single(MigrationRecovery.Find(_host.Journals));
    }
}
