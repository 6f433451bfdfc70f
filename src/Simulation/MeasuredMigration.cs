using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Simulation.Workloads;

namespace PageEngine.Simulation;

// Owns: the way from a real run's report to a simulation of it: what was measured becomes the guest and the link. Pure.

/// <summary>
/// What a real migration measured, as the input of a simulation. The link's rate and the collect's time are taken round by
/// round; the guest is fitted to all rounds at once: page writes at one rate, drawn evenly from one set, so that the
/// sizes of the rounds are the simulation's own and not the measured ones copied.
/// </summary>
public sealed record MeasuredMigration
{
    /// <summary>Rounds that offered fewer pages say more about the latency of their barrier than about the guest: they are
    /// used neither to fit nor to judge. 1,000 pages are 4 MiB, about one batch.</summary>
    public const long SmallRoundPages = 1000;

    private MeasuredMigration(int pages, int zeroPages, IReadOnlyList<RoundStatistics> rounds, double writes, long workingSet)
    {
        Pages = pages;
        ZeroPages = zeroPages;
        Rounds = rounds;
        WriteBytesPerSecond = writes;
        WorkingSetBytes = workingSet;
    }

    /// <summary>Gets the guest's pages.</summary>
    public int Pages { get; }

    /// <summary>Gets how many of them were zero.</summary>
    public int ZeroPages { get; }

    /// <summary>Gets the measured rounds.</summary>
    public IReadOnlyList<RoundStatistics> Rounds { get; }

    /// <summary>Gets the fitted rate of page writes, repeated ones included, bytes per second.</summary>
    public double WriteBytesPerSecond { get; }

    /// <summary>Gets the fitted set of pages that is written, in bytes.</summary>
    public long WorkingSetBytes { get; }

    /// <summary>Takes a report.</summary>
    /// <param name="report">A source's report with at least one round.</param>
    /// <exception cref="ArgumentException">It has no round, or none that took time.</exception>
    public static MeasuredMigration From(MigrationReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return From(report.Rounds, report.MemoryBytes);
    }

    /// <summary>Takes rounds.</summary>
    /// <param name="rounds">Measured rounds, oldest first, all under the same throttle.</param>
    /// <param name="memoryBytes">The guest's memory.</param>
    /// <exception cref="ArgumentException">There is no round, or none that took time.</exception>
    public static MeasuredMigration From(IReadOnlyList<RoundStatistics> rounds, long memoryBytes)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        ArgumentOutOfRangeException.ThrowIfLessThan(memoryBytes, MemoryLayout.PageBytes);
        if (rounds.Count == 0 || rounds.Any(round => round.Duration <= TimeSpan.Zero || round.WireBytes <= 0))
        {
            throw new ArgumentException("At least one round is needed, and each must have taken time and carried bytes.", nameof(rounds));
        }

        int pages = checked((int)(memoryBytes / MemoryLayout.PageBytes));
        RoundStatistics[] telling = [.. rounds.Where(round => round.DirtyPages >= SmallRoundPages)];
        (double writes, double set) = Fit(telling.Length > 0 ? telling : [.. rounds], pages);
        return new MeasuredMigration(
            pages, (int)Math.Min(pages, rounds[0].ZeroPages), rounds, writes * MemoryLayout.PageBytes, (long)set * MemoryLayout.PageBytes);
    }

    /// <summary>Makes the options of a simulation of this run.</summary>
    /// <param name="policy">What makes the policy; null to make as many rounds as were measured and then switch over.</param>
    public SimulationOptions ToOptions(Func<IMigrationPolicy>? policy = null)
    {
        int perPage = (int)Math.Round(Rounds.Where(round => round.SentPages > 0)
            .Select(round => (round.WireBytes - round.ZeroPages) / (double)round.SentPages).DefaultIfEmpty(MemoryLayout.PageBytes).Average());
        return new SimulationOptions
        {
            Guest = new SimulatedGuest
            {
                Pages = Pages,
                ZeroPages = ZeroPages,
                Workload = new UniformWorkload(WriteBytesPerSecond, WorkingSetBytes),
            },
            Link = new SimulatedLink
            {
                BandwidthBytesPerSecond = Rounds.Sum(round => round.WireBytes) / Rounds.Sum(round => round.Duration.TotalSeconds),
                BandwidthOfRounds = [.. Rounds.Select(round => round.TransmitBytesPerSecond)],
                StreamLatency = TimeSpan.Zero,
                ControlLatency = TimeSpan.Zero,
                WireBytesPerPage = Math.Max(1, perPage),
            },
            Costs = new SimulatedCosts { HarvestOfRounds = [.. Rounds.Select(round => round.HarvestDuration)] },
            Policy = policy ?? (() => new RoundLimitPolicy(Rounds.Count, fewPages: 0)),
        };
    }

    // W (1 - e^(-r t / W)) pages are dirty after t seconds of r writes per second. For each W the best r is looked for, for
    // the least relative error over the rounds; both logarithmically, finer and finer.
    private static (double Writes, double Set) Fit(RoundStatistics[] rounds, int pages)
    {
        (double Writes, double Set, double Error) best = (0, pages, double.MaxValue);
        double most = Math.Max(1, rounds.Max(round => round.DirtiedPages / round.Duration.TotalSeconds));
        double lowSet = Math.Max(1, rounds.Max(round => round.DirtiedPages));
        double highSet = pages;
        double lowRate = most / 4;
        double highRate = most * 64;
        for (int refinement = 0; refinement < 4; refinement++)
        {
            foreach (double set in Steps(lowSet, highSet))
            {
                foreach (double rate in Steps(lowRate, highRate))
                {
                    double error = rounds.Sum(round => Error(round, rate, set));
                    best = error < best.Error ? (rate, set, error) : best;
                }
            }

            double setStep = Math.Pow(highSet / lowSet, 2.0 / 64);
            double rateStep = Math.Pow(highRate / lowRate, 2.0 / 64);
            (lowSet, highSet) = (Math.Max(1, best.Set / setStep), Math.Min(pages, best.Set * setStep));
            (lowRate, highRate) = (best.Writes / rateStep, best.Writes * rateStep);
        }

        return (rounds.All(round => round.DirtiedPages == 0) ? 0 : best.Writes, best.Set);
    }

    private static double Error(RoundStatistics round, double rate, double set)
    {
        double expected = set * (1 - Math.Exp(-rate * round.Duration.TotalSeconds / set));
        double relative = (expected - round.DirtiedPages) / Math.Max(1, round.DirtiedPages);
        return relative * relative;
    }

    private static IEnumerable<double> Steps(double low, double high)
    {
        double step = Math.Pow(high / low, 1.0 / 64);
        for (int i = 0; i <= 64; i++)
        {
            yield return low * Math.Pow(step, i);
        }
    }
}
