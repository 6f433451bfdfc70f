using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

// Owns: what every ownership store must do. Derived classes bring the store.

public abstract class OwnershipStoreConformance
{
    private static readonly CancellationToken s_none = CancellationToken.None;

    protected abstract IOwnershipStore Store { get; }

    /// <summary>Gets another view of the same store, as a second host would have it.</summary>
    protected abstract IOwnershipStore OtherHost { get; }

    [Fact]
    public async Task Guest_withoutEpochs_readsAsNone() => Assert.Null(await Store.ReadAsync(Guid.NewGuid(), s_none));

    [Fact]
    public async Task Epochs_inOrder_areCreatedAndTheHighestIsTheRecord()
    {
        Guid guest = Guid.NewGuid();
        for (ulong epoch = 1; epoch <= 12; epoch++)
        {
            OwnershipRecord record = Some(guest, epoch);
            IOwnershipStore creator = epoch % 2 == 0 ? Store : OtherHost;
            Assert.Equal(CreateOutcome.Created, await creator.CreateAsync(record, s_none));
            Assert.Equal(record, await Store.ReadAsync(guest, s_none));
            Assert.Equal(record, await OtherHost.ReadAsync(guest, s_none));
        }
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(2UL)]
    [InlineData(3UL)]
    [InlineData(5UL)]
    [InlineData(ulong.MaxValue)]
    public async Task Epoch_thatIsNotTheNext_isAConflict(ulong epoch)
    {
        Guid guest = Guid.NewGuid();
        for (ulong done = 1; done <= 3; done++)
        {
            await Store.CreateAsync(Some(guest, done), s_none);
        }

        OwnershipRecord? before = await Store.ReadAsync(guest, s_none);
        Assert.Equal(CreateOutcome.Conflict, await Store.CreateAsync(Some(guest, epoch), s_none));
        Assert.Equal(CreateOutcome.Conflict, await OtherHost.CreateAsync(Some(guest, epoch), s_none));
        Assert.Equal(before, await Store.ReadAsync(guest, s_none));
    }

    [Fact]
    public async Task FirstEpoch_otherThanOne_isAConflict()
    {
        Guid guest = Guid.NewGuid();
        Assert.Equal(CreateOutcome.Conflict, await Store.CreateAsync(Some(guest, 2), s_none));
        Assert.Null(await Store.ReadAsync(guest, s_none));
    }

