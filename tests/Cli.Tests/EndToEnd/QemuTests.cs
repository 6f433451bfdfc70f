using System.Globalization;
using PageEngine.Cli.History;
using PageEngine.Memory;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Tests.Machines;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: real machines moved by the two commands, and what is left of them when a process dies on the way.

public sealed class QemuTests : IDisposable
{
    private const int Megabytes = 64;
    private const long End = 48 << 20;
    // The guest writes all of its pages in every round: on a busy host it converges by no goal that people would choose.
    private const string Guest = "6d0c1b52-91e4-4f1b-8f0a-0c7a7a4c2f11";

    private readonly TemporaryImage _image = new(End);
    private readonly TestHost _source = new();
    private readonly TestHost _destination = new();
    private readonly string _store;

    public QemuTests() => _store = Directory.CreateDirectory(Path.Combine(_source.State, "store")).FullName;

    private string Torn => Path.Combine(_store, Guid.Parse(Guest).ToString("N") + ".2");

    public void Dispose()
    {
        _image.Dispose();
        _source.Dispose();
        _destination.Dispose();
    }

    [QemuFact]
    public async Task Machine_moves_there_and_on_under_its_own_uuid()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        await MoveAsync(_source, first, _destination, second);
        await first.WaitForExitAsync();

        // The right to run it came along: the host that received it may send it on.
        await using QemuProcess third = await StartAsync(incoming: true);
        await MoveAsync(_destination, second, _source, third);
        await second.WaitForExitAsync();
        await third.WaitForPassesAsync(2);
        await AssertConsistentAsync(third);
        Assert.True(File.Exists(Path.Combine(_store, Guid.Parse(Guest).ToString("N") + ".3")));
        Assert.Empty(Directory.GetFiles(Path.Combine(_source.State, "processes")));
    }

    [QemuFact]
    public async Task Killed_in_the_middle_of_a_round_it_leaves_nothing_in_QEMU_and_the_next_move_works()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        using ProgramRun receive = Receive(_destination, second);
        using (ProgramRun send = Send(_source, first, await receive.Listening, 21, "--compress none --bandwidth 10MiB/s -v"))
        {
            await send.PrintedAsync("Phase PreCopy");
            await WaitForAsync(() => RamFlags(first).Contains("uw", StringComparison.Ordinal), "the memory was never traced");
            send.Signal(ProgramRun.SIGKILL);
            await send.ExitCodeAsync();
        }

        await WaitForAsync(() => !RamFlags(first).Contains("uw", StringComparison.Ordinal), "the memory is still traced");
        Assert.Equal(0, Userfaultfds(first));
        Assert.Equal("running", await StatusAsync(first));
        await first.WaitForPassesAsync(2);

        // What had arrived is stale by now, and the same QEMU takes the next attempt.
        await receive.PrintedAsync("the guest runs on at the source");
        Assert.DoesNotContain("LOST", receive.Out, StringComparison.Ordinal);
        using ProgramRun again = Send(_source, first, await receive.Listening, 22, "--goal 60s");
        Assert.True(await again.ExitCodeAsync() == 0, again.Out + again.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        await second.WaitForPassesAsync(2);
        await AssertConsistentAsync(second);
    }

    [QemuFact]
    public async Task Killed_after_the_stop_QEMU_stays_stopped_and_resolve_continues_it()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        using ProgramRun receive = Receive(_destination, second, "--claim-timeout 60s");
        using (ProgramRun send = Send(_source, first, await receive.Listening, 23, "--resume-timeout 30s --compress none --bandwidth 20MiB/s --goal 60s -v"))
        {
            // Nobody can decide, so that both sides wait where the destination is prepared.
            await send.PrintedAsync("Phase PreCopy");
            await File.WriteAllTextAsync(Torn, "no record");
            await send.PrintedAsync("Phase Commit");
            send.Signal(ProgramRun.SIGKILL);
            await send.ExitCodeAsync();
        }

        Assert.Contains(await StatusAsync(first), (string[])["postmigrate", "paused"]);
        long before = first.SerialBytes;
        await Task.Delay(200);
        Assert.Equal(before, first.SerialBytes);

        // The destination must not win the race for the guest in this test.
        receive.Signal(ProgramRun.SIGKILL);
        await receive.ExitCodeAsync();
        File.Delete(Torn);
        int code = await _source.RunAsync("resolve", "23");
        Assert.True(code == 0, _source.Out + _source.Error);
        Assert.Equal("running", await StatusAsync(first));
        await first.WaitForPassesAsync(2);
        await AssertConsistentAsync(first);
        Assert.Equal(0, Userfaultfds(first));
        HistoryEntry settled = Assert.Single(new MigrationHistory(new StateDirectory(_source.State)).Find(23));
        Assert.Equal("runsHere", settled.Report!.Recovery!.Outcome);

        // The other side's copy is told by the record that it is none.
        Assert.Equal(0, await _destination.RunAsync("resolve", "23"));
        await second.WaitForExitAsync();

        // And the machine moves on, under the epoch that it has now.
        await using QemuProcess third = await StartAsync(incoming: true);
        await MoveAsync(_source, first, _destination, third);
        await third.WaitForPassesAsync(2);
        await AssertConsistentAsync(third);
    }

    [QemuTheory]
    [InlineData("program")]
    [InlineData("QEMU")]
    public async Task Destination_killed_before_the_commit_the_machine_runs_on_and_can_move(string victim)
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        using ProgramRun receive = Receive(_destination, second);

        // The first round would take longer than any test: its end is not what tells the source.
        using ProgramRun send = Send(_source, first, await receive.Listening, 24, "--compress none --bandwidth 100KiB/s -v");
        await send.PrintedAsync("Phase PreCopy");
        if (victim == "QEMU")
        {
            second.Kill();
        }
        else
        {
            receive.Signal(ProgramRun.SIGKILL);
        }

        Assert.True(await send.ExitCodeAsync() == 1, send.Out + send.Error);
        Assert.DoesNotContain("Round 0:", send.Out + send.Error, StringComparison.Ordinal);
        if (victim == "QEMU")
        {
            string who = string.Create(CultureInfo.InvariantCulture, $"The QEMU that was to take the guest (process {second.Id}) ended");
            Assert.Contains(who, send.Out, StringComparison.Ordinal);
            Assert.True(await receive.ExitCodeAsync() == 1, receive.Out + receive.Error);
            Assert.Contains(who, receive.Out, StringComparison.Ordinal);
        }

        Assert.Equal("running", await StatusAsync(first));
        await first.WaitForPassesAsync(2);
        await AssertConsistentAsync(first);
        await using QemuProcess third = await StartAsync(incoming: true);
        await MoveAsync(_source, first, _destination, third);
        await third.WaitForPassesAsync(2);
        await AssertConsistentAsync(third);
    }

    [QemuFact]
    public async Task QEMU_that_dies_while_its_machine_is_moved_is_noticed_at_once_and_the_guest_is_said_to_be_lost()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        using ProgramRun receive = Receive(_destination, second, "--once");
        using ProgramRun send = Send(_source, first, await receive.Listening, 27, "--compress none --bandwidth 100KiB/s -v");
        await send.PrintedAsync("Phase PreCopy");
        first.Kill();
        Assert.True(await send.ExitCodeAsync() == 6, send.Out + send.Error);
        Assert.DoesNotContain("Round 0:", send.Out + send.Error, StringComparison.Ordinal);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"QEMU (process {first.Id}) ended while its guest was being moved"), send.Out, StringComparison.Ordinal);
        Assert.NotEqual(0, await receive.ExitCodeAsync());
        Assert.Equal("inmigrate", await StatusAsync(second));
    }

    [QemuFact]
    public async Task QEMU_that_dies_while_it_waits_ends_the_command_that_waits_with_it()
    {
        await using QemuProcess second = await StartAsync(incoming: true);
        using ProgramRun receive = Receive(_destination, second);
        await receive.Listening;
        second.Kill();
        Assert.True(await receive.ExitCodeAsync() == 1, receive.Out + receive.Error);
        Assert.Contains("ended while it waited", receive.Error, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Ctrl_C_cancels_and_QEMU_is_left_as_it_was()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await using QemuProcess second = await StartAsync(incoming: true);
        await first.WaitForPassesAsync(1);
        using ProgramRun receive = Receive(_destination, second);
        using ProgramRun send = Send(_source, first, await receive.Listening, 25, "--compress none --bandwidth 10MiB/s -v");
        await send.PrintedAsync("Phase PreCopy");
        send.Signal(ProgramRun.SIGINT);
        Assert.True(await send.ExitCodeAsync() == 130, send.Out + send.Error);
        Assert.DoesNotContain("uw", RamFlags(first), StringComparison.Ordinal);
        Assert.Equal(0, Userfaultfds(first));
        await first.WaitForPassesAsync(2);
        await AssertConsistentAsync(first);
    }

    [QemuFact]
    public async Task What_stands_in_the_way_is_said_all_at_once_and_nothing_is_touched()
    {
        await using QemuProcess first = await StartAsync(incoming: false, "-device", "virtio-rng-pci,id=noise");
        await using QemuProcess second = await QemuProcess.StartBootSectorAsync(Megabytes * 2, _image.Path, incoming: true, "-smp", "2");
        using ProgramRun receive = Receive(_destination, second, "--once");
        using ProgramRun send = Send(_source, first, await receive.Listening, 26, "");
        Assert.Equal((3, 3), (await send.ExitCodeAsync(), await receive.ExitCodeAsync()));
        foreach (string finding in (string[])["2 virtual CPUs".Replace('2', '1'), "memory backends are ram", "Device 'noise' is a virtio-rng-pci at the source and missing here"])
        {
            Assert.Contains(finding, send.Out, StringComparison.Ordinal);
            Assert.Contains(finding, receive.Out, StringComparison.Ordinal);
        }

        Assert.Equal(("running", "inmigrate"), (await StatusAsync(first), await StatusAsync(second)));
        Assert.Equal(3, await _source.RunAsync("qemu", "receive", "--qmp", first.Qmp, "--listen", "127.0.0.1:0"));
        Assert.Contains("-incoming defer -S", _source.Error, StringComparison.Ordinal);
        Assert.Equal(3, await _source.RunAsync("qemu", "send", "--qmp", "/nonexistent", "--to", "127.0.0.1:1"));
        Assert.Contains("-qmp unix:/nonexistent", _source.Error, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task Destination_starts_a_QEMU_for_the_machine_that_is_offered_and_another_one_for_the_next_attempt()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        await first.WaitForPassesAsync(1);
        string monitor = Path.Combine(_destination.State, "qmp");
        string memory = first.RamFile + "-here";
        string serial = Path.Combine(_destination.State, "serial");
        using ProgramRun receive = ProgramRun.Start(
            _destination.State,
            $"qemu receive --qmp {monitor} --listen 127.0.0.1:0 --ownership {_store} --launch --map {first.RamFile}={memory} --map {first.Serial}={serial} --map {_image.Path}={_image.Path} -v");
        using (ProgramRun send = Send(_source, first, await receive.Listening, 28, "--compress none --bandwidth 100KiB/s -v"))
        {
            await send.PrintedAsync("Phase PreCopy");
            Assert.True(File.Exists(memory));
            send.Signal(ProgramRun.SIGKILL);
            await send.ExitCodeAsync();
        }

        await receive.PrintedAsync("the guest runs on at the source");
        await WaitForAsync(() => !File.Exists(memory) && !File.Exists(monitor), "the QEMU that was started for nothing was not ended");
        using ProgramRun again = Send(_source, first, await receive.Listening, 29, "--goal 60s");
        Assert.True(await again.ExitCodeAsync() == 0, again.Out + again.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        try
        {
            // It outlives the program that started it, and is the machine.
            await using QemuMachine machine = await QemuMachine.ConnectAsync(monitor);
            Assert.Equal("running", await machine.StatusAsync());
            long before = new FileInfo(serial).Length;
            await WaitForAsync(() => new FileInfo(serial).Length >= before + 2, "the guest does not run");
            await AssertConsistentAsync(machine);
            await machine.Monitor.ExecuteAsync("quit");
            await machine.Monitor.Closed;
        }
        finally
        {
            File.Delete(memory);
        }
    }

    [QemuFact]
    public async Task Destination_that_may_not_use_the_names_of_the_source_says_all_of_them_and_starts_nothing()
    {
        await using QemuProcess first = await StartAsync(incoming: false);
        string monitor = Path.Combine(_destination.State, "qmp");
        using ProgramRun receive = ProgramRun.Start(
            _destination.State, $"qemu receive --qmp {monitor} --listen 127.0.0.1:0 --ownership {_store} --launch --once --map {first.RamFile}={first.RamFile} --map {first.Serial}={first.Serial} -v");
        using ProgramRun send = Send(_source, first, await receive.Listening, 30, "");
        Assert.Equal((3, 3), (await send.ExitCodeAsync(), await receive.ExitCodeAsync()));
        Assert.Contains($"{_image.Path} at the source, and no --map says", send.Out, StringComparison.Ordinal);

        // Where everything is named alike, the memory is the source's own: it is not opened.
        using ProgramRun same = ProgramRun.Start(
            _destination.State, $"qemu receive --qmp {monitor} --listen 127.0.0.1:0 --ownership {_store} --launch --once --map /=/ -v");
        using ProgramRun toSame = Send(_source, first, await same.Listening, 31, "");
        Assert.Equal((3, 3), (await toSame.ExitCodeAsync(), await same.ExitCodeAsync()));
        Assert.Contains($"{first.RamFile} exists already", toSame.Out, StringComparison.Ordinal);
        Assert.False(File.Exists(monitor));
        Assert.Equal("running", await StatusAsync(first));
        await first.WaitForPassesAsync(1);
    }

    private static async Task WaitForAsync(Func<bool> condition, string otherwise)
    {
        for (int i = 0; !condition(); i++)
        {
            Assert.True(i < 3000, otherwise);
            await Task.Delay(10);
        }
    }

    // The kernel's own account of who watches QEMU's memory: uw stands for write protection by a userfaultfd.
    private static string RamFlags(QemuProcess qemu)
    {
        bool found = false;
        foreach (string line in File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{qemu.Id}/smaps")))
        {
            found |= line.EndsWith(qemu.RamFile, StringComparison.Ordinal);
            if (found && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                return line;
            }
        }

        throw new InvalidOperationException("QEMU has no mapping of its memory file");
    }

    private static int Userfaultfds(QemuProcess qemu) =>
        Directory.EnumerateFileSystemEntries(string.Create(CultureInfo.InvariantCulture, $"/proc/{qemu.Id}/fd"))
            .Count(path => new FileInfo(path).LinkTarget?.Contains("userfaultfd", StringComparison.Ordinal) == true);

    private static async Task<string> StatusAsync(QemuProcess qemu)
    {
        await using QemuMachine machine = await qemu.ConnectAsync();
        return await machine.StatusAsync();
    }

    private static async Task AssertConsistentAsync(QemuProcess qemu)
    {
        await using QemuMachine machine = await qemu.ConnectAsync();
        await AssertConsistentAsync(machine);
    }

    private static async Task AssertConsistentAsync(QemuMachine machine)
    {
        await machine.Monitor.ExecuteAsync("stop");
        using GuestMemory memory = QemuMachine.MapMemory(machine.FindRam());
        Assert.Null(BootSector.Judge(address => memory.Page(address / MemoryLayout.PageBytes)[0], End));
        await machine.Monitor.ExecuteAsync("cont");
    }

    private Task<QemuProcess> StartAsync(bool incoming, params string[] more) =>
        QemuProcess.StartBootSectorAsync(Megabytes, _image.Path, incoming, ["-uuid", Guest, .. more]);

    private ProgramRun Receive(TestHost host, QemuProcess qemu, string more = "") =>
        ProgramRun.Start(host.State, $"qemu receive --qmp {qemu.Qmp} --listen 127.0.0.1:0 --ownership {_store} {more} -v".Replace("  ", " ", StringComparison.Ordinal));

    private ProgramRun Send(TestHost host, QemuProcess qemu, string to, ulong id, string more) =>
        ProgramRun.Start(host.State, string.Create(CultureInfo.InvariantCulture, $"qemu send --qmp {qemu.Qmp} --to {to} --ownership {_store} --id {id} {more}").TrimEnd());

    private async Task MoveAsync(TestHost from, QemuProcess source, TestHost to, QemuProcess target)
    {
        using ProgramRun receive = Receive(to, target);
        using ProgramRun send = Send(from, source, await receive.Listening, (ulong)Random.Shared.NextInt64(1 << 20, long.MaxValue), "--verify --goal 60s");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        Assert.Contains("identical", send.Out, StringComparison.Ordinal);
    }
}
