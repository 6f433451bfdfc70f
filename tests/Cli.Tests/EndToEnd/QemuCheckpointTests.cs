using PageEngine.Checkpoints;
using PageEngine.Memory;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Tests.Machines;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: real machines saved and restored by the commands, and who may run them afterwards.

public sealed class QemuCheckpointTests : IDisposable
{
    private const int Megabytes = 64;
    private const long End = 48 << 20;
    private const string Guest = "0f6b7f0a-4a6e-4a52-9f4e-3c1b6d1f7a90";

    private readonly TemporaryImage _image = new(End);
    private readonly TestHost _host = new();
    private readonly string _store;
    private readonly string _file;

    public QemuCheckpointTests()
    {
        _store = Directory.CreateDirectory(Path.Combine(_host.State, "store")).FullName;
        _file = Path.Combine(_host.State, "machine.ckpt");
    }

    public void Dispose()
    {
        _image.Dispose();
        _host.Dispose();
    }

    [QemuTheory]
    [InlineData("none", false)]
    [InlineData("lz4", false)]
    [InlineData("zstd", true)]
    public async Task Snapshot_leaves_the_machine_running_and_starts_elsewhere_only_when_it_is_taken_over(string compression, bool paused)
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--compress", compression, "--goal", "60s", "--ownership", _store, "--verify", .. paused ? ["--paused"] : (string[])[]]);
        Assert.Equal("running", await StatusAsync(first));
        await first.WaitForPassesAsync(2);
        await AssertConsistentAsync(first);