    [Fact]
    public async Task Create_ofTheRecordThatIsThere_succeedsAgain_alsoLater()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord first = Some(guest, 1);
        Assert.Equal(CreateOutcome.Created, await Store.CreateAsync(first, s_none));
        Assert.Equal(CreateOutcome.Created, await Store.CreateAsync(first, s_none));
        Assert.Equal(CreateOutcome.Created, await OtherHost.CreateAsync(first, s_none));
        await Store.CreateAsync(Some(guest, 2), s_none);
        Assert.Equal(CreateOutcome.Created, await OtherHost.CreateAsync(first, s_none));
        Assert.Equal(2UL, (await Store.ReadAsync(guest, s_none))!.Epoch);
    }

    [Fact]
    public async Task Create_withEpochZero_isMisuse() =>
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Store.CreateAsync(Some(Guid.NewGuid(), 0), s_none));

    [Fact]
    public async Task Guests_shareAStore_withoutTouchingEachOther()
    {
        Guid one = Guid.NewGuid();
        Guid other = Guid.NewGuid();
        await Store.CreateAsync(Some(one, 1), s_none);
        await Store.CreateAsync(Some(one, 2), s_none);
        await Store.MarkAsync(one, 1, OwnershipMark.Running, s_none);
        Assert.Null(await OtherHost.ReadAsync(other, s_none));
        await OtherHost.CreateAsync(Some(other, 1), s_none);
        Assert.Equal(1UL, (await Store.ReadAsync(other, s_none))!.Epoch);
        Assert.Equal(2UL, (await Store.ReadAsync(one, s_none))!.Epoch);
        Assert.Equal(OwnershipMark.None, await Store.ReadMarkAsync(other, 1, s_none));
    }

    [Fact]
    public async Task Marks_onlyGrow_andAreSeenByTheOtherHost()
    {
        Guid guest = Guid.NewGuid();
        await Store.CreateAsync(Some(guest, 1), s_none);
        await Store.CreateAsync(Some(guest, 2), s_none);
        Assert.Equal(OwnershipMark.None, await OtherHost.ReadMarkAsync(guest, 2, s_none));
        await Store.MarkAsync(guest, 2, OwnershipMark.Resuming, s_none);
        await Store.MarkAsync(guest, 2, OwnershipMark.Resuming, s_none);
        Assert.Equal(OwnershipMark.Resuming, await OtherHost.ReadMarkAsync(guest, 2, s_none));
        await Store.MarkAsync(guest, 2, OwnershipMark.Running, s_none);
        await OtherHost.MarkAsync(guest, 2, OwnershipMark.Resuming, s_none);
        Assert.Equal(OwnershipMark.Running, await OtherHost.ReadMarkAsync(guest, 2, s_none));
        Assert.Equal(OwnershipMark.None, await OtherHost.ReadMarkAsync(guest, 1, s_none));
    }

    [Fact]
    public async Task Mark_ofAnEpochThatIsNotThere_isAnError()
    {
        Guid guest = Guid.NewGuid();
        await Store.CreateAsync(Some(guest, 1), s_none);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(
            async () => await Store.MarkAsync(guest, 2, OwnershipMark.Resuming, s_none));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await Store.MarkAsync(guest, 1, OwnershipMark.None, s_none));
    }

    [Fact]
    public async Task Nonces_areReadBackByTheOtherHost_untilTheAttemptIsForgotten()
    {
        Guid guest = Guid.NewGuid();
        AttemptId attempt = AttemptId.NewRandom();
        AttemptId other = AttemptId.NewRandom();
        Guid nonce = Guid.NewGuid();
        Assert.Null(await OtherHost.ReadNonceAsync(guest, attempt, "source", s_none));
        await Store.WriteNonceAsync(guest, attempt, "source", nonce, s_none);
        await Store.WriteNonceAsync(guest, attempt, "source", nonce, s_none);
        await Store.WriteNonceAsync(guest, other, "source", Guid.NewGuid(), s_none);
        Assert.Equal(nonce, await OtherHost.ReadNonceAsync(guest, attempt, "source", s_none));
        Assert.Null(await OtherHost.ReadNonceAsync(guest, attempt, "destination", s_none));
        await Assert.ThrowsAsync<MigrationException>(
            async () => await OtherHost.WriteNonceAsync(guest, attempt, "source", Guid.NewGuid(), s_none));

        await OtherHost.ForgetAttemptAsync(guest, attempt, s_none);
        Assert.Null(await Store.ReadNonceAsync(guest, attempt, "source", s_none));
        Assert.NotNull(await Store.ReadNonceAsync(guest, other, "source", s_none));
    }

    [Fact]
    public async Task ForgetAttempt_leavesItsEpochsAndMarks()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord record = Some(guest, 1);
        await Store.StageAsync(record, s_none);
        await Store.CreateAsync(record, s_none);
        await Store.MarkAsync(guest, 1, OwnershipMark.Resuming, s_none);
        await Store.ForgetAttemptAsync(guest, record.Attempt, s_none);
        Assert.Equal(record, await OtherHost.ReadAsync(guest, s_none));
        Assert.Equal(OwnershipMark.Resuming, await OtherHost.ReadMarkAsync(guest, 1, s_none));
    }

    [Fact]
    public async Task Stage_decidesNothing()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord mine = Some(guest, 1);
        OwnershipRecord theirs = Some(guest, 1);
        await Store.StageAsync(mine, s_none);
        Assert.Null(await OtherHost.ReadAsync(guest, s_none));
        Assert.Equal(CreateOutcome.Created, await OtherHost.CreateAsync(theirs, s_none));
        Assert.Equal(CreateOutcome.Conflict, await Store.CreateAsync(mine, s_none));
        Assert.Equal(theirs, await Store.ReadAsync(guest, s_none));
    }

    [Fact]
    public async Task Staged_andForgottenByTheOtherHost_isStillCreated()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord record = Some(guest, 1);
        await Store.StageAsync(record, s_none);
        await OtherHost.ForgetAttemptAsync(guest, record.Attempt, s_none);
        Assert.Equal(CreateOutcome.Created, await Store.CreateAsync(record, s_none));
        await Store.MarkAsync(guest, 1, OwnershipMark.Resuming, s_none);
        Assert.Equal(OwnershipMark.Resuming, await OtherHost.ReadMarkAsync(guest, 1, s_none));
    }

    [Fact]
    public async Task Rehearse_canBeRepeated_andLeavesGuestsAlone()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord record = Some(guest, 1);
        await Store.CreateAsync(record, s_none);
        await Store.RehearseAsync(s_none);
        await Store.RehearseAsync(s_none);
        Assert.Equal(record, await Store.ReadAsync(guest, s_none));
    }

    // The heart of it: many callers on two hosts race for each epoch with different records; one wins, and everybody
    // who asks afterwards sees the same winner.
    [Fact]
    public async Task Create_racedByManyCallers_hasExactlyOneWinnerAnEpoch()
    {
        Guid guest = Guid.NewGuid();
        const int Racers = 6;
        const ulong Epochs = 25;
        var won = new OwnershipRecord?[Racers, Epochs + 1];
        using var start = new Barrier(Racers);
        Thread[] threads = [.. Enumerable.Range(0, Racers).Select(racer => new Thread(() => Race(racer)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        for (ulong epoch = 1; epoch <= Epochs; epoch++)
        {
            Assert.Single(Enumerable.Range(0, Racers).Select(racer => won[racer, epoch]).OfType<OwnershipRecord>());
        }

        OwnershipRecord? last = await OtherHost.ReadAsync(guest, s_none);
        Assert.Equal(Epochs, last!.Epoch);
        Assert.Contains(last, Enumerable.Range(0, Racers).Select(racer => won[racer, Epochs]));

        void Race(int racer)
        {
            IOwnershipStore store = racer % 2 == 0 ? Store : OtherHost;
            for (ulong epoch = 1; epoch <= Epochs; epoch++)
            {
                start.SignalAndWait();
                OwnershipRecord mine = Some(guest, epoch);
                CreateOutcome outcome = store.CreateAsync(mine, s_none).AsTask().Result;
                start.SignalAndWait();
                if (outcome == CreateOutcome.Created)
                {
                    won[racer, epoch] = mine;
                }
            }
        }
    }

    [Fact]
    public async Task Cancelled_callsDoNothing()
    {
        Guid guest = Guid.NewGuid();
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.CreateAsync(Some(guest, 1), cancelled.Token));
        Assert.Null(await Store.ReadAsync(guest, s_none));
    }

    protected static OwnershipRecord Some(Guid guest, ulong epoch) => new(guest, epoch, RunId.NewRandom(), AttemptId.NewRandom());
}
