using PageEngine.Interop;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

// Owns: the outcome of a create when the storage lies, refuses or answers late. The directory decides, never the call.

public sealed class FileOwnershipStoreFaultTests : IDisposable
{
    private static readonly CancellationToken s_none = CancellationToken.None;
    private readonly TemporaryDirectory _directory = new();
    private readonly FailingFiles _files;
    private readonly FileOwnershipStore _store;
    private readonly FileOwnershipStore _other;
    private readonly Guid _guest = Guid.NewGuid();

    public FileOwnershipStoreFaultTests()
    {
        _files = new FailingFiles(OwnershipDirectory.Open(_directory.Path));
        _store = new FileOwnershipStore(_files);
        _other = FileOwnershipStore.Open(_directory.Path);
    }

    public void Dispose()
    {
        _store.Dispose();
        _other.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData((int)FailingFiles.Fault.LinkFailsAfter)]
    [InlineData((int)FailingFiles.Fault.LinkSaysTakenAfter)]
    public async Task Link_thatHappenedThoughTheCallFailed_isCreated(int fault)
    {
        OwnershipRecord record = Some(1);
        _files.Now = (FailingFiles.Fault)fault;
        Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(record, s_none));
        Assert.Equal(record, await _other.ReadAsync(_guest, s_none));
        Assert.Equal([$"{_guest:N}.1"], _directory.Files);
    }

    [Fact]
    public async Task Link_thatMayStillHappen_isUnknown_andCanBeTriedAgain()
    {
        OwnershipRecord record = Some(1);
        _files.Now = FailingFiles.Fault.LinkFailsBefore;
        Assert.Equal(CreateOutcome.Unknown, await _store.CreateAsync(record, s_none));
        Assert.Null(await _other.ReadAsync(_guest, s_none));

        _files.Now = FailingFiles.Fault.None;
        Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(record, s_none));
        Assert.Equal([$"{_guest:N}.1"], _directory.Files);
    }

    [Fact]
    public async Task Link_thatHappensLate_isSeen_andLosesAgainstWhoCameFirst()
    {
        OwnershipRecord late = Some(1);
        _files.Now = FailingFiles.Fault.LinkFailsBefore;
        await _store.CreateAsync(late, s_none);
        string temporary = Assert.Single(_directory.Files);

        // The storage carries the old call out now.
        using (var files = OwnershipDirectory.Open(_directory.Path))
        {
            Assert.True(files.TryLink(temporary, $"{_guest:N}.1"));
        }

        _files.Now = FailingFiles.Fault.None;
        Assert.Equal(late, await _store.ReadAsync(_guest, s_none));
        Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(late, s_none));
        Assert.Equal(CreateOutcome.Conflict, await _other.CreateAsync(Some(1), s_none));
    }

    [Fact]
    public async Task Link_thatFailedAfterAnotherWon_isAConflict()
    {
        OwnershipRecord winner = Some(1);
        Assert.Null(await _store.ReadAsync(_guest, s_none));
        await _other.CreateAsync(winner, s_none);
        _files.Now = FailingFiles.Fault.LinkFailsAfter;
        Assert.Equal(CreateOutcome.Conflict, await _store.CreateAsync(Some(1), s_none));
        Assert.Equal(winner, await _store.ReadAsync(_guest, s_none));
    }

    [Theory]
    [InlineData(FileSystemCalls.ENOSPC, "full")]
    [InlineData(FileSystemCalls.EDQUOT, "full")]
    [InlineData(FileSystemCalls.EROFS, "read-only")]
    [InlineData(FileSystemCalls.EACCES, "permission")]
    public async Task Refusal_isAnErrorThatSaysWhatToDo_andNothingWasCreated(int errorNumber, string word)
    {
        foreach (FailingFiles.Fault fault in new[] { FailingFiles.Fault.CreateFails, FailingFiles.Fault.LinkRefused })
        {
            _files.ErrorNumber = errorNumber;
            _files.Now = fault;
            MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await _store.CreateAsync(Some(1), s_none));
            Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
            Assert.Contains(word, e.Message, StringComparison.Ordinal);
            Assert.Contains(_directory.Path, e.Message, StringComparison.Ordinal);
            Assert.Null(await _other.ReadAsync(_guest, s_none));
        }

        _files.Now = FailingFiles.Fault.None;
        Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(Some(1), s_none));
    }

    [Fact]
    public async Task Sync_thatFailsAfterTheLink_isUnknown_andTheReadMakesItDurableFirst()
    {
        OwnershipRecord record = Some(1);
        _files.Now = FailingFiles.Fault.SyncFails;
        Assert.Equal(CreateOutcome.Unknown, await _store.CreateAsync(record, s_none));
        await Assert.ThrowsAsync<MigrationException>(async () => await _store.ReadAsync(_guest, s_none));

        _files.Now = FailingFiles.Fault.None;
        Assert.Equal(record, await _store.ReadAsync(_guest, s_none));
        Assert.Equal(CreateOutcome.Created, await _store.CreateAsync(record, s_none));
    }

    [Fact]
    public async Task Read_ofAnEpochThatAnotherCreated_syncsOnce()
    {
        await _other.CreateAsync(Some(1), s_none);
        int before = _files.Syncs;
        await _store.ReadAsync(_guest, s_none);
        Assert.Equal(before + 1, _files.Syncs);
        await _store.ReadAsync(_guest, s_none);
        Assert.Equal(before + 1, _files.Syncs);
    }

    [Fact]
    public async Task StagedCreateAndMark_writeNoFileInTheBlackout_andSyncOnceEach()
    {
        OwnershipRecord record = Some(1);
        await _store.StageAsync(record, s_none);
        (int creates, int syncs) = (_files.Creates, _files.Syncs);
        await _store.CreateAsync(record, s_none);
        await _store.MarkAsync(_guest, 1, OwnershipMark.Resuming, s_none);
        Assert.Equal(creates, _files.Creates);
        Assert.Equal(syncs + 2, _files.Syncs);
    }

    [Fact]
    public async Task Mark_thatMayNotBeDurable_isAnError_andRepeatingItHelps()
    {
        await _store.CreateAsync(Some(1), s_none);
        foreach (FailingFiles.Fault fault in new[] { FailingFiles.Fault.LinkFailsBefore, FailingFiles.Fault.LinkFailsAfter, FailingFiles.Fault.SyncFails })
        {
            _files.Now = fault;
            await Assert.ThrowsAsync<MigrationException>(async () => await _store.MarkAsync(_guest, 1, OwnershipMark.Resuming, s_none));
        }

        _files.Now = FailingFiles.Fault.None;
        await _store.MarkAsync(_guest, 1, OwnershipMark.Resuming, s_none);
        Assert.Equal(OwnershipMark.Resuming, await _other.ReadMarkAsync(_guest, 1, s_none));
    }

    [Fact]
    public async Task Read_thatFails_isAnError_notAnEmptyStore()
    {
        await _store.CreateAsync(Some(1), s_none);
        _files.Now = FailingFiles.Fault.ReadFails;
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(async () => await _store.ReadAsync(_guest, s_none));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        await Assert.ThrowsAsync<MigrationException>(async () => await _store.ReadMarkAsync(_guest, 1, s_none));
    }

    [Theory]
    [InlineData((int)FailingFiles.Fault.LinkRefused, FileSystemCalls.EPERM)]
    [InlineData((int)FailingFiles.Fault.LinkRefused, FileSystemCalls.EOPNOTSUPP)]
    [InlineData((int)FailingFiles.Fault.LinkRefused, FileSystemCalls.ENOSYS)]
    [InlineData((int)FailingFiles.Fault.LinkRefused, FileSystemCalls.EMLINK)]
    [InlineData((int)FailingFiles.Fault.LinkSilentlyCopies, 0)]
    [InlineData((int)FailingFiles.Fault.LinkReplaces, 0)]
    public void Probe_withoutRealHardLinks_refusesWithTheRemedy_andCleansUp(int fault, int errorNumber)
    {
        _files.Now = (FailingFiles.Fault)fault;
        _files.ErrorNumber = errorNumber;
        MigrationException e = Assert.Throws<MigrationException>(() => StoreProbe.Run(_files));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Contains("no hard links", e.Message, StringComparison.Ordinal);
        Assert.Contains("Put the directory on", e.Message, StringComparison.Ordinal);
        Assert.Empty(_directory.Files);
    }

    private OwnershipRecord Some(ulong epoch) => new(_guest, epoch, RunId.NewRandom(), AttemptId.NewRandom());
}
