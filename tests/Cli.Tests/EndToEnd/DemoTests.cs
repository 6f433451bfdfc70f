using System.Text.RegularExpressions;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

public sealed class DemoTests : IDisposable
{
    // Small and short, but everything real: two processes, TCP, a running guest, the file store.
    private const string Small = "demo --memory 64MiB --warmup 200ms --run-for 200ms";

    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    private string Json => Path.Combine(_host.State, "report.json");

    [Fact]
    public async Task A_running_guest_moves_and_nothing_is_lost()
    {
        string log = Path.Combine(_host.State, "demo.log");
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --workload hot:8MiB@50MiB/s --id 77 --json {Json} --log {log}");
        int code = await demo.ExitCodeAsync();
        Assert.True(code == 0, demo.Out + demo.Error);

        ReportDocument report = ProgramRun.Report(Json);
        Assert.Equal((77UL, "source", "completed"), (report.MigrationId, report.Role, report.Outcome));
        Assert.Equal(("identical", "consistent"), (report.Verified.Memory, report.Verified.Guest));
        Assert.Equal((0L, 0L), (report.Verified.LostOperations!.Value, report.Verified.RepeatedOperations!.Value));
        Assert.Equal(2UL, report.Guest.Epoch);
        Assert.NotEmpty(report.Rounds);
        Assert.Equal(0, report.Rounds[0].Index);
        Assert.Equal(16_384, report.Rounds[0].DirtyPages);
        Assert.True(report.Switchover!.ActualMs > 0);
        Assert.True(report.Guest.SwitchoverStallMs > 0);
        Assert.Contains("nothing lost, nothing done twice", demo.Out, StringComparison.Ordinal);

        string text = File.ReadAllText(log);
        Assert.Matches(@"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info 77 S: Another pre-copy iteration needed with \d+ modified pages \(last = -1\)$", text);
        Assert.Matches(@"77 S: Migrate: vm [1-9]\d*: Setting VMOTION info: Source ts = 77, src ip = <127\.0\.0\.1:\d+> dest ip = <127\.0\.0\.1:\d+> Dest wid = [1-9]\d* using SHARED swap", text);
        Assert.Matches(@"77 S: Stopping pre-copy: only \d+ pages left to send, which can be sent within the switchover time goal of 0\.500 seconds \(network bandwidth ~\d+\.\d{3} MB/s, \d+% t2d\)", text);
        Assert.Contains("77 S: Phase Resume", text, StringComparison.Ordinal);
        Assert.Contains("77 S: Sent all modified pages to destination (", text, StringComparison.Ordinal);
        Assert.Contains("77 S: Stream connection 1 added.", text, StringComparison.Ordinal);
        Assert.Contains("77 D: Stream connection 1 added.", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches(@"^\S+Z [a-z]+ (77|-) [SD]: ", line));

        IReadOnlyList<HistoryEntry> kept = new MigrationHistory(new StateDirectory(_host.State)).Find(77);
        Assert.Equal(["destination", "source"], kept.Select(e => e.Role).Order());
        Assert.All(kept, e => Assert.Equal("completed", e.Outcome));
        Assert.Equal(0, await _host.RunAsync("show", "77"));
        Assert.Contains("nothing lost, nothing done twice", _host.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--workload idle --fill 0")]
    [InlineData("--workload seq@20MiB/s --streams 2 --tracer explicit")]
    [InlineData("--workload zipf:1.1@20MiB/s --workload uniform@5MiB/s --vcpus 3 --seed 5")]
    public async Task Other_guests_move_too(string options)
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} {options} --json {Json}");
        int code = await demo.ExitCodeAsync();
        Assert.True(code == 0, demo.Out + demo.Error);
        Assert.Equal(("identical", "consistent"), (ProgramRun.Report(Json).Verified.Memory, ProgramRun.Report(Json).Verified.Guest));
    }

