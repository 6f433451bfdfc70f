using System.Diagnostics;
using System.Globalization;
using PageEngine.Cli.Commands;
using PageEngine.Cli.History;
using Xunit;

namespace PageEngine.Cli.Tests.Commands;

public sealed class ScratchDirectoryTests : IDisposable
{
    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void A_directory_goes_with_everything_in_it()
    {
        string path;
        using (ScratchDirectory scratch = ScratchDirectory.Create())
        {
            path = scratch.Path;
            File.WriteAllText(Path.Combine(scratch.Subdirectory("a"), "b"), "c");
            Assert.True(Directory.Exists(path));
        }

        Assert.False(Directory.Exists(path));
    }

    [Fact]
    public void What_a_killed_process_left_is_removed_and_nothing_else()
    {
        using Process gone = Process.Start("true")!;
        gone.WaitForExit();
        string left = Make(string.Create(CultureInfo.InvariantCulture, $"pageengine-{gone.Id}-1-x"));
        string reused = Make(string.Create(CultureInfo.InvariantCulture, $"pageengine-{Environment.ProcessId}-1-x"));
        string alive = Make(string.Create(CultureInfo.InvariantCulture, $"pageengine-{Environment.ProcessId}-{ProcessIdentity.StartTicks(Environment.ProcessId)}-x"));
        string other = Make("pageengine-something-else");
        using ScratchDirectory scratch = ScratchDirectory.CreateIn(_host.State);
        Assert.Equal([(left, false), (reused, false), (alive, true), (other, true)], new[] { left, reused, alive, other }.Select(p => (p, Directory.Exists(p))));
    }

    [Fact]
    public void A_parent_that_is_not_there_is_an_error_that_falls_back() =>
        Assert.ThrowsAny<IOException>(() => ScratchDirectory.CreateIn("/nowhere/at/all"));

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_host.State, name)).FullName;
}
