using PageEngine.Simulation.Faults;
using PageEngine.Simulation.Running;
using PageEngine.Simulation.Workloads;

namespace PageEngine.Simulation.Generators;

// Owns: what a seed stands for: a guest, a link, timers and faults. The same seed is the same scenario for ever within a
// version, so a failing run is reported as one number.

/// <summary>Scenarios drawn from a seed. FsCheck users take <see cref="SimulationArbitraries"/>.</summary>
public static class SimulationScenario
{
    private static readonly SimulatedMessageKind[] _controlMessages =
    [
        SimulatedMessageKind.Prepare, SimulatedMessageKind.Prepared, SimulatedMessageKind.Commit, SimulatedMessageKind.Running,
        SimulatedMessageKind.HandedBack, SimulatedMessageKind.Abort, SimulatedMessageKind.Refused,
    ];

    /// <summary>Draws a whole scenario: small, so that much of it happens in the protocol and little in the rounds.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="maxFaults">The most faults.</param>
    public static SimulationOptions FromSeed(ulong seed, int maxFaults = 6)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxFaults);
        var random = new SimulationRandom(SimulationRandom.Derive(seed, purpose: 10));
        int pages = 1 + random.Below(48);
        return new SimulationOptions
        {
            Seed = seed,
            Guest = new SimulatedGuest
            {
                Pages = pages,
                ZeroPages = random.Below(pages + 1),
                Workload = WorkloadFrom(ref random),
                CanBeThrottled = random.Chance(0.5),
            },
            Link = new SimulatedLink
            {
                BandwidthBytesPerSecond = 1e6 * Math.Pow(1000, random.Fraction()),
                Streams = 1 + random.Below(3),
                StreamLatency = random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(20)),
                ControlLatency = random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(20)),
                Jitter = random.Chance(0.3) ? random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(30)) : TimeSpan.Zero,
                PagesPerBatch = 1 + random.Below(16),
            },
            HasStore = random.Chance(0.8),
            Attempts = 1 + random.Below(3),
            Faults = FaultsFrom(seed, maxFaults),
        };
    }

    /// <summary>Draws faults. Every one of them ceases, and what it broke comes back.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="maxFaults">The most faults; none is drawn too.</param>
    public static FaultSchedule FaultsFrom(ulong seed, int maxFaults = 6)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxFaults);
        var random = new SimulationRandom(SimulationRandom.Derive(seed, purpose: 11));
        var faults = new SimulationFault[random.Below(maxFaults + 1)];
        for (int i = 0; i < faults.Length; i++)
        {
            faults[i] = FaultFrom(ref random);
        }

        return new FaultSchedule(faults);
    }

    internal static SimulationFault FaultFrom(ref SimulationRandom random)
    {
        SimulatedSide side = random.Chance(0.5) ? SimulatedSide.Source : SimulatedSide.Destination;
        switch (random.Below(20))
        {
            case 0:
                return new MessageLoss(Message(ref random), random.Below(3), 1 + random.Below(3));
            case 1:
                return new MessageLoss(random.Chance(0.5) ? SimulatedMessageKind.Pages : SimulatedMessageKind.RoundEnd, random.Below(12), 1 + random.Below(3));
            case 2:
                return new MessageDuplication(Message(ref random), random.Below(2), 1 + random.Below(3), Duration(ref random));
            case 3:
                return new MessageDelay(Message(ref random), random.Below(2), 1 + random.Below(2), Duration(ref random));
            case 4:
                return new MessageReordering(random.Below(3), 1 + random.Below(6), TimeSpan.FromMilliseconds(random.Below(200)));
            case 5:
                return new ConnectionCut(At(ref random));
            case 6:
                return new BlackHole(At(ref random), Duration(ref random));
            case 7 or 8 or 9:
                return new CrashBeforeEffect(side, random.Below(24), random.Chance(0.5), Duration(ref random));
            case 10:
                return new CrashAt(side, At(ref random), random.Chance(0.5), Duration(ref random));
            case 11:
                return new PauseBeforeEffect(side, random.Below(24), Duration(ref random));
            case 12:
                return new PauseAt((SimulatedSide)(1 + random.Below(3)), At(ref random), Duration(ref random));
            case 13:
                return new StoreOutage(At(ref random), Duration(ref random));
            case 14:
                return new StoreRequestFailure(Request(ref random), side, random.Below(2), 1 + random.Below(3));
            case 15:
                return new StoreAnswerLoss(Request(ref random), side, random.Below(2), 1 + random.Below(2));
            case 16:
                return new StoreRequestDelay(Request(ref random), side, random.Below(2), 1 + random.Below(2), Duration(ref random));
            case 17:
                return new StaleReads(side, random.Below(3), 1 + random.Below(4), 1 + random.Below(2), random.Chance(0.5));
            case 18:
                return new HostWorkFailure(Work(ref random), side, random.Below(3), 1 + random.Below(3), random.Chance(0.3));
            default:
                return random.Chance(0.5)
                    ? new SlowHostWork(Work(ref random), side, random.Below(3), 1 + random.Below(3), Duration(ref random))
                    : new CancelRequest(side, At(ref random));
        }
    }

    internal static ISimulatedWorkload WorkloadFrom(ref SimulationRandom random)
    {
        double rate = random.Chance(0.2) ? 0 : 1e4 * Math.Pow(1000, random.Fraction());
        return random.Below(3) switch
        {
            0 => new UniformWorkload(rate, random.Chance(0.5) ? 4096L * (1 + random.Below(32)) : null),
            1 => new SequentialWorkload(rate),
            _ => new BurstyWorkload(new UniformWorkload(rate), TimeSpan.FromMilliseconds(1 + random.Below(500)), random.Fraction()),
        };
    }

    private static SimulatedMessageKind Message(ref SimulationRandom random) => _controlMessages[random.Below(_controlMessages.Length)];

    private static SimulatedStoreRequestKind Request(ref SimulationRandom random) => (SimulatedStoreRequestKind)(1 + random.Below(3));

    private static SimulatedHostWorkKind Work(ref SimulationRandom random) => (SimulatedHostWorkKind)(1 + random.Below(6));

    // Most of what happens to these small guests happens in the first tenth of a second; what goes wrong, in seconds.
    private static TimeSpan At(ref SimulationRandom random) => TimeSpan.FromMilliseconds(
        random.Chance(0.7) ? 300 * random.Fraction() * random.Fraction() : 20_000 * random.Fraction());

    // From below every timer to above every timer.
    private static TimeSpan Duration(ref SimulationRandom random) => TimeSpan.FromMilliseconds(Math.Pow(20_000, random.Fraction()));
}