    [Fact]
    public async Task A_guest_moves_into_memory_that_was_reserved_for_it()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --reserve --fill 50 --json {Json} -v");
        int code = await demo.ExitCodeAsync();
        Assert.True(code == 0, demo.Out + demo.Error);
        Assert.Matches(@"destination: .*64 MiB of memory are reserved, in \d+ ms", demo.Error);
        Assert.Contains("It gets the reserved memory.", demo.Error, StringComparison.Ordinal);
        Assert.Equal(("identical", "consistent"), (ProgramRun.Report(Json).Verified.Memory, ProgramRun.Report(Json).Verified.Guest));
    }

    [Fact]
    public async Task Json_on_stdout_is_alone_there()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --json - -v");
        Assert.Equal(0, await demo.ExitCodeAsync());
        Assert.StartsWith("{", demo.Out, StringComparison.Ordinal);
        Assert.EndsWith("}\n", demo.Out, StringComparison.Ordinal);
        Assert.Contains("OK The guest runs at the destination", demo.Error, StringComparison.Ordinal);
        Assert.Contains("destination: ", demo.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_writes_too_fast_is_given_up_unharmed()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"demo --memory 32MiB --warmup 200ms --run-for 200ms --goal 100ms --workload uniform@max --compress none --page-cache 0 --bandwidth 40MiB/s --json {Json}");
        Assert.Equal(1, await demo.ExitCodeAsync());
        ReportDocument report = ProgramRun.Report(Json);
        Assert.Equal(("notConverging", "running", "consistent"), (report.Failure!.Kind, report.Failure.Guest, report.Verified.Guest));
        Assert.Matches("MiB/s", report.Failure.Message);
        Assert.Contains("FAILED The migration failed; the guest runs on at the source.", demo.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_guest_moves_when_forced()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"demo --memory 32MiB --warmup 200ms --run-for 200ms --goal 100ms --workload uniform@max --compress none --page-cache 0 --bandwidth 40MiB/s --if-stalled force --json {Json}");
        Assert.Equal(0, await demo.ExitCodeAsync());
        Assert.Equal(("identical", "consistent"), (ProgramRun.Report(Json).Verified.Memory, ProgramRun.Report(Json).Verified.Guest));
    }

    [Fact]
    public async Task But_not_when_that_would_take_too_long()
    {
        using ProgramRun demo = ProgramRun.Start(
            _host.State, $"demo --memory 32MiB --warmup 200ms --run-for 200ms --goal 100ms --workload uniform@max --compress none --page-cache 0 --bandwidth 40MiB/s --if-stalled force --abort-after 300ms --json {Json}");
        Assert.Equal(1, await demo.ExitCodeAsync());
        Assert.Equal("running", ProgramRun.Report(Json).Failure!.Guest);
    }

    [Fact]
    public async Task Ctrl_C_cancels_and_the_guest_goes_on()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --bandwidth 2MiB/s -v --json {Json}");
        await demo.PrintedAsync("S: Phase PreCopy");
        demo.Signal(ProgramRun.SIGINT);
        Assert.Equal(130, await demo.ExitCodeAsync());
        ReportDocument report = ProgramRun.Report(Json);
        Assert.Equal(("cancelled", "consistent"), (report.Outcome, report.Verified.Guest));
        Assert.Contains("CANCELLED", demo.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ctrl_C_before_anything_moved_says_so()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, "demo --memory 64MiB --warmup 60s -v");
        await demo.PrintedAsync("The guest runs here for 1 min");
        demo.Signal(ProgramRun.SIGINT);
        Assert.Equal(130, await demo.ExitCodeAsync());
        Assert.Contains("Cancelled before anything was moved.", demo.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_destination_that_dies_in_mid_round_leaves_the_guest_running()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --bandwidth 2MiB/s -v --json {Json}");
        await demo.PrintedAsync("S: Phase PreCopy");
        Kill(Assert.Single(demo.Children()));
        Assert.Equal(1, await demo.ExitCodeAsync());
        ReportDocument report = ProgramRun.Report(Json);
        Assert.Equal(("connectionLost", "running", "consistent"), (report.Failure!.Kind, report.Failure.Guest, report.Verified.Guest));
        Assert.DoesNotContain("   at ", demo.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_destination_that_dies_after_the_move_takes_the_guest_with_it()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"demo --memory 64MiB --warmup 200ms --run-for 60s -v --json {Json}");
        await demo.PrintedAsync("S: Finished: Completed");
        Kill(Assert.Single(demo.Children()));
        Assert.Equal(6, await demo.ExitCodeAsync());
        Assert.Equal(("guestLost", "lost"), (ProgramRun.Report(Json).Failure!.Kind, ProgramRun.Report(Json).Failure!.Guest));
    }

    [Fact]
    public async Task The_destination_does_not_outlive_a_demo_that_is_killed()
    {
        using ProgramRun demo = ProgramRun.Start(_host.State, $"{Small} --bandwidth 2MiB/s -v");
        await demo.PrintedAsync("S: Phase PreCopy");
        int child = Assert.Single(demo.Children());
        Assert.NotNull(ProcessIdentity.StartTicks(child));
        demo.Signal(ProgramRun.SIGKILL);
        await demo.ExitCodeAsync();
        Assert.True(SpinWait.SpinUntil(() => Ended(child), TimeSpan.FromSeconds(60)));
    }

    private static bool Ended(int processId)
    {
        try
        {
            // A process that nobody waited for stays in the list as a zombie.
            return Regex.IsMatch(File.ReadAllText($"/proc/{processId}/stat"), @"\) [ZX] ");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static void Kill(int processId)
    {
        using System.Diagnostics.Process process = System.Diagnostics.Process.GetProcessById(processId);
        process.Kill();
    }
}
