using System.Diagnostics;
using PageEngine.Simulation.Generators;
using PageEngine.Simulation.Running;
using PageEngine.Switchover;
using Xunit;
using Xunit.Abstractions;
using DestinationAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;
using SourceAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Simulation.Tests;

// Owns: the proof that the search finds what it looks for: each mistake of the protocol, put into the tables or into what
// surrounds them, breaks the promise that it must break, within few random migrations.
public sealed class MutationTests(ITestOutputHelper output)
{
    private const int MaxMigrations = 20_000;

    [Fact]
    public void EpochThatCanBeCreatedTwice_isFound() => Finds(
        new SimulatedRules { EpochsCanBeCreatedTwice = true },
        SimulationPromise.OneActive, SimulationPromise.OneEpochHasEffects, SimulationPromise.FreedOnlyAfterCommit, SimulationPromise.NeverIncomplete);

    [Fact]
    public void DestinationThatResumesOnTheMessageAlone_isFound() => Finds(
        Wrong(DestinationState.Prepared, DestinationEvent.CommitReceived, new(DestinationState.Resuming, DestinationEffect.ResumeGuest)),
        SimulationPromise.NeverIncomplete, SimulationPromise.OneEpochHasEffects, SimulationPromise.OneActive);

    [Fact]
    public void SourceThatResumesAfterPrepareWithoutItsOwnEpoch_isFound() => Finds(
        new SimulatedRules
        {
            Source = (state, e, mode) => mode == OwnershipMode.Store && state == SourceState.Preparing && e is SourceEvent.ConnectionLost or SourceEvent.PeerTimedOut
                ? new(SourceState.ResumingAtBase, SourceEffect.ResumeGuestAtBase)
                : SourceSwitchover.Next(state, e, mode),
        },
        SimulationPromise.OneActive, SimulationPromise.OneEpochHasEffects, SimulationPromise.NeverIncomplete, SimulationPromise.EveryEventIsExpected);

    [Fact]
    public void PreparedThatIsDiscardedOnATimer_isFound() => Finds(
        Wrong(DestinationState.Prepared, DestinationEvent.RetryDue, new(DestinationState.Discarding, DestinationEffect.Discard)),
        SimulationPromise.FreedOnlyAfterCommit);

    [Fact]
    public void SourceThatFreesMemoryBeforeTheGuestRuns_isFound() => Finds(
        Wrong(SourceState.Granting, SourceEvent.EpochCreated, new(SourceState.Releasing, SourceEffect.SendCommit, SourceEffect.FreeMemory)),
        SimulationPromise.FreedOnlyAfterCommit);

    [Fact]
    public void DestinationThatDoesNotWaitForAllPages_isFound() => Finds(
        Wrong(DestinationState.Receiving, DestinationEvent.PrepareReceived, new(DestinationState.JournalingPrepared, DestinationEffect.JournalPrepared)),
        SimulationPromise.NeverIncomplete);

    [Fact]
    public void TracerThatDoesNotArmAgain_isFound() => Finds(new SimulatedRules { NeverRearms = true }, SimulationPromise.NeverIncomplete);

    [Fact]
    public void LastCollectBeforeTheStateIsSaved_isFound() => Finds(new SimulatedRules { CollectsBeforeSave = true }, SimulationPromise.NeverIncomplete);

    [Fact]
    public void SourceThatPausesWithoutAJournal_isFound() => Finds(
        Wrong(SourceState.Copying, SourceEvent.SwitchoverDecided, new(SourceState.Pausing, SourceEffect.PauseGuest)),
        SimulationPromise.OneActive, SimulationPromise.OneEpochHasEffects, SimulationPromise.NeverIncomplete, SimulationPromise.NoStateLost,
        SimulationPromise.EveryEventIsExpected);

    [Fact]
    public void DestinationThatAnswersBeforeItsJournal_isFound() => Finds(
        Wrong(DestinationState.Restoring, DestinationEvent.RestoreDone, new(DestinationState.Prepared, DestinationEffect.SendPrepared, DestinationEffect.StartRetryTimer)),
        SimulationPromise.SomebodyRuns, SimulationPromise.FreedOnlyAfterCommit, SimulationPromise.CleanupLeavesNothing);

