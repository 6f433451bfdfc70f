using System.Net;
using System.Net.Sockets;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

public sealed class SendReceiveTests : IDisposable
{
    private const string SmallGuest = "--memory 64MiB --warmup 200ms";

    private readonly TestHost _host = new();
    private readonly string _ownership;

    public SendReceiveTests()
    {
        _ownership = Path.Combine(_host.State, "ownership");
        Directory.CreateDirectory(_ownership);
    }

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task Two_programs_move_a_guest()
    {
        string received = Path.Combine(_host.State, "received.json");
        string sent = Path.Combine(_host.State, "sent.json");
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen 127.0.0.1:0 --once --run-for 200ms --ownership {_ownership} --json {received}");
        using ProgramRun send = ProgramRun.Start(
            _host.State, $"send --to {await receive.Listening} {SmallGuest} --streams 2 --verify --ownership {_ownership} --json {sent}");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        ReportDocument source = ProgramRun.Report(sent);
        ReportDocument destination = ProgramRun.Report(received);
        Assert.Equal(source.MigrationId, destination.MigrationId);
        Assert.Equal(("source", "destination"), (source.Role, destination.Role));
        Assert.Equal(("completed", "completed"), (source.Outcome, destination.Outcome));
        Assert.Equal("identical", source.Verified.Memory);
        Assert.Equal("consistent", destination.Verified.Guest);
        Assert.Equal((2, 2), (source.Streams, destination.Streams));
        Assert.NotNull(destination.Guest.SwitchoverStallMs);
    }

    [Fact]
    public async Task Two_programs_prove_themselves_and_a_third_one_is_turned_away()
    {
        using TestAuthority authority = new(), other = new("another authority");
        string Files(TestAuthority from, string name)
        {
            (string certificate, string key, string authorities) = from.Write(Directory.CreateDirectory(Path.Combine(_host.State, name)).FullName);
            return $"--tls-cert {certificate} --tls-key {key} --tls-ca {authorities}";
        }

        string sent = Path.Combine(_host.State, "sent.json");
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen 127.0.0.1:0 --once --run-for 100ms -v {Files(authority, "destination")}");
        string endPoint = await receive.Listening;
        using ProgramRun stranger = ProgramRun.Start(_host.State, $"send --to {endPoint} {SmallGuest} {Files(other, "stranger")}");
        Assert.Equal(3, await stranger.ExitCodeAsync());
        Assert.Contains("does not lead to an authority", stranger.Error + stranger.Out, StringComparison.Ordinal);
        using ProgramRun plain = ProgramRun.Start(_host.State, $"send --to {endPoint} {SmallGuest}");
        Assert.Equal(1, await plain.ExitCodeAsync());
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {endPoint} {SmallGuest} --streams 2 --verify --json {sent} {Files(authority, "source")}");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        Assert.Equal("identical", ProgramRun.Report(sent).Verified.Memory);
    }

