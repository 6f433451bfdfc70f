using PageEngine.Cli.Commands;

namespace PageEngine.Cli.Bench;

// Owns: `bench`: what can be measured.

internal static class BenchCommand
{
    /// <summary>Makes the command.</summary>
    public static ExampleCommand Create(Host host) => new(
        "bench",
        "Measures what this link and these hosts can do.",
        "pageengine bench link",
        "pageengine bench migrate --runs 5")
    {
        BenchLinkCommand.Create(host),
        BenchMigrateCommand.Create(host),
    };
}