    [Fact]
    public void DestinationThatHandsBackAfterItHasRun_isFound() => Finds(
        Wrong(DestinationState.EmptyReading, DestinationEvent.RecordOwnResuming, new(DestinationState.EmptyHandingBack, DestinationEffect.CreateHandBackEpoch)),
        SimulationPromise.NeverIncomplete);

    [Fact]
    public void DestinationThatResumesWithoutTheMark_isFound() => Finds(
        Wrong(DestinationState.RaisingGuards, DestinationEvent.GuardsRaised, new(DestinationState.Resuming, DestinationEffect.ResumeGuest)),
        SimulationPromise.OneEpochHasEffects);

    [Fact]
    public void NobodyWhoLooksAgain_isFound() => Finds(
        new SimulatedRules
        {
            Source = (state, e, mode) => state == SourceState.Waiting && e == SourceEvent.RetryDue ? new(state) : SourceSwitchover.Next(state, e, mode),
            Destination = (state, e, mode) => state == DestinationState.Prepared && e == DestinationEvent.ClaimDue ? new(state) : DestinationSwitchover.Next(state, e, mode),
        },
        SimulationPromise.SomebodyRuns);

    [Fact]
    public void JournalThatIsNotSettled_isFound() => Finds(
        Wrong(SourceState.Releasing, SourceEvent.MemoryFreed, new(SourceState.Released, SourceEffect.ReportMoved)),
        SimulationPromise.CleanupLeavesNothing);

    [Fact]
    public void TimerThatOutlivesItsState_isFound() => Finds(
        new SimulatedRules { LeavesTimers = true }, SimulationPromise.CleanupLeavesNothing, SimulationPromise.EveryEventIsExpected);

    [Fact]
    public void WithoutAStore_sourceThatResumesAfterCommit_isFound() => Finds(
        Wrong(SourceState.Offered, SourceEvent.PeerTimedOut, new(SourceState.ResumingAtBase, SourceEffect.ResumeGuestAtBase)),
        hasStore: false,
        SimulationPromise.OneActive, SimulationPromise.OneEpochHasEffects, SimulationPromise.NeverIncomplete, SimulationPromise.EpochsGrow,
        SimulationPromise.ReplaysAreHarmless);

    private static SimulatedRules Wrong(SourceState where, SourceEvent on, SourceAnswer instead) => new()
    {
        Source = (state, e, mode) => state == where && e == on ? instead : SourceSwitchover.Next(state, e, mode),
    };

    private static SimulatedRules Wrong(DestinationState where, DestinationEvent on, DestinationAnswer instead) => new()
    {
        Destination = (state, e, mode) => state == where && e == on ? instead : DestinationSwitchover.Next(state, e, mode),
    };

    private void Finds(SimulatedRules rules, params SimulationPromise[] broken) => Finds(rules, hasStore: true, broken);

    private void Finds(SimulatedRules rules, bool hasStore, params SimulationPromise[] broken)
    {
        var watch = Stopwatch.StartNew();
        for (ulong seed = 1; seed <= MaxMigrations; seed++)
        {
            SimulationOptions options = SimulationScenario.FromSeed(seed) with { Rules = rules, HasStore = hasStore };
            if (Simulator.Run(options).Violation is { } violation)
            {
                TimeSpan found = watch.Elapsed;
                ShrunkSimulation small = SimulationShrinker.Shrink(options);
                output.WriteLine($"found in migration {seed} after {found.TotalMilliseconds:0} ms, shrunk in {small.Runs} runs");
                output.WriteLine(small.ToString());
                Assert.Contains(violation.Promise, broken);
                Assert.Equal(violation.Promise, small.Result.Violation?.Promise);
                Assert.InRange(small.Options.Faults.Count, 0, 4);
                Assert.InRange(small.ToString().Count(letter => letter == '\n'), 1, 110);
                return;
            }
        }

        Assert.Fail($"{MaxMigrations} random migrations did not find this mistake.");
    }
}