    [Fact]
    public async Task Without_a_store_both_sides_are_told_what_that_means()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, "receive --listen 127.0.0.1:0 --once --run-for 100ms");
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {await receive.Listening} {SmallGuest}");
        Assert.Equal(0, await send.ExitCodeAsync());
        Assert.Equal(0, await receive.ExitCodeAsync());
        Assert.Contains("note: no ownership store", send.Error, StringComparison.Ordinal);
        Assert.Contains("note: no ownership store", receive.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_the_other_end_leaves_the_guest_running()
    {
        string sent = Path.Combine(_host.State, "sent.json");
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to 127.0.0.1:1 {SmallGuest} --json {sent}");
        Assert.Equal(1, await send.ExitCodeAsync());
        ReportDocument report = ProgramRun.Report(sent);
        Assert.Equal(("failed", "connectionLost", "running", "consistent"), (report.Outcome, report.Failure!.Kind, report.Failure.Guest, report.Verified.Guest));
        Assert.Equal(0, await _host.RunAsync("list", "failed"));
        Assert.Contains("failed: connectionLost", _host.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_guest_that_the_destination_does_not_take_is_refused()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, "receive --listen 127.0.0.1:0 --once --memory 16MiB");
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {await receive.Listening} {SmallGuest}");
        Assert.Equal(3, await send.ExitCodeAsync());
        Assert.Equal(3, await receive.ExitCodeAsync());
        Assert.Contains("the guest runs on at the source", send.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_guest_than_the_one_that_is_waited_for_is_refused()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, "receive --listen 127.0.0.1:0 --once --guest 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e");
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {await receive.Listening} {SmallGuest}");
        Assert.Equal(3, await send.ExitCodeAsync());
        Assert.Contains("takes guest 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e only", send.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_once_a_failed_migration_is_reported_and_the_next_one_taken()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen 127.0.0.1:0 --run-for 100ms --ownership {_ownership} -v");
        string address = await receive.Listening;
        using (ProgramRun cancelled = ProgramRun.Start(_host.State, $"send --to {address} {SmallGuest} --bandwidth 2MiB/s --ownership {_ownership} -v"))
        {
            await cancelled.PrintedAsync("S: Phase PreCopy");
            cancelled.Signal(ProgramRun.SIGKILL);
            await cancelled.ExitCodeAsync();
        }

        await receive.PrintedAsync("The guest is lost: no complete copy survived.");
        Assert.Single(new MigrationHistory(new StateDirectory(_host.State)).List(), e => e.Role == "source" && e.Outcome == HistoryEntry.Interrupted);
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {address} {SmallGuest} --ownership {_ownership}");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
    }

    [Fact]
    public async Task Until_Ctrl_C_the_guest_runs_and_is_then_checked_if_wanted()
    {
        string received = Path.Combine(_host.State, "received.json");
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen 127.0.0.1:0 --once --verify -v --json {received}");
        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {await receive.Listening} {SmallGuest}");
        Assert.Equal(0, await send.ExitCodeAsync());
        await receive.PrintedAsync("The guest runs here until Ctrl-C.");
        receive.Signal(ProgramRun.SIGINT);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        Assert.Equal("consistent", ProgramRun.Report(received).Verified.Guest);
    }

    [Theory]
    [InlineData("--once", 130)]
    [InlineData("", 0)]
    public async Task Ctrl_C_while_nobody_came_ends_the_waiting(string once, int code)
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen 127.0.0.1:0 {once}".TrimEnd());
        await receive.Listening;
        receive.Signal(ProgramRun.SIGINT);
        Assert.Equal(code, await receive.ExitCodeAsync());
    }

    [Fact]
    public async Task Plain_text_beyond_this_machine_needs_to_be_asked_for()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, "receive --listen 0.0.0.0:0");
        Assert.Equal(3, await receive.ExitCodeAsync());
        Assert.Contains("--plaintext", receive.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_that_is_taken_is_refused()
    {
        using TcpListener taken = new(IPAddress.Loopback, 0);
        taken.Start();
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen {taken.LocalEndpoint}");
        Assert.Equal(3, await receive.ExitCodeAsync());
        Assert.StartsWith("note: ", receive.Error, StringComparison.Ordinal);
        Assert.Contains($"{taken.LocalEndpoint}", receive.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nonsense_on_the_port_does_not_end_a_receive()
    {
        using ProgramRun receive = ProgramRun.Start(_host.State, "receive --listen 127.0.0.1:0 --run-for 100ms");
        string address = await receive.Listening;
        using (TcpClient client = new())
        {
            await client.ConnectAsync(IPEndPoint.Parse(address));
            await client.GetStream().WriteAsync("GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        }

        using ProgramRun send = ProgramRun.Start(_host.State, $"send --to {address} {SmallGuest}");
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error + receive.Out + receive.Error);
        Assert.Equal(0, await receive.ExitCodeAsync());
    }
}
