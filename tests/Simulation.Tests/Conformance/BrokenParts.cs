using PageEngine.Simulation.Conformance;
using Xunit;

namespace PageEngine.Simulation.Tests.Conformance;

// Owns: what every suite's tests ask of its table of broken parts: each breaks the rules it is there for, and no check is
// without a part that it catches.

internal static class BrokenParts
{
    internal static TheoryData<string, string> Pairs(IEnumerable<(string Part, string[] Checks)> table)
    {
        var data = new TheoryData<string, string>();
        foreach ((string part, string[] checks) in table)
        {
            foreach (string check in checks)
            {
                data.Add(part, check);
            }
        }

        return data;
    }

    internal static TheoryData<string> Names(IEnumerable<ConformanceCheck> checks)
    {
        var data = new TheoryData<string>();
        foreach (ConformanceCheck check in checks)
        {
            data.Add(check.Name);
        }

        return data;
    }

    internal static void EveryCheckCatchesOne(IEnumerable<ConformanceCheck> checks, IEnumerable<(string Part, string[] Checks)> table)
    {
        string[] caught = [.. table.SelectMany(entry => entry.Checks)];
        Assert.Empty(checks.Select(check => check.Name).Except(caught));
        Assert.Empty(caught.Except(checks.Select(check => check.Name)));
        Assert.Equal(checks.Count(), checks.Select(check => check.Name).Distinct().Count());
        Assert.All(checks, check => Assert.EndsWith(".", check.Rule, StringComparison.Ordinal));
    }

    internal static void Catches(ConformanceResult result)
    {
        Assert.True(result.Status == ConformanceStatus.Failed, $"The check does not catch it: {result}");
        ConformanceException e = Assert.Throws<ConformanceException>(result.ThrowIfFailed);
        Assert.Contains(result.Check.Rule, e.Message, StringComparison.Ordinal);
    }
}
