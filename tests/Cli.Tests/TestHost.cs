using System.Globalization;
using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Tests;

// Owns: a program run inside the test: what it prints, and a state directory of its own.

internal sealed class TestHost : IDisposable
{
    private readonly StringWriter _out = new(CultureInfo.InvariantCulture);
    private readonly StringWriter _error = new(CultureInfo.InvariantCulture);

    public TestHost()
    {
        State = Directory.CreateTempSubdirectory("pageengine-test-").FullName;
        Host = new Host
        {
            Out = _out,
            Error = _error,
            Variable = name => name == "PAGEENGINE_STATE" ? State : null,
        };
    }

    public string State { get; }

    public Host Host { get; init; }

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    public Task<int> RunAsync(params string[] arguments) => CommandLine.RunAsync(arguments, Host);

    public void Dispose() => Directory.Delete(State, recursive: true);
}
