using System.Globalization;
using PageEngine.Cli.Commands;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: what is left when processes die or end in doubt, and how the next process and an operator settle it. A record that
// nobody can read, put into the store during pre-copy, makes both sides wait exactly where the guest is prepared and
// nobody has decided.

public sealed class RecoveryTests : IDisposable
{
    private const string Guest = "3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e";
    private const string SmallGuest = "--memory 16MiB --warmup 100ms --workload hot:256KiB@1MiB/s --bandwidth 10MiB/s --seed 7 --guest " + Guest;

    private readonly TestHost _source = new();
    private readonly TestHost _destination = new();
    private readonly string _store;

    public RecoveryTests() => _store = Directory.CreateDirectory(Path.Combine(_source.State, "store")).FullName;

    private string Torn => Path.Combine(_store, Guid.Parse(Guest).ToString("N") + ".2");

    public void Dispose()
    {
        _source.Dispose();
        _destination.Dispose();
    }

    [Fact]
    public async Task Destination_that_died_prepared_frees_the_source_when_it_starts_again()
    {
        using ProgramRun receive = Receive("--once --claim-timeout 30s");
        using ProgramRun send = Send(await receive.Listening, 11, "--resume-timeout 30s");
        await DecideNothingAsync(send);
        await receive.PrintedAsync("Switchover: Prepared");
        receive.Signal(ProgramRun.SIGKILL);
        await receive.ExitCodeAsync();
        Assert.Equal(HistoryEntry.Interrupted, Entry(_destination, 11, "destination").Outcome);
        Assert.Equal(0, await _destination.RunAsync("list", "failed"));
        Assert.Contains("IN DOUBT (interrupted)", _destination.Out, StringComparison.Ordinal);

        File.Delete(Torn);
        using ProgramRun again = Receive("--claim-timeout 30s");
        await again.PrintedAsync("left behind: The record");

        // What the source saw first was a damaged record, and that is what it reports.
        Assert.True(await send.ExitCodeAsync() == 5, send.Out + send.Error);
        Assert.Contains("runs on at the source", send.Out, StringComparison.Ordinal);
        Assert.Contains("consistent", send.Out, StringComparison.Ordinal);
        HistoryEntry settled = Entry(_destination, 11, "destination");
        Assert.Equal(("failed", "discarded", false), (settled.Outcome, settled.Report!.Recovery!.Outcome, settled.InDoubt));
        Assert.Empty(Directory.GetFiles(Path.Combine(_destination.State, "journal"), "*.journal"));
    }

    [Fact]
    public async Task Exit_code_4_means_that_the_guest_is_held_and_resolve_runs_it()
    {
        await LeaveInDoubtAsync(12);
        string held = Path.Combine(_source.State, "held", "12.source");
        Assert.True(Directory.Exists(held));
        Assert.Equal(0, await _source.RunAsync("list", "failed"));
        Assert.Contains("IN DOUBT", _source.Out, StringComparison.Ordinal);
        Assert.Contains("pageengine resolve 12", _source.Out, StringComparison.Ordinal);

        // Nobody can read it yet: it stays as it is.
        Assert.Equal(4, await _source.RunAsync("resolve", "12", "--try-for", "300ms"));
        Assert.True(Directory.Exists(held));

        File.Delete(Torn);
        Assert.Equal(0, await _source.RunAsync("show", "12"));
        Assert.Contains("nobody has decided", _source.Out, StringComparison.Ordinal);
        Assert.Contains("Create the source's own next epoch and run the guest here", _source.Out, StringComparison.Ordinal);
        int code = await _source.RunAsync("resolve", "12", "--run-for", "300ms");
        Assert.True(code == 0, _source.Out + _source.Error);
        Assert.False(Directory.Exists(held));
        HistoryEntry settled = Entry(_source, 12, "source");
        Assert.Equal(("failed", "runsHere", "consistent"), (settled.Outcome, settled.Report!.Recovery!.Outcome, settled.Report.Verified.Guest));
        Assert.Equal(2ul, settled.Report.Guest.Epoch);
        Assert.Equal(2, await _source.RunAsync("resolve", "12"));
    }

