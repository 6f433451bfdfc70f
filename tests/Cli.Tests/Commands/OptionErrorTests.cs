using System.Net;
using PageEngine.Cli.Commands;
using Xunit;

namespace PageEngine.Cli.Tests.Commands;

public sealed class OptionErrorTests : IDisposable
{
    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Theory]
    [InlineData("predict --memory 1GiB --bandwidth 100Mbit --dirty-rate 1MiB/s", "--bandwidth: '100Mbit' is not a rate")]
    [InlineData("predict --memory 1GiB --bandwidth 0B/s --dirty-rate 1MiB/s", "--bandwidth: '0B/s' is no rate")]
    [InlineData("predict --memory 0 --bandwidth 1MiB/s --dirty-rate 1MiB/s", "--memory: '0' is no memory")]
    [InlineData("predict --memory 1GiB --bandwidth 1MiB/s", "'--dirty-rate' is required")]
    [InlineData("predict --memory 1GiB --bandwidth 1MiB/s --dirty-rate 1MiB/s --goal 5", "--goal: '5' is not a duration")]
    [InlineData("list everything", "'everything' is no list")]
    [InlineData("show seven", "'seven' is no migration id")]
    [InlineData("show 0", "'0' is no migration id")]
    [InlineData("demo --memory 5", "--memory: '5' is not a multiple of 4096 bytes")]
    [InlineData("demo --memory 0", "--memory: '0' is not a multiple of 4096 bytes")]
    [InlineData("demo --memory 1GB", "--memory: '1GB' is not a size: unknown unit 'GB'")]
    [InlineData("demo --memory 4096 --vcpus 1", "at least")]
    [InlineData("demo --vcpus 0", "--vcpus: '0' is not a whole number from 1 to 64")]
    [InlineData("demo --fill 101", "--fill: '101' is not a whole number from 0 to 100")]
    [InlineData("demo --streams 65", "--streams: '65' is not a whole number from 0 to 64")]
    [InlineData("demo --workload nonsense@1MiB/s", "there is no workload 'nonsense'")]
    [InlineData("demo --workload idle --workload hot:1MiB", "'@' and a rate, or '@max', are missing")]
    [InlineData("demo --memory 64MiB --workload uniform@max --workload seq@1MiB/s", "cannot be combined")]
    [InlineData("demo --goal 0ms", "--goal: '0ms' is no time to wait for")]
    [InlineData("demo --start-timeout 5", "--start-timeout: '5' is not a duration")]
    [InlineData("send --to 127.0.0.1:1 --resume-timeout 0s", "--resume-timeout: '0s' is no time to wait for")]
    [InlineData("receive --listen 127.0.0.1:0 --claim-timeout 90000s", "--claim-timeout: '90000s' is not between")]
    [InlineData("demo --network-timeout 10ms", "--network-timeout: '10ms' is not between 100ms and 24h")]
    [InlineData("resolve seven", "'seven' is no migration id")]
    [InlineData("resolve 7 --other-side-is-dead --other-side-runs", "contradict each other")]
    [InlineData("resolve 7", "Nothing is open about migration 7")]
    [InlineData("qemu receive --qmp /x --listen 127.0.0.1:0 --map /a=/b", "only with --launch")]
    [InlineData("qemu receive --qmp /x --listen 127.0.0.1:0 --launch --map /a", "--map: '/a' is no OLD=NEW")]
    [InlineData("demo --if-stalled perhaps", "--if-stalled: 'perhaps' is not one of give-up, force")]
    [InlineData("demo --tracer magic", "--tracer: 'magic' is not one of auto, kernel, explicit")]
    [InlineData("demo --bandwidth fast", "--bandwidth: 'fast' is not a rate")]
    [InlineData("demo --guest me", "--guest: 'me' is no UUID")]
    [InlineData("demo --id -1", "--id: '-1' is no migration id")]
    [InlineData("demo --seed x", "--seed: 'x' is not a whole number")]
    [InlineData("demo --bind here", "--bind: 'here' is no address")]
    [InlineData("demo --compress rar", "--compress: 'rar' is not one of auto, none, lz4, zstd")]
    [InlineData("demo --page-cache much", "--page-cache: 'much'")]
    [InlineData("demo --tls-cert a.pem", "TLS needs --tls-cert, --tls-key and --tls-ca together: --tls-key and --tls-ca are missing.")]
    [InlineData("send --to 127.0.0.1:1 --tls-key a.pem --tls-ca b.pem", "--tls-cert is missing.")]
    [InlineData("receive --listen 127.0.0.1:0 --tls-cert /nowhere/a.pem --tls-key /nowhere/a.key --tls-ca /nowhere/ca.pem", "The TLS certificate in /nowhere/a.pem cannot be used")]
    [InlineData("bench link --listen 127.0.0.1:0 --to 127.0.0.1:1", "--listen and --to are the two sides of a measurement")]
    [InlineData("bench link --streams 1,x", "--streams: '1,x' holds 'x', which is not a whole number from 1 to")]
    [InlineData("bench link --run 5000", "--run: '5000' holds '5000', which is not a multiple of 4096 bytes")]
    [InlineData("bench link --tls-cert a.pem", "TLS needs --tls-cert, --tls-key and --tls-ca together")]
    [InlineData("bench link --congestion nonsense", "--congestion: 'nonsense' is no congestion control that this host has")]
    [InlineData("demo --congestion nonsense", "--congestion: 'nonsense' is no congestion control that this host has")]
    [InlineData("bench migrate --runs 0", "--runs: '0' is not a whole number from 1 to 1000")]
    [InlineData("bench migrate --workload nonsense", "--workload:")]
    [InlineData("demo --json /nowhere/report.json", "--json: '/nowhere/report.json' cannot be written")]
    [InlineData("demo --json /tmp", "--json: '/tmp' cannot be written")]
    [InlineData("demo --log /nowhere/at/all.log", "The log file /nowhere/at/all.log cannot be opened")]
    [InlineData("send", "'--to' is required")]
    [InlineData("send --to 127.0.0.1", "--to: '127.0.0.1' is no HOST:PORT")]
    [InlineData("send --to 127.0.0.1:0", "--to: '127.0.0.1:0' is no HOST:PORT")]
    [InlineData("send --to 127.0.0.1:65536", "--to: '127.0.0.1:65536' is no HOST:PORT")]
    [InlineData("send --to ::1:4444", "--to: '::1:4444' is no HOST:PORT")]
    [InlineData("receive", "'--listen' is required")]
    [InlineData("receive --listen 127.0.0.1:0 --reserve", "--reserve needs --memory")]
    [InlineData("receive --listen no.such.host.invalid:4444", "which cannot be resolved")]
    [InlineData("receive --listen 127.0.0.1:0 --run-for soon", "--run-for: 'soon' is not a duration")]
    [InlineData("qemu send", "qemu")]
    [InlineData("bogus", "bogus")]
    [InlineData("", "Required command was not provided")]
    public async Task Wrong_arguments_are_named_with_an_example(string arguments, string error)
    {
        Assert.Equal(2, await _host.RunAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Contains(error, _host.Error, StringComparison.Ordinal);
        Assert.StartsWith("error: ", _host.Error, StringComparison.Ordinal);
        Assert.Contains("example: pageengine ", _host.Error, StringComparison.Ordinal);
        Assert.Empty(_host.Out);
        Assert.DoesNotContain("   at ", _host.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--memory 64MiB --vcpus 2 --workload idle --workload seq@1MiB/s --fill 50 --guest 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e --streams 2")]
    [InlineData("--goal 500ms --max-rounds 30 --abort-after 100s --if-stalled force --bandwidth 1Gbit/s --compress zstd --page-cache 0 --tracer explicit")]
    [InlineData("--ownership /tmp/o --bind 127.0.0.1 --data-listen 127.0.0.1:4445 --plaintext --verify --seed 7 --json - --log /tmp/l --id 5 -v")]
    public void Every_common_option_is_known_to_all_three_commands(string options)
    {
        foreach (string command in (string[])["demo", "send --to 127.0.0.1:1", "receive --listen 127.0.0.1:0"])
        {
            Assert.Empty(CommandLine.Create(_host.Host).Parse($"{command} {options}").Errors);
        }
    }

    [Theory]
    [InlineData("[::1]:4444", "[::1]:4444")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("0.0.0.0:65535", "0.0.0.0:65535")]
    public void Listen_addresses_of_both_families_are_read(string text, string endPoint) =>
        Assert.Equal(endPoint, OptionParsers.ListenAddress(text).Value?.ToString());

    [Fact]
    public void A_peer_may_be_a_name()
    {
        DnsEndPoint peer = Assert.IsType<DnsEndPoint>(OptionParsers.PeerAddress("host.example:4444").Value);
        Assert.Equal(("host.example", 4444), (peer.Host, peer.Port));
    }

    [Theory]
    [InlineData("")]
    [InlineData("demo")]
    [InlineData("send")]
    [InlineData("receive")]
    [InlineData("predict")]
    [InlineData("list")]
    [InlineData("show")]
    public async Task Help_shows_examples_even_where_options_are_missing(string command)
    {
        Assert.Equal(0, await _host.RunAsync([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]));
        Assert.Matches(@"(?s)Usage:\s+pageengine.*Examples:\s+pageengine", _host.Out);
        Assert.Empty(_host.Error);
    }

    [Fact]
    public async Task Version_is_one_line()
    {
        Assert.Equal(0, await _host.RunAsync("--version"));
        Assert.Single(_host.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_stack_trace_needs_debug()
    {
        Host host = _host.Host with { Variable = name => name == "PAGEENGINE_STATE" ? "/proc/nowhere" : null };
        Assert.Equal(3, await CommandLine.RunAsync(["send", "--to", "127.0.0.1:1"], host));
        Assert.DoesNotContain("   at ", _host.Error, StringComparison.Ordinal);
        Assert.Equal(3, await CommandLine.RunAsync(["send", "--to", "127.0.0.1:1", "--debug"], host));
        Assert.Contains("   at ", _host.Error, StringComparison.Ordinal);
    }
}
