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
}
