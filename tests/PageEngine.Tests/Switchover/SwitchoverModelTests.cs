using PageEngine.Switchover;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Tests.Switchover;

// Owns: the promise of the protocol over every order of events within the bounds: at most one guest active, never an
// incomplete or outdated one, discard and free only once it is decided, and somebody runs or a side says why not.

public sealed class SwitchoverModelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData((int)OwnershipMode.Store, 1, 2)]
    [InlineData((int)OwnershipMode.Store, 2, 0)]
    [InlineData((int)OwnershipMode.NoStore, 1, 2)]
    [InlineData((int)OwnershipMode.NoStore, 2, 1)]
    public void Protocol_inEveryOrderOfEvents_keepsItsPromises(int mode, int attempts, int crashes)
    {
        Exploration found = Explorer.Run(new Rules { Mode = (OwnershipMode)mode, Attempts = attempts, Crashes = crashes });
        output.WriteLine(found.ToString());
        Assert.True(found.Violation is null, found.ToString());
    }
}
