using PageEngine.Cli.History;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.History;

// Owns: a guest that is saved comes back as it was or not at all, and is found only while it has not run.

public sealed class HeldGuestsTests : IDisposable
{
    private readonly TestHost _host = new();
    private readonly HeldGuests _held;
    private readonly VerifiableGuest _guest;

    public HeldGuestsTests()
    {
        _held = new HeldGuests(Path.Combine(_host.State, "held"));
        _guest = new VerifiableGuest(
            Guid.NewGuid(), GuestMemory.Allocate(8L << 20), new VerifiableGuestOptions { VirtualCpus = 2, Seed = 5, FillPercent = 10, Workloads = [WorkloadSpec.Parse("hot:1MiB@max")] });
        _guest.FillMemory();
    }

    private string HeldPath => Path.Combine(_host.State, "held", "5.source");

    public void Dispose()
    {
        _guest.Dispose();
        _host.Dispose();
    }

    [Fact]
    public async Task Guest_comes_back_as_it_was_and_runs_on()
    {
        await SaveAsync();
        long operations = _guest.Operations;
        Assert.True(operations > 0);
        using var back = (VerifiableGuest)await _held.Find(Attempt())!.OpenAsync(default);
        Assert.Equal((_guest.Id, operations), (back.Id, back.Operations));
        Assert.True(back.Verify().IsConsistent);
        for (long page = 0; page < back.Memory.PageCount; page++)
        {
            Assert.True(back.Memory.Page(page).SequenceEqual(_guest.Memory.Page(page)));
        }

        await back.ResumeAsync(9, default);
        SpinWait.SpinUntil(() => back.Operations > operations);
        await back.PauseAsync(default);
        Assert.True(back.Verify().IsConsistent);
    }

    [Theory]
    [InlineData("memory")]
    [InlineData("guest.json")]
    public async Task Damage_anywhere_is_found(string name)
    {
        await SaveAsync();
        string path = Path.Combine(HeldPath, name);
        byte[] bytes = await File.ReadAllBytesAsync(path);
        foreach (double at in (double[])[0, 0.001, 0.05])
        {
            byte[] damaged = [.. bytes];
            damaged[(int)(at * bytes.Length)] ^= 1;
            File.WriteAllBytes(path, damaged);
            MigrationException found = await Assert.ThrowsAsync<MigrationException>(async () => await _held.Find(Attempt())!.OpenAsync(default));
            Assert.Equal(MigrationErrorKind.DataDamaged, found.Kind);
        }

        File.WriteAllBytes(path, bytes[..(bytes.Length / 2)]);
        Assert.Equal(MigrationErrorKind.DataDamaged, (await Assert.ThrowsAsync<MigrationException>(async () => await _held.Find(Attempt())!.OpenAsync(default))).Kind);
        File.WriteAllBytes(path, bytes);
        ((VerifiableGuest)await _held.Find(Attempt())!.OpenAsync(default)).Dispose();
    }

    [Fact]
    public async Task Pages_of_zeros_take_no_room()
    {
        await SaveAsync();
        Assert.Equal(8L << 20, new FileInfo(Path.Combine(HeldPath, "memory")).Length);
        HeldGuestHeader header = HeldGuestFile.ReadHeader(HeldPath);
        Assert.InRange(header.StoredPages, 1, 2048 / 2);
    }

    [Fact]
    public async Task Copy_that_is_forgotten_is_not_found_again()
    {
        await SaveAsync();
        HeldCopy copy = _held.Find(Attempt())!;
        using var guest = (VerifiableGuest)await copy.OpenAsync(default);
        await copy.ForgetAsync(default);
        await copy.ForgetAsync(default);
        Assert.Null(_held.Find(Attempt()));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_host.State, "held")));
    }

    [Fact]
    public async Task What_was_not_finished_is_no_copy_and_goes_when_nobody_writes_it()
    {
        string unfinished = Directory.CreateDirectory(HeldPath + ".unfinished").FullName;
        string gone = Directory.CreateDirectory(HeldPath + ".gone").FullName;
        Assert.Null(_held.Find(Attempt()));
        _held.RemoveLeftovers(name => name == "5.source");
        Assert.Equal((true, false), (Directory.Exists(unfinished), Directory.Exists(gone)));
        _held.RemoveLeftovers(_ => false);
        Assert.False(Directory.Exists(unfinished));
        await SaveAsync();
        Assert.NotNull(_held.Find(Attempt()));
    }

    [Fact]
    public async Task _paththat_cannot_be_written_is_said_and_leaves_nothing()
    {
        File.WriteAllText(Path.Combine(_host.State, "held"), "a file where the directory should be");
        MigrationException failure = await Assert.ThrowsAsync<MigrationException>(SaveAsync);
        Assert.Contains("cannot be saved", failure.Message, StringComparison.Ordinal);
        Assert.Null(_held.Find(Attempt()));
    }

    [Fact]
    public async Task Copy_of_another_guest_is_not_started()
    {
        await SaveAsync();
        HeldCopy copy = _held.Find(Attempt() with { GuestId = Guid.NewGuid() })!;
        Assert.Equal(MigrationErrorKind.DataDamaged, (await Assert.ThrowsAsync<MigrationException>(async () => await copy.OpenAsync(default))).Kind);
    }

    private async Task SaveAsync()
    {
        await _guest.ResumeAsync(3, default);
        SpinWait.SpinUntil(() => _guest.Operations > 1000);
        await _guest.PauseAsync(default);
        await _held.SaveAsync(5, "source", _guest, default);
    }

    private OpenAttempt Attempt() => new()
    {
        MigrationId = 5,
        Role = MigrationRole.Source,
        GuestId = _guest.Id,
        Attempt = AttemptId.NewRandom(),
        BaseEpoch = 1,
        Progress = AttemptProgress.MayBePrepared,
        Store = "",
        Peer = "",
        At = DateTimeOffset.UnixEpoch,
        ProcessIsAlive = false,
        JournalPath = "",
    };
}
