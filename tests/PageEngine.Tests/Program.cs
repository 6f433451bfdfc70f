using PageEngine.Tests.Tracing;

namespace PageEngine.Tests;

// Owns: what this assembly does as a program: it is the child process of tests that need one. The test runner loads it
// as a library and never comes here.
internal static class Program
{
    private static int Main(string[] arguments) => arguments switch
    {
        ["trace-as", string uid] => OrdinaryUserChild.Run(uint.Parse(uid, System.Globalization.CultureInfo.InvariantCulture)),
        _ => 64,
    };
}
