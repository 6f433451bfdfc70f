using System.Text.Json;
using PageEngine.Memory;
using PageEngine.Planning;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Simulation.Tests;

// Owns: how close a simulation comes to a real run. The reports in Reports/ are of real runs of 512 MiB guests over a link
// of 1 Gbit/s, written by `pageengine demo --memory 512MiB --workload W --bandwidth 1Gbit/s --json FILE`.
public sealed class MeasuredMigrationTests(ITestOutputHelper output)
{
    private const double Tolerance = 0.15;

    // Each report's rounds of 1,000 pages and more. Left out: the uniform run's last round of 588 pages, 17 ms.
    [Theory]
    [InlineData("uniform-50MiB.json", 6)]
    [InlineData("hot-64MiB.json", 2)]
    public void SimulationOfMeasuredRates_hasTheRealRunsRoundSizes(string file, int judged)
    {
        (IReadOnlyList<RoundStatistics> real, long memoryBytes, long remaining) = Read(file);
        var measured = MeasuredMigration.From(real, memoryBytes);
        SimulationResult simulated = Simulator.Run(measured.ToOptions());
        output.WriteLine($"{file}: writes {measured.WriteBytesPerSecond / (1 << 20):0.0} MiB/s over {measured.WorkingSetBytes >> 20} MiB");
        Assert.Equal(SimulationOutcome.RunsAtDestination, simulated.Outcome);
        Assert.Equal(real.Count, simulated.Rounds.Count);
        Assert.Equal(judged, AssertClose(real, simulated.Rounds, from: 0));
        if (remaining >= MeasuredMigration.SmallRoundPages)
        {
            AssertClose("remaining", remaining, simulated.RemainingPages);
        }
    }

    [Fact]
    public void SimulationOfThreeRounds_foretellsTheLaterOnes()
    {
        (IReadOnlyList<RoundStatistics> real, long memoryBytes, _) = Read("uniform-50MiB.json");
        var measured = MeasuredMigration.From([.. real.Take(3)], memoryBytes);
        SimulationResult simulated = Simulator.Run(measured.ToOptions(() => new RoundLimitPolicy(real.Count, fewPages: 0)));
        Assert.Equal(3, AssertClose(real, simulated.Rounds, from: 3));
    }

    [Fact]
    public void MeasurementThatSaysNothing_isRefused()
    {
        Assert.Throws<ArgumentException>(() => MeasuredMigration.From([], 1 << 20));
        (IReadOnlyList<RoundStatistics> real, long memoryBytes, _) = Read("hot-64MiB.json");
        Assert.Throws<ArgumentException>(() => MeasuredMigration.From([real[0] with { Duration = TimeSpan.Zero }], memoryBytes));
    }

    private int AssertClose(IReadOnlyList<RoundStatistics> real, IReadOnlyList<RoundStatistics> simulated, int from)
    {
        int judged = 0;
        for (int i = from; i < real.Count; i++)
        {
            if (real[i].DirtyPages < MeasuredMigration.SmallRoundPages)
            {
                output.WriteLine($"round {i}: real {real[i].DirtyPages} pages, simulated {simulated[i].DirtyPages}: too small to judge");
                continue;
            }

            AssertClose($"round {i}", real[i].DirtyPages, simulated[i].DirtyPages);
            judged++;
        }

        return judged;
    }

    private void AssertClose(string what, long real, long simulated)
    {
        double off = (simulated - real) / (double)real;
        output.WriteLine($"{what}: real {real} pages, simulated {simulated}, {100 * off:+0.0;-0.0} %");
        Assert.True(Math.Abs(off) <= Tolerance, $"{what}: real {real} pages, simulated {simulated}, {100 * off:+0.0;-0.0} %");
    }

    private static (IReadOnlyList<RoundStatistics> Rounds, long MemoryBytes, long Remaining) Read(string file)
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Reports", file)));
        RoundStatistics[] rounds = [.. report.RootElement.GetProperty("rounds").EnumerateArray().Select(round =>
        {
            double milliseconds = round.GetProperty("durationMs").GetDouble();
            return new RoundStatistics
            {
                Index = round.GetProperty("index").GetInt32(),
                DirtyPages = round.GetProperty("dirtyPages").GetInt64(),
                SentPages = round.GetProperty("sentPages").GetInt64(),
                ZeroPages = round.GetProperty("zeroPages").GetInt64(),
                WireBytes = round.GetProperty("wireBytes").GetInt64(),
                Duration = TimeSpan.FromMilliseconds(milliseconds),
                HarvestDuration = TimeSpan.Zero,
                DirtiedPages = (long)Math.Round(round.GetProperty("dirtyBytesPerSecond").GetDouble() * milliseconds / 1000 / MemoryLayout.PageBytes),
            };
        })];
        return (rounds, report.RootElement.GetProperty("memoryBytes").GetInt64(), report.RootElement.GetProperty("switchover").GetProperty("remainingPages").GetInt64());
    }
}
