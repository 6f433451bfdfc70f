using PageEngine.Simulation.Faults;
using Xunit;

namespace PageEngine.Simulation.Tests;

// Owns: what single, chosen faults lead to: the rows of docs/switchover.md's table, and the limits of the protocol.
public sealed class FaultTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(50);

    public static TheoryData<string, SimulationOutcome, ulong> Single() => new()
    {
        { nameof(FaultSchedule.None), SimulationOutcome.RunsAtDestination, 2 },
        { "Prepare is lost", SimulationOutcome.RunsAtSource, 2 },
        { "Prepared is lost", SimulationOutcome.RunsAtSource, 2 },
        { "Commit is lost", SimulationOutcome.RunsAtDestination, 2 },
        { "Running is lost", SimulationOutcome.RunsAtDestination, 2 },
        { "Every message twice", SimulationOutcome.RunsAtDestination, 2 },
        { "a batch of pages is lost", SimulationOutcome.RunsAtSource, 1 },
        { "cut while copying", SimulationOutcome.RunsAtSource, 1 },
        { "black hole while copying", SimulationOutcome.RunsAtSource, 1 },
        { "cancel while copying", SimulationOutcome.RunsAtSource, 1 },
        { "the grant happens late", SimulationOutcome.RunsAtDestination, 2 },
        { "the store is away at the commit", SimulationOutcome.RunsAtSource, 2 },
        { "guards fail", SimulationOutcome.RunsAtSource, 3 },
        { "the guest does not resume twice", SimulationOutcome.RunsAtDestination, 2 },
        { "marks fail", SimulationOutcome.RunsAtDestination, 2 },
        { "the destination's journal fails", SimulationOutcome.RunsAtSource, 2 },
        { "the guest does not pause", SimulationOutcome.RunsAtSource, 1 },
        { "slow disk", SimulationOutcome.RunsAtDestination, 2 },
        { "source dies before Prepare", SimulationOutcome.Lost, 1 },
        { "source dies after Prepare", SimulationOutcome.RunsAtDestination, 2 },
        { "destination dies prepared", SimulationOutcome.RunsAtSource, 2 },
        { "destination dies granted", SimulationOutcome.RunsAtSource, 3 },
        { "destination dies resuming", SimulationOutcome.Held, 1 },
        { "destination dies granted for good", SimulationOutcome.Held, 1 },
    };

    [Theory]
    [MemberData(nameof(Single))]
    public void Fault_leadsToWhatTheTableSays(string name, SimulationOutcome outcome, ulong epoch)
    {
        SimulationFault[] faults = FaultsOf(name);
        SimulationResult result = Simulator.Run(new SimulationOptions { Seed = 7, Faults = new FaultSchedule(faults), RecordsTrace = true });
        string trace = string.Join('\n', result.Trace);
        Assert.True(result.Violation is null, trace);
        Assert.True(outcome == result.Outcome, $"{result.Outcome}, {outcome} was expected\n{trace}");
        Assert.True(epoch == result.Epoch, $"epoch {result.Epoch}, {epoch} was expected\n{trace}");
        Assert.Equal(faults.Length > 0, result.FaultsApplied > 0);
    }

    [Fact]
    public void WithoutAStore_lostCommit_isHeldAndSaysWhy()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            HasStore = false,
            Faults = new FaultSchedule(new MessageLoss(SimulatedMessageKind.Commit, 0)),
        });
        Assert.Null(result.Violation);
        Assert.Equal(SimulationOutcome.Held, result.Outcome);
        Assert.Equal("NoStore", result.Hold);
    }

    [Fact]
    public void FailedAttempt_isFollowedByOneThatSucceeds()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Attempts = 2,
            Faults = new FaultSchedule(new MessageLoss(SimulatedMessageKind.Prepared, 0)),
        });
        Assert.Null(result.Violation);
        Assert.Equal(SimulationOutcome.RunsAtDestination, result.Outcome);
        Assert.Equal(2, result.Attempts);
        Assert.Equal(3ul, result.Epoch);
    }

    // A limit of the protocol: what the source decided for itself, and did not live to run, is not given to the prepared copy.
    [Fact]
    public void SourceThatDiesBetweenItsOwnEpochAndItsResume_losesTheGuest()
    {
        SimulationResult result = Simulator.Run(new SimulationOptions
        {
            Faults = new FaultSchedule(
                new MessageLoss(SimulatedMessageKind.Prepared, 0),
                new CrashBeforeNamed(SimulatedSide.Source, "ResumeGuestAtOwnEpoch", KeepsMemory: false, Soon)),
        });
        Assert.Null(result.Violation);
        Assert.Equal(SimulationOutcome.Lost, result.Outcome);
    }

    // What a store must not do: after a power cut a host's own journal may lack the mark, and only the store has it.
    [Fact]
    public void StoreThatForgetsAMarkForAHostThatLostPower_breaksAPromise()
    {
        SimulationFault crash = new CrashBeforeNamed(SimulatedSide.Destination, "SendRunning", KeepsMemory: false, Soon, LosesPower: true);
        var stale = new StaleReads(SimulatedSide.Destination, First: 1, Count: 100, By: 2, MarksOnly: true);
        SimulationResult forgets = Simulator.Run(new SimulationOptions { Faults = new FaultSchedule(crash, stale) });
        Assert.Equal(SimulationPromise.NeverIncomplete, forgets.Violation?.Promise);

        SimulationResult remembers = Simulator.Run(new SimulationOptions { Faults = new FaultSchedule(crash) });
        Assert.Null(remembers.Violation);
        Assert.Equal(SimulationOutcome.Lost, remembers.Outcome);
    }

    private static SimulationFault[] FaultsOf(string name) => name switch
    {
        "Prepare is lost" => [new MessageLoss(SimulatedMessageKind.Prepare, 0)],
        "Prepared is lost" => [new MessageLoss(SimulatedMessageKind.Prepared, 0)],
        "Commit is lost" => [new MessageLoss(SimulatedMessageKind.Commit, 0)],
        "Running is lost" => [new MessageLoss(SimulatedMessageKind.Running, 0)],
        "Every message twice" => [.. Enum.GetValues<SimulatedMessageKind>().Select(kind => new MessageDuplication(kind, 0, 1, Soon))],
        "a batch of pages is lost" => [new MessageLoss(SimulatedMessageKind.Pages, 0)],
        "cut while copying" => [new ConnectionCut(TimeSpan.FromMilliseconds(1))],
        "black hole while copying" => [new BlackHole(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(3))],
        "cancel while copying" => [new CancelRequest(SimulatedSide.Source, TimeSpan.FromMilliseconds(1))],
        "the grant happens late" => [new StoreRequestDelay(SimulatedStoreRequestKind.Create, SimulatedSide.Source, 0, 1, TimeSpan.FromMilliseconds(550))],
        "the store is away at the commit" => [new StoreOutage(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(700))],
        "guards fail" => [new HostWorkFailure(SimulatedHostWorkKind.RaiseGuards, SimulatedSide.Destination, 0)],
        "the guest does not resume twice" => [new HostWorkFailure(SimulatedHostWorkKind.ResumeGuest, SimulatedSide.Destination, 0, 2)],
        "marks fail" => [new StoreRequestFailure(SimulatedStoreRequestKind.Mark, SimulatedSide.Destination, 0, 2)],
        "the destination's journal fails" => [new HostWorkFailure(SimulatedHostWorkKind.Journal, SimulatedSide.Destination, 0)],
        "the guest does not pause" => [new HostWorkFailure(SimulatedHostWorkKind.PauseGuest, SimulatedSide.Source, 0)],
        "slow disk" => [new SlowHostWork(SimulatedHostWorkKind.Journal, SimulatedSide.Destination, 0, 10, TimeSpan.FromSeconds(1))],
        "source dies before Prepare" => [new CrashBeforeNamed(SimulatedSide.Source, "PauseGuest", KeepsMemory: false, Soon), new MessageLoss(SimulatedMessageKind.SignOfLife, 0)],
        "source dies after Prepare" => [new CrashBeforeNamed(SimulatedSide.Source, "StartAnswerTimer", KeepsMemory: false, null)],
        "destination dies prepared" => [new CrashBeforeNamed(SimulatedSide.Destination, "SendPrepared", KeepsMemory: false, Soon)],
        "destination dies granted" => [new CrashBeforeNamed(SimulatedSide.Destination, "RaiseGuards", KeepsMemory: false, Soon)],
        "destination dies resuming" => [new CrashBeforeNamed(SimulatedSide.Destination, "ResumeGuest", KeepsMemory: false, Soon)],
        "destination dies granted for good" => [new CrashBeforeNamed(SimulatedSide.Destination, "RaiseGuards", KeepsMemory: false, null)],
        _ => [],
    };
}
