using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Switchover;

namespace PageEngine.Tests.Recovery;

// Owns: one host after a crash: a journal directory, a store as the sessions left it, and a copy of the guest if wanted.

internal sealed class RestartedHost : IDisposable
{
    private readonly TemporaryDirectoryOwner _directory = new();

    public RestartedHost()
    {
        StoreDirectory = Directory.CreateDirectory(Path.Combine(_directory.Path, "store")).FullName;
        Journals = Path.Combine(_directory.Path, "journal");
        Store = FileOwnershipStore.Open(StoreDirectory);
    }

    public SwitchoverAttempt Attempt { get; private set; } =
        new(Guid.NewGuid(), 1, RunId.NewRandom(), RunId.NewRandom(), AttemptId.NewRandom());

    public string Journals { get; }

    public string StoreDirectory { get; }

    public FileOwnershipStore Store { get; }

    public TestCopy? Copy { get; set; }

    /// <summary>What the handshake left in the store.</summary>
    public async Task AgreeAsync(IOwnershipStore? store = null)
    {
        store ??= Store;
        Assert.Created(await store.CreateAsync(new OwnershipRecord(Attempt.GuestId, 1, Attempt.SourceRun, default), default));
        await store.WriteNonceAsync(Attempt.GuestId, Attempt.Attempt, "source", Guid.NewGuid(), default);
        await store.WriteNonceAsync(Attempt.GuestId, Attempt.Attempt, "destination", Guid.NewGuid(), default);
    }

    public async Task CreateAsync(OwnershipRecord record) => Assert.Created(await Store.CreateAsync(record, default));

    public async Task MarkAsync(OwnershipMark mark) => await Store.MarkAsync(Attempt.GuestId, 2, mark, default);

    /// <summary>The journal of a process that died.</summary>
    public OpenAttempt LeaveJournal(JournalSide side, string? store, params JournalEntryKind[] entries)
    {
        var header = new JournalHeader(side, Attempt, 77, store ?? "", "192.0.2.7:4444");
        using (MigrationJournal journal = MigrationJournal.Create(Journals, header, TimeProvider.System))
        {
            foreach (JournalEntryKind entry in entries)
            {
                journal.Append(entry, 1);
            }
        }

        return MigrationRecovery.Find(Journals).Single(a => a.Role == (side == JournalSide.Source ? Reporting.MigrationRole.Source : Reporting.MigrationRole.Destination));
    }

    public OpenAttempt LeaveSource() => LeaveJournal(JournalSide.Source, StoreDirectory, JournalEntryKind.MayBePrepared);

    public OpenAttempt LeaveDestination(params JournalEntryKind[] more) =>
        LeaveJournal(JournalSide.Destination, StoreDirectory, [JournalEntryKind.Prepared, .. more]);

    public Task<RecoveryResult> SettleAsync(
        OpenAttempt open, OperatorWord word = OperatorWord.None, IOwnershipStore? store = null, bool noStore = false, TimeSpan? claim = null, Func<Guid, ulong, CancellationToken, ValueTask>? guards = null) =>
        MigrationRecovery.SettleAsync(open, new RecoveryOptions
        {
            Store = noStore ? null : store ?? Store,
            FindCopy = (_, _) => ValueTask.FromResult<HeldCopy?>(Copy),
            RaiseGuards = guards,
            Operator = word,
            RetryInterval = TimeSpan.FromMilliseconds(1),
            RetryPeriod = TimeSpan.FromMilliseconds(200),
            ClaimTimeout = claim ?? TimeSpan.FromHours(1),
        });

    /// <summary>The source's run kept the guest under epoch 2 and began to move it again.</summary>
    public async Task BeginAgainAsync()
    {
        await CreateAsync(Attempt.ForSource);
        Attempt = new SwitchoverAttempt(Attempt.GuestId, 2, Attempt.SourceRun, RunId.NewRandom(), AttemptId.NewRandom());
        using MigrationJournal journal = MigrationJournal.Create(Journals, new JournalHeader(JournalSide.Source, Attempt, 78, StoreDirectory, "192.0.2.7:4444"), TimeProvider.System);
        journal.Append(JournalEntryKind.MayBePrepared, 2);
    }

    public async Task<OwnershipRecord?> RecordAsync()
    {
        using FileOwnershipStore fresh = FileOwnershipStore.Open(StoreDirectory);
        return await fresh.ReadAsync(Attempt.GuestId, default);
    }

    public TestCopy Hold() => Copy = new TestCopy(Attempt.GuestId);

    public void Dispose()
    {
        Copy?.Guest.Memory.Dispose();
        Store.Dispose();
        _directory.Dispose();
    }

    private static class Assert
    {
        public static void Created(CreateOutcome outcome) => Xunit.Assert.Equal(CreateOutcome.Created, outcome);
    }

    private sealed class TemporaryDirectoryOwner : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("pageengine-recovery-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}

internal sealed class TestCopy(Guid id) : HeldCopy
{
    public TestGuest Guest { get; } = new(id);

    public bool Forgotten { get; private set; }

    public bool IsDamaged { get; init; }

    public int Opened { get; private set; }

    public override ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken)
    {
        Opened++;
        return IsDamaged ? throw new MigrationException(MigrationErrorKind.DataDamaged, "The copy is damaged.") : ValueTask.FromResult<IGuest>(Guest);
    }

    public override ValueTask ForgetAsync(CancellationToken cancellationToken)
    {
        Xunit.Assert.Equal(0ul, Guest.ResumedAt);
        Forgotten = true;
        return ValueTask.CompletedTask;
    }
}

internal sealed class TestGuest(Guid id) : IGuest
{
    public Guid Id => id;

    public GuestMemory Memory { get; } = GuestMemory.Allocate(MemoryLayout.PageBytes);

    public ulong ResumedAt { get; private set; }

    public bool IsOff { get; private set; }

    public int ResumesThatFail { get; set; }

    public GuestDescription Describe() => new("test", default);

    public ValueTask PauseAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        if (ResumesThatFail-- > 0)
        {
            throw new InvalidOperationException("It does not start.");
        }

        ResumedAt = epoch;
        return ValueTask.CompletedTask;
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        IsOff = true;
        return ValueTask.CompletedTask;
    }
}