        // The waiting QEMU is not touched by what is refused.
        await using QemuProcess second = await StartAsync(incoming: true);
        await RunAsync(3, ["checkpoint", "restore", _file, "--qmp", second.Qmp, "--ownership", _store], "may run still");
        Assert.Equal("inmigrate", await StatusAsync(second));
        first.Kill();
        await RunAsync(0, ["checkpoint", "restore", _file, "--qmp", second.Qmp, "--ownership", _store, "--take-over"]);
        await second.WaitForPassesAsync(2);
        await AssertConsistentAsync(second);
    }

    [QemuFact]
    public async Task Suspended_machine_goes_on_once_and_can_be_suspended_again()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--suspend", "--compress", "lz4", "--goal", "60s", "--ownership", _store]);
        await first.WaitForExitAsync();
        await using QemuProcess second = await StartAsync(incoming: true);
        await RunAsync(0, ["checkpoint", "restore", _file, "--qmp", second.Qmp, "--ownership", _store]);
        await second.WaitForPassesAsync(2);
        await using QemuProcess third = await StartAsync(incoming: true);
        await RunAsync(3, ["checkpoint", "restore", _file, "--qmp", third.Qmp, "--ownership", _store], "has owned it under epoch 2");

        // The right to run it is here now.
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", second.Qmp, "--suspend", "--paused", "--ownership", _store]);
        await second.WaitForExitAsync();
        await RunAsync(0, ["checkpoint", "restore", _file, "--qmp", third.Qmp, "--ownership", _store]);
        await third.WaitForPassesAsync(2);
        await AssertConsistentAsync(third);
    }

    [QemuFact]
    public async Task What_does_not_fit_is_refused_and_nothing_is_touched()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(3, ["checkpoint", "save", Path.Combine(_host.State, "missing", "a"), "--qmp", first.Qmp], "Make the directory first", exact: false);
        Assert.Equal("running", await StatusAsync(first));
        await RunAsync(2, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--memory", "1GiB"], "--memory: it means nothing for a QEMU machine");
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--goal", "60s"]);
        await RunAsync(3, ["checkpoint", "restore", _file], "name its monitor: --qmp");
        await using QemuProcess larger = await QemuProcess.StartBootSectorAsync(2 * Megabytes, _image.Path, incoming: true, "-uuid", Guest);
        await RunAsync(3, ["checkpoint", "restore", _file, "--qmp", larger.Qmp], "memory");
        Assert.Equal("inmigrate", await StatusAsync(larger));
        await first.WaitForPassesAsync(2);
        await AssertConsistentAsync(first);
    }

    [QemuTheory]
    [InlineData("none", false)]
    [InlineData("lz4", true)]
    public async Task Increments_hold_what_changed_and_the_chain_is_the_machine(string compression, bool paused)
    {
        const long First = (16L << 20) / MemoryLayout.PageBytes;
        const long Count = (32L << 20) / MemoryLayout.PageBytes;
        const long SmallEnd = 2 << 20;
        using TemporaryImage image = new(SmallEnd);
        await using QemuProcess first = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, false, "-uuid", Guest);
        await first.WaitForPassesAsync(1);
        await using QemuMachine machine = await QemuMachine.ConnectAsync(first.Qmp, null, null);
        using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
        await machine.DisposeAsync();

        // The guest does not touch these: they are there, or change, or are gone because the test says so.
        var random = new Random(11);
        for (long page = First; page < First + Count; page++)
        {
            random.NextBytes(memory.Page(page));
        }

        string At(int i) => Path.Combine(_host.State, $"{i}.ckpt");
        await RunAsync(0, ["checkpoint", "save", At(0), "--qmp", first.Qmp, "--goal", "60s", "--compress", compression]);
        for (int i = 1; i < 3; i++)
        {
            for (int n = 0; n < 20; n++)
            {
                random.NextBytes(memory.Page(First + random.NextInt64(Count)));
                memory.Page(First + random.NextInt64(Count)).Clear();
                random.NextBytes(memory.Page(First + Count + random.NextInt64(100)));
            }

            await RunAsync(0, ["checkpoint", "save", At(i), "--qmp", first.Qmp, "--goal", "60s", "--parent", At(i - 1), "--verify", .. paused ? ["--paused"] : (string[])[]]);
            CheckpointInfo info = CheckpointChain.Inspect(At(i));
            Assert.Equal($"{i - 1}.ckpt", info.ParentName);

            // The guest's own megabyte, its firmware, and what was changed here.
            Assert.InRange(info.DataPages + info.EqualPages, 30, 1000);
            Assert.InRange(info.ZeroPages, 1, 1000);
        }

        Assert.Equal("running", await StatusAsync(first));
        await RunAsync(2, ["checkpoint", "save", At(0), "--qmp", first.Qmp, "--parent", At(2)], "is needed by what would replace it");
        await RunAsync(2, ["checkpoint", "save", _file + "/elsewhere", "--qmp", first.Qmp, "--parent", At(2)], "the parent is looked for beside");
        await using QemuProcess second = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, true, "-uuid", Guest);
        await RunAsync(0, ["checkpoint", "restore", At(2), "--qmp", second.Qmp]);
        await second.WaitForPassesAsync(2);
        await AssertConsistentAsync(second, SmallEnd);
        await using QemuMachine there = await second.ConnectAsync();
        using GuestMemory restored = QemuMachine.MapMemory(there.FindRam());
        for (long page = First; page < First + Count + 100; page++)
        {
            Assert.True(memory.Page(page).SequenceEqual(restored.Page(page)), $"page {page}");
        }
    }

    [QemuFact]
    public async Task Another_machine_is_no_parent()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--goal", "60s", "--guest", Guid.NewGuid().ToString()]);
        await RunAsync(3, ["checkpoint", "save", _file + "2", "--qmp", first.Qmp, "--parent", _file], "Save it whole");
        Assert.Equal("running", await StatusAsync(first));
        Assert.False(File.Exists(_file + "2"));
    }

    [QemuTheory]
    [InlineData("none")]
    [InlineData("zstd")]
    public async Task Lazily_restored_machine_runs_on_and_nothing_is_left_in_it(string compression)
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--compress", compression, "--goal", "60s"]);
        string next = Path.Combine(_host.State, "next.ckpt");
        await RunAsync(0, ["checkpoint", "save", next, "--qmp", first.Qmp, "--parent", _file, "--suspend", "--goal", "60s", "--ownership", _store]);
        await using QemuProcess second = await StartAsync(incoming: true);
        using (ProgramRun lazy = ProgramRun.Start(_host.State, $"checkpoint restore {next} --qmp {second.Qmp} --lazy --ownership {_store}"))
        {
            Assert.True(await lazy.ExitCodeAsync() == 0, lazy.Out + lazy.Error);
            Assert.Contains("ran the machine after", lazy.Out, StringComparison.Ordinal);
        }

        await second.WaitForPassesAsync(2);
        await AssertConsistentAsync(second);
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries($"/proc/{second.Id}/fd"), fd => new FileInfo(fd).LinkTarget == "anon_inode:[userfaultfd]");

        // It can be traced: no registration is left.
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", second.Qmp, "--goal", "60s", "--ownership", _store]);
        await RunAsync(2, ["checkpoint", "restore", "-", "--qmp", second.Qmp, "--lazy"], "cannot be fetched later from a stream");
    }

    [QemuFact]
    public async Task Machine_whose_restorer_is_killed_gets_its_memory_from_the_keeper()
    {
        const int Large = 640;
        const long SmallEnd = 2 << 20;
        using TemporaryImage image = new(SmallEnd);
        await using QemuProcess first = await QemuProcess.StartBootSectorAsync(Large, image.Path, false, "-uuid", Guest);
        await first.WaitForPassesAsync(1);
        byte[] words = new byte[MemoryLayout.PageBytes];
        static void Fill(byte[] page, long number) => new Random((int)number).NextBytes(page.AsSpan(0, 2048));
        await using (QemuMachine machine = await first.ConnectAsync())
        {
            using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
            for (long page = 4096; page < memory.PageCount; page++)
            {
                Fill(words, page);
                words.CopyTo(memory.Page(page));
            }
        }

        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--compress", "zstd", "--suspend", "--goal", "60s"]);
        await using QemuProcess second = await QemuProcess.StartBootSectorAsync(Large, image.Path, true, "-uuid", Guest);
        using ProgramRun lazy = ProgramRun.Start(_host.State, $"checkpoint restore {_file} --qmp {second.Qmp} --lazy");
        await second.WaitForPassesAsync(1);
        lazy.Signal(ProgramRun.SIGKILL);
        int code = await lazy.ExitCodeAsync(); // And the end of what the keeper says.
        if (code != 0)
        {
            Assert.Contains("this one goes on", lazy.Error, StringComparison.Ordinal);
            Assert.Contains("is complete", lazy.Error, StringComparison.Ordinal);
        }

        await second.WaitForPassesAsync(2);
        await AssertConsistentAsync(second, SmallEnd);
        await using QemuMachine there = await second.ConnectAsync();
        using GuestMemory restored = QemuMachine.MapMemory(there.FindRam());
        for (long page = 4096; page < restored.PageCount; page++)
        {
            Fill(words, page);
            Assert.True(restored.Page(page).SequenceEqual(words), $"page {page}");
        }
    }

    [QemuFact]
    public async Task Machine_is_ended_when_its_memory_turns_out_damaged()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        await RunAsync(0, ["checkpoint", "save", _file, "--qmp", first.Qmp, "--suspend", "--goal", "60s"]);
        byte[] bytes = await File.ReadAllBytesAsync(_file);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(_file, bytes);
        await using QemuProcess second = await StartAsync(incoming: true);
        using ProgramRun lazy = ProgramRun.Start(_host.State, $"checkpoint restore {_file} --qmp {second.Qmp} --lazy");
        Assert.True(await lazy.ExitCodeAsync() == 5, lazy.Out + lazy.Error);
        Assert.Contains("its memory could not be brought", lazy.Error, StringComparison.Ordinal);
        await second.WaitForExitAsync();
    }

    private static async Task<string> StatusAsync(QemuProcess qemu)
    {
        await using QemuMachine machine = await qemu.ConnectAsync();
        return await machine.StatusAsync();
    }

    private static async Task AssertConsistentAsync(QemuProcess qemu, long end = End)
    {
        await using QemuMachine machine = await qemu.ConnectAsync();
        await machine.Monitor.ExecuteAsync("stop");
        using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
        Assert.Null(BootSector.Judge(address => memory.Page(address / MemoryLayout.PageBytes)[0], end));
        await machine.Monitor.ExecuteAsync("cont");
    }

    private Task<QemuProcess> StartAsync(bool incoming) => QemuProcess.StartBootSectorAsync(Megabytes, _image.Path, incoming, "-uuid", Guest);

    private async Task RunAsync(int code, string[] words, string? says = null, bool exact = true)
    {
        int was = await _host.RunAsync(words);
        Assert.True(exact ? was == code : was != 0, $"{was}: {_host.Out}{_host.Error}");
        Assert.Contains(says ?? "", _host.Error, StringComparison.Ordinal);
    }
}
