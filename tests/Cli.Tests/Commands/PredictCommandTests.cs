using System.Text.Json;
using Xunit;

namespace PageEngine.Cli.Tests.Commands;

public sealed class PredictCommandTests : IDisposable
{
    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task The_textbook_example_comes_out_exactly()
    {
        Assert.Equal(0, await _host.RunAsync("predict", "--memory", "2048MiB", "--bandwidth", "128MiB/s", "--dirty-rate", "32MiB/s", "--goal", "100ms"));
        Assert.Matches(@"(?m)^\s+0\s+2,048 MiB\s+16 s\s+512 MiB", _host.Out);
        Assert.Matches(@"(?m)^\s+1\s+512 MiB\s+4 s\s+128 MiB", _host.Out);
        Assert.Matches(@"(?m)^\s+2\s+128 MiB\s+1 s\s+32 MiB", _host.Out);
        Assert.Matches(@"(?m)^\s+3\s+32 MiB\s+0\.25 s\s+8 MiB", _host.Out);
        Assert.Matches(@"(?m)^\s+paused\s+8 MiB\s+0\.0625 s", _host.Out);
        Assert.Contains("total     21.3125 s, 2,728 MiB sent", _host.Out, StringComparison.Ordinal);
        Assert.Contains("blackout  0.0625 s", _host.Out, StringComparison.Ordinal);
        Assert.Contains("The goal of 0.1 s is met after 4 rounds.", _host.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_on_stdout_is_alone_there()
    {
        Assert.Equal(0, await _host.RunAsync("predict", "--memory", "2048MiB", "--bandwidth", "128MiB/s", "--dirty-rate", "32MiB/s", "--goal", "100ms", "--json", "-"));
        using JsonDocument json = JsonDocument.Parse(_host.Out);
        JsonElement root = json.RootElement;
        Assert.Equal("goalMet", root.GetProperty("outcome").GetString());
        Assert.Equal(21_312.5, root.GetProperty("totalMs").GetDouble());
        Assert.Equal(62.5, root.GetProperty("blackoutMs").GetDouble());
        Assert.Equal(2728L << 20, root.GetProperty("totalBytes").GetInt64());
        Assert.Equal([2048L << 20, 512L << 20, 128L << 20, 32L << 20], root.GetProperty("rounds").EnumerateArray().Select(r => r.GetProperty("sentBytes").GetInt64()));
    }

    [Fact]
    public async Task A_guest_faster_than_the_link_is_a_forecast_too()
    {
        Assert.Equal(0, await _host.RunAsync("predict", "--memory", "1GiB", "--bandwidth", "1Gbit/s", "--dirty-rate", "200MiB/s"));
        Assert.Contains("cannot be met: what is left stops shrinking", _host.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_working_set_bounds_what_is_left()
    {
        Assert.Equal(0, await _host.RunAsync(
            "predict", "--memory", "1GiB", "--bandwidth", "128MiB/s", "--dirty-rate", "1GiB/s", "--working-set", "32MiB", "--goal", "300ms", "--fixed", "10ms"));
        Assert.Contains("blackout  0.26 s, 0.01 s of it fixed", _host.Out, StringComparison.Ordinal);
        Assert.Contains("The goal of 0.3 s is met after 1 round.", _host.Out, StringComparison.Ordinal);
    }
}
