using System.Diagnostics;
using System.Globalization;
using PageEngine.Cli.Output;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: two programs on two hosts, as far as the network goes: namespaces joined by a shaped veth pair.

public sealed class NamespaceTests : IDisposable
{
    private const string SourceAddress = "10.78.0.1";
    private const string DestinationAddress = "10.78.0.2";

    private readonly TestHost _host = new();
    private readonly string _source = string.Create(CultureInfo.InvariantCulture, $"pe-test-s{Environment.ProcessId}");
    private readonly string _destination = string.Create(CultureInfo.InvariantCulture, $"pe-test-d{Environment.ProcessId}");

    public void Dispose()
    {
        Run($"ip netns del {_source}", mustWork: false);
        Run($"ip netns del {_destination}", mustWork: false);
        _host.Dispose();
    }

    [NetworkNamespaceFact]
    public async Task Two_programs_in_two_namespaces_move_a_guest_over_a_shaped_link()
    {
        Join();
        string sent = Path.Combine(_host.State, "sent.json");
        string log = Path.Combine(_host.State, "send.log");
        using ProgramRun receive = ProgramRun.Start(
            Path.Combine(_host.State, "d"), $"receive --listen {DestinationAddress}:7000 --once --run-for 200ms --plaintext", _destination);
        Assert.Equal($"{DestinationAddress}:7000", await receive.Listening);
        using ProgramRun send = ProgramRun.Start(
            Path.Combine(_host.State, "s"),
            $"send --to {DestinationAddress}:7000 --bind {SourceAddress} --plaintext --memory 64MiB --workload hot:4MiB@10MiB/s --warmup 200ms --verify --json {sent} --log {log}",
            _source);
        Assert.True(await send.ExitCodeAsync() == 0, send.Out + send.Error);
        Assert.True(await receive.ExitCodeAsync() == 0, receive.Out + receive.Error);
        ReportDocument report = ProgramRun.Report(sent);
        Assert.Equal("identical", report.Verified.Memory);

        // The link carries 125,000,000 bytes a second: a report of more would be wrong.
        Assert.InRange(report.Rounds[0].TransmitBytesPerSecond, 1, 126_000_000);
        string lines = await File.ReadAllTextAsync(log);
        string id = report.MigrationId.ToString(CultureInfo.InvariantCulture);
        Assert.Contains($"Source ts = {id}, src ip = <{SourceAddress}", lines, StringComparison.Ordinal);
        Assert.Contains("modified pages (last = -1)", lines, StringComparison.Ordinal);
        Assert.Contains("Stopping pre-copy: only ", lines, StringComparison.Ordinal);
        Assert.Contains("Sent all modified pages to destination (network bandwidth ~", lines, StringComparison.Ordinal);
        Assert.All(lines.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Contains(id, line, StringComparison.Ordinal));
    }

    [NetworkNamespaceFact]
    public async Task Beyond_loopback_plain_text_must_be_asked_for()
    {
        Join();
        using ProgramRun receive = ProgramRun.Start(_host.State, $"receive --listen {DestinationAddress}:7000 --once", _destination);
        Assert.NotEqual(0, await receive.ExitCodeAsync());
        Assert.Contains("--plaintext", receive.Error, StringComparison.Ordinal);
    }

    private void Join()
    {
        Run($"ip netns add {_source}");
        Run($"ip netns add {_destination}");
        Run($"ip -n {_source} link add veth0 type veth peer name veth0 netns {_destination}");
        Run($"ip -n {_source} addr add {SourceAddress}/24 dev veth0");
        Run($"ip -n {_destination} addr add {DestinationAddress}/24 dev veth0");
        foreach (string space in new[] { _source, _destination })
        {
            Run($"ip -n {space} link set lo up");
            Run($"ip -n {space} link set veth0 up");
            Run($"tc -n {space} qdisc add dev veth0 root tbf rate 1gbit burst 256kb latency 50ms");
        }
    }

    private static void Run(string command, bool mustWork = true)
    {
        string[] words = command.Split(' ');
        using var process = Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0 || !mustWork, $"{command}: {error}");
    }
}

/// <summary>A test that makes network namespaces, which needs root.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class NetworkNamespaceFactAttribute : FactAttribute
{
    public NetworkNamespaceFactAttribute()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            Skip = "network namespaces need root";
        }
    }
}