    [Fact]
    public async Task Of_two_held_copies_one_runs()
    {
        await LeaveInDoubtAsync(13, destinationToo: true);
        File.Delete(Torn);

        // The destination is first: it claims the guest, because its operator says that the source is dead.
        Assert.Equal(0, await _destination.RunAsync("resolve", "13", "--run-for", "300ms", "--other-side-is-dead"));
        Assert.Equal(("completed", "consistent"), (Entry(_destination, 13, "destination").Outcome, Entry(_destination, 13, "destination").Report!.Verified.Guest));

        // The record proves the source's operator wrong, whatever he types.
        Assert.Equal(3, await _source.RunAsync("resolve", "13", "--other-side-is-dead"));
        Assert.Contains("can only be discarded", _source.Error, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Path.Combine(_source.State, "held", "13.source")));
        Assert.Equal(0, await _source.RunAsync("resolve", "13"));
        Assert.False(Directory.Exists(Path.Combine(_source.State, "held", "13.source")));
        Assert.Equal("completed", Entry(_source, 13, "source").Outcome);
    }

    [Fact]
    public async Task Without_a_store_only_an_operator_settles()
    {
        using ProgramRun receive = ProgramRun.Start(_destination.State, "receive --listen 127.0.0.1:0 -v");
        using ProgramRun send = ProgramRun.Start(
            _source.State, $"send --to {await receive.Listening} {SmallGuest} --id 14 --resume-timeout 2s --network-timeout 10s -v");
        await DieAtTheMarkAsync(send, receive);
        Assert.True(await send.ExitCodeAsync() == 4, send.Out + send.Error);

        Assert.Equal(4, await _source.RunAsync("resolve", "14"));
        Assert.Contains("There is no ownership store", _source.Error, StringComparison.Ordinal);
        Assert.Equal(4, await _destination.RunAsync("resolve", "14"));
        Assert.Equal(0, await _destination.RunAsync("resolve", "14", "--other-side-runs"));
        Assert.Equal(0, await _source.RunAsync("resolve", "14", "--other-side-is-dead", "--run-for", "200ms"));
        Assert.Contains("could not be told", _source.Error, StringComparison.Ordinal);
        Assert.Equal("consistent", Entry(_source, 14, "source").Report!.Verified.Guest);
    }

    [Fact]
    public async Task Operator_s_decision_is_in_the_log_of_a_destination_that_listens()
    {
        string address;
        using (ProgramRun receive = ProgramRun.Start(_destination.State, "receive --listen 127.0.0.1:0 -v"))
        {
            address = await receive.Listening;
            using ProgramRun send = ProgramRun.Start(_source.State, $"send --to {address} {SmallGuest} --id 18 --resume-timeout 2s --network-timeout 10s -v");
            await DieAtTheMarkAsync(send, receive);
            Assert.True(await send.ExitCodeAsync() == 4, send.Out + send.Error);
        }

        using ProgramRun again = ProgramRun.Start(_destination.State, $"receive --listen {address} --once -v");
        await again.Listening;
        Assert.Equal(0, await _source.RunAsync("resolve", "18", "--other-side-is-dead", "--run-for", "100ms"));
        Assert.Contains("was told", _source.Error, StringComparison.Ordinal);
        await again.PrintedAsync("Migration 18: an operator settled it at the source");

        // That was no migration: it still waits for one.
        using ProgramRun next = ProgramRun.Start(_source.State, $"send --to {address} --memory 4MiB --warmup 10ms");
        Assert.True(await next.ExitCodeAsync() == 0, next.Out + next.Error + again.Out + again.Error);
    }

    [Fact]
    public async Task Destination_that_died_after_it_marked_gives_the_guest_back_only_by_an_operator_s_word()
    {
        using ProgramRun receive = Receive("--claim-timeout 3s");
        using ProgramRun send = Send(await receive.Listening, 19, "--resume-timeout 2s");
        await DieAtTheMarkAsync(send, receive);
        Assert.True(await send.ExitCodeAsync() == 4, send.Out + send.Error);

        Assert.Equal(3, await _source.RunAsync("resolve", "19", "--other-side-is-dead"));
        Assert.Contains("has marked that it was resuming", _source.Error, StringComparison.Ordinal);
        Assert.Equal(4, await _destination.RunAsync("resolve", "19", "--try-for", "300ms"));
        Assert.Equal(0, await _destination.RunAsync("resolve", "19", "--other-side-runs"));
        Assert.Equal(0, await _source.RunAsync("resolve", "19", "--run-for", "100ms"));
        Assert.Equal((3ul, "consistent"), (Entry(_source, 19, "source").Report!.Guest.Epoch, Entry(_source, 19, "source").Report!.Verified.Guest));
    }

    [Fact]
    public async Task Source_that_died_after_the_guest_had_moved_is_settled_by_the_next_send()
    {
        using ProgramRun receive = Receive("--once --run-for 100ms --claim-timeout 30s");
        using (ProgramRun send = Send(await receive.Listening, 15, ""))
        {
            await DieAtTheMarkAsync(send, send);
        }

        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        Assert.Equal(HistoryEntry.Interrupted, Entry(_source, 15, "source").Outcome);
        using ProgramRun next = ProgramRun.Start(_source.State, $"send --to 127.0.0.1:1 --memory 4MiB --warmup 10ms");
        Assert.Equal(1, await next.ExitCodeAsync());
        Assert.Contains("migration 15: source of guest", next.Error, StringComparison.Ordinal);
        Assert.Contains("The guest has moved", next.Error, StringComparison.Ordinal);
        Assert.Equal("completed", Entry(_source, 15, "source").Outcome);
    }

    [Fact]
    public async Task Store_that_is_gone_keeps_nobody_from_new_work()
    {
        await LeaveInDoubtAsync(20);
        Directory.Move(_store, _store + ".away");
        using ProgramRun receive = ProgramRun.Start(_destination.State, "receive --listen 127.0.0.1:0 --once --run-for 100ms -v");
        await receive.PrintedAsync("is not to be had");
        using ProgramRun send = ProgramRun.Start(_source.State, $"send --to {await receive.Listening} --memory 4MiB --warmup 10ms");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        Assert.True(Entry(_source, 20, "source").InDoubt);

        // Where it is now can be said, and it proves itself by what the attempt left there.
        File.Delete(Path.Combine(_store + ".away", Path.GetFileName(Torn)));
        Assert.Equal(4, await _source.RunAsync("resolve", "20", "--try-for", "300ms", "--ownership", Directory.CreateDirectory(_store + ".other").FullName));
        Assert.Equal(0, await _source.RunAsync("resolve", "20", "--run-for", "100ms", "--ownership", _store + ".away"));
    }

    [Fact]
    public async Task Source_that_died_before_the_switchover_has_lost_its_guest_and_says_so()
    {
        using ProgramRun receive = Receive("--claim-timeout 3s");
        using (ProgramRun send = Send(await receive.Listening, 16, ""))
        {
            await send.PrintedAsync("S: Phase PreCopy");
            send.Signal(ProgramRun.SIGKILL);
            await send.ExitCodeAsync();
        }

        Assert.Equal(6, await _source.RunAsync("resolve", "16"));
        HistoryEntry lost = Entry(_source, 16, "source");
        Assert.Equal(("failed", "guestLost", "lost"), (lost.Outcome, lost.FailureKind, lost.Report!.Failure!.Guest));
    }

    [Fact]
    public async Task Process_that_lives_is_named_and_left_alone()
    {
        using ProgramRun receive = Receive("--claim-timeout 3s");
        using ProgramRun send = Send(await receive.Listening, 17, "--resume-timeout 30s");
        await DecideNothingAsync(send);
        await receive.PrintedAsync("Switchover: Prepared");
        Assert.Equal(3, await _source.RunAsync("resolve", "17", "--other-side-is-dead"));
        Assert.Contains($"process {send.Id.ToString(CultureInfo.InvariantCulture)} still runs this migration", _source.Error, StringComparison.Ordinal);
        send.Signal(ProgramRun.SIGKILL);
        await send.ExitCodeAsync();
    }

    // Both sides wait at the switchover until the file is gone; the source gives up first, and is held.
    private async Task LeaveInDoubtAsync(ulong id, bool destinationToo = false)
    {
        using ProgramRun receive = Receive(destinationToo ? "--once --claim-timeout 2s" : "--once --claim-timeout 30s");
        using ProgramRun send = Send(await receive.Listening, id, "--resume-timeout 2s");
        await DecideNothingAsync(send);
        Assert.True(await send.ExitCodeAsync() == ExitCodes.InDoubt, send.Out + send.Error);
        if (destinationToo)
        {
            Assert.True(await receive.ExitCodeAsync() == ExitCodes.InDoubt, receive.Out + receive.Error);
            Assert.True(Directory.Exists(Path.Combine(_destination.State, "held", $"{id}.destination")));
        }
        else
        {
            receive.Signal(ProgramRun.SIGKILL);
            await receive.ExitCodeAsync();
        }
    }

    private async Task DecideNothingAsync(ProgramRun send)
    {
        await send.PrintedAsync("S: Phase PreCopy");
        await File.WriteAllTextAsync(Torn, "torn");
    }

    // The first entry of its journal still fits into the limit; the second, when the guest is about to run, ends the process.
    private static async Task DieAtTheMarkAsync(ProgramRun send, ProgramRun receive)
    {
        const int HeaderAndOneEntry = 4096 + 64;
        await send.PrintedAsync("S: Phase PreCopy");
        receive.LimitFiles(HeaderAndOneEntry);
        Assert.True(await receive.ExitCodeAsync() > 128, receive.Out + receive.Error);
    }

    private ProgramRun Receive(string more) => ProgramRun.Start(
        _destination.State, $"receive --listen 127.0.0.1:0 --ownership {_store} --network-timeout 10s -v {more}");

    private ProgramRun Send(string address, ulong id, string more) => ProgramRun.Start(
        _source.State, $"send --to {address} {SmallGuest} --ownership {_store} --id {id} --network-timeout 10s -v {more}".TrimEnd());

    private static HistoryEntry Entry(TestHost host, ulong id, string role) =>
        new MigrationHistory(new StateDirectory(host.State)).Find(id).Single(e => e.Role == role);
}
