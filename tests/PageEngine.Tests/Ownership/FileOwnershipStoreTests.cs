using PageEngine.Interop;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

// Owns: what only the file store can get wrong: names, damage, vanished directories, what stays behind.

public sealed class FileOwnershipStoreTests : OwnershipStoreConformance, IDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly TemporaryDirectory _directory = new();
    private readonly FileOwnershipStore _store;
    private readonly FileOwnershipStore _other;

    public FileOwnershipStoreTests()
    {
        _store = FileOwnershipStore.Open(_directory.Path);
        _other = FileOwnershipStore.Open(_directory.Path);
    }

    protected override IOwnershipStore Store => _store;

    protected override IOwnershipStore OtherHost => _other;

    public void Dispose()
    {
        _store.Dispose();
        _other.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Open_leavesNothingBehind()
    {
        Assert.Empty(_directory.Files);
        Assert.Equal(_directory.Path, _store.Description);
    }

    [Fact]
    public async Task Files_afterAWholeMigration_areEpochsAndMarksOnly()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord first = Some(guest, 1);
        OwnershipRecord second = Some(guest, 2);
        await _store.CreateAsync(first, s_none);
        await _store.WriteNonceAsync(guest, second.Attempt, "source", Guid.NewGuid(), s_none);
        await _other.WriteNonceAsync(guest, second.Attempt, "destination", Guid.NewGuid(), s_none);
        await _store.RehearseAsync(s_none);
        await _store.StageAsync(second, s_none);
        await _other.StageAsync(second, s_none);
        await _store.CreateAsync(second, s_none);
        await _other.ReadAsync(guest, s_none);
        await _other.MarkAsync(guest, 2, OwnershipMark.Resuming, s_none);
        await _other.MarkAsync(guest, 2, OwnershipMark.Running, s_none);
        await _store.ForgetAttemptAsync(guest, second.Attempt, s_none);
        await _other.ForgetAttemptAsync(guest, second.Attempt, s_none);

        Assert.Equal([$"{guest:N}.1", $"{guest:N}.2", $"{guest:N}.2.resuming", $"{guest:N}.2.running"], _directory.Files);
    }

    [Fact]
    public async Task Record_isReadByAProcessThatStartsLater_alsoBeyondNine()
    {
        Guid guest = Guid.NewGuid();
        OwnershipRecord last = null!;
        for (ulong epoch = 1; epoch <= 11; epoch++)
        {
            last = Some(guest, epoch);
            await _store.CreateAsync(last, s_none);
        }

        await _store.MarkAsync(guest, 11, OwnershipMark.Resuming, s_none);
        using FileOwnershipStore later = FileOwnershipStore.Open(_directory.Path);
        Assert.Equal(last, await later.ReadAsync(guest, s_none));
        Assert.Equal(OwnershipMark.Resuming, await later.ReadMarkAsync(guest, 11, s_none));
    }

    [Fact]
    public async Task Names_thatAreNoEpochs_areNotTakenForOne()
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        foreach (string name in new[] { "02", "2a", "-3", "+4", " 5", "", "99999999999999999999999", "x" })
        {
            File.WriteAllText(_directory.At($"{guest:N}.{name}"), "not an epoch");
        }

        using FileOwnershipStore later = FileOwnershipStore.Open(_directory.Path);
        Assert.Equal(1UL, (await later.ReadAsync(guest, s_none))!.Epoch);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    [InlineData(95)]
    [InlineData(97)]
    public async Task TornRecord_isAnErrorThatNamesTheFile_andNobodyGetsPastIt(int length)
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        await _store.CreateAsync(Some(guest, 2), s_none);
        string path = _directory.At($"{guest:N}.2");
        byte[] bytes = File.ReadAllBytes(path);
        Array.Resize(ref bytes, length);
        File.WriteAllBytes(path, bytes);

        foreach (IOwnershipStore store in new IOwnershipStore[] { _store, _other })
        {
            MigrationException read = await Assert.ThrowsAsync<MigrationException>(async () => await store.ReadAsync(guest, s_none));
            Assert.Equal(MigrationErrorKind.DataDamaged, read.Kind);
            Assert.Contains(path, read.Message, StringComparison.Ordinal);
            await Assert.ThrowsAsync<MigrationException>(async () => await store.CreateAsync(Some(guest, 2), s_none));
        }
    }

    [Fact]
    public async Task Record_copiedUnderAnotherNameOrGuest_isDamaged()
    {
        Guid guest = Guid.NewGuid();
        Guid stranger = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        File.Copy(_directory.At($"{guest:N}.1"), _directory.At($"{guest:N}.2"));
        File.Copy(_directory.At($"{guest:N}.1"), _directory.At($"{stranger:N}.1"));
        foreach (Guid id in new[] { guest, stranger })
        {
            MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await _other.ReadAsync(id, s_none));
            Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
        }
    }

    [Fact]
    public async Task EmptyMarkFile_isDamaged_notAMark()
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        File.WriteAllText(_directory.At($"{guest:N}.1.running"), string.Empty);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await _other.ReadMarkAsync(guest, 1, s_none));
        Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
        Assert.Contains(".1.running", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RemovedEpoch_isAnError_notAnOlderRecord()
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        await _store.CreateAsync(Some(guest, 2), s_none);
        File.Delete(_directory.At($"{guest:N}.2"));
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await _store.ReadAsync(guest, s_none));
        Assert.Equal(MigrationErrorKind.DataDamaged, e.Kind);
    }

    [Fact]
    public async Task HoleBelowTheHighest_doesNotLetAnOldEpochBeCreatedAgain()
    {
        Guid guest = Guid.NewGuid();
        for (ulong epoch = 1; epoch <= 4; epoch++)
        {
            await _store.CreateAsync(Some(guest, epoch), s_none);
        }

        File.Delete(_directory.At($"{guest:N}.3"));
        Assert.Equal(CreateOutcome.Conflict, await _other.CreateAsync(Some(guest, 3), s_none));
        Assert.Equal(4UL, (await _other.ReadAsync(guest, s_none))!.Epoch);
    }

    [Fact]
    public async Task VanishedDirectory_isAnErrorOfEveryCall_neverAnEmptyStore()
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        Directory.Delete(_directory.Path, recursive: true);
        await Refused(async store => await store.ReadAsync(guest, s_none));
        await Refused(async store => await store.ReadAsync(Guid.NewGuid(), s_none));
        await Refused(async store => await store.ReadMarkAsync(guest, 1, s_none));
        await Refused(async store => await store.CreateAsync(Some(guest, 2), s_none));
        await Refused(async store => await store.CreateAsync(Some(Guid.NewGuid(), 1), s_none));
        await Refused(async store => await store.ReadNonceAsync(guest, AttemptId.NewRandom(), "source", s_none));
        await Refused(async store => await store.RehearseAsync(s_none));

        // A new directory at the same path is another store; the open one must not slip into it.
        Directory.CreateDirectory(_directory.Path);
        await Refused(async store => await store.ReadAsync(guest, s_none));

        async Task Refused(Func<IOwnershipStore, Task> call)
        {
            foreach (IOwnershipStore store in new IOwnershipStore[] { _store, _other })
            {
                MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => call(store));
                Assert.Contains(_directory.Path, e.Message, StringComparison.Ordinal);
                Assert.True(e.Kind is MigrationErrorKind.OwnershipFailed or MigrationErrorKind.DataDamaged);
            }
        }
    }

    [Fact]
    public async Task RenamedDirectory_isFollowed()
    {
        Guid guest = Guid.NewGuid();
        await _store.CreateAsync(Some(guest, 1), s_none);
        string moved = _directory.Path + "-moved";
        Directory.Move(_directory.Path, moved);
        try
        {
            Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(Some(guest, 2), s_none));
            Assert.Equal(2UL, (await _other.ReadAsync(guest, s_none))!.Epoch);
        }
        finally
        {
            Directory.Move(moved, _directory.Path);
        }
    }

    [Fact]
    public void Open_ofNoDirectory_saysWhatToDo()
    {
        MigrationException missing = Assert.Throws<MigrationException>(() => FileOwnershipStore.Open(_directory.At("missing")));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, missing.Kind);
        Assert.Contains("Create the directory", missing.Message, StringComparison.Ordinal);

        File.WriteAllText(_directory.At("file"), "x");
        MigrationException file = Assert.Throws<MigrationException>(() => FileOwnershipStore.Open(_directory.At("file")));
        Assert.Contains("Name a directory", file.Message, StringComparison.Ordinal);
    }

    // /proc and /sys refuse files even to root: the nearest to a read-only mount that needs no privileges.
    [Fact]
    public void Open_ofADirectoryThatCannotBeWritten_isRefused()
    {
        MigrationException e = Assert.Throws<MigrationException>(() => FileOwnershipStore.Open("/proc/self"));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Contains("/proc/self", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TwoStores_haveDifferentNonces()
    {
        using var elsewhere = new TemporaryDirectory();
        using FileOwnershipStore wrong = FileOwnershipStore.Open(elsewhere.Path);
        Guid guest = Guid.NewGuid();
        AttemptId attempt = AttemptId.NewRandom();
        await _store.WriteNonceAsync(guest, attempt, "source", Guid.NewGuid(), s_none);
        Assert.Null(await wrong.ReadNonceAsync(guest, attempt, "source", s_none));
        await Assert.ThrowsAsync<ArgumentException>(async () => await _store.WriteNonceAsync(guest, attempt, "../x", Guid.NewGuid(), s_none));
    }

    [Fact]
    public void Statx_readsLinksAndKind_atTheOffsetsOfTheKernel()
    {
        using var files = OwnershipDirectory.Open(_directory.Path);
        files.Create("one", "x"u8);
        Assert.Equal(1, files.CountLinks("one"));
        Assert.True(files.TryLink("one", "two"));
        Assert.True(files.TryLink("one", "three"));
        Assert.Equal(3, files.CountLinks("two"));
        Assert.Equal(0, files.CountLinks("four"));
        Assert.False(files.TryLink("one", "two"));
        FileCallException e = Assert.Throws<FileCallException>(() => files.TryLink("four", "five"));
        Assert.Equal(FileSystemCalls.ENOENT, e.ErrorNumber);
    }
}
