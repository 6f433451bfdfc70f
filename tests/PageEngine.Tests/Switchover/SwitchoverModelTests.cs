using PageEngine.Switchover;
using Xunit;
using Xunit.Abstractions;
using DestinationAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.DestinationState, PageEngine.Switchover.DestinationEffect>;
using SourceAnswer = PageEngine.Switchover.Transition<PageEngine.Switchover.SourceState, PageEngine.Switchover.SourceEffect>;

namespace PageEngine.Tests.Switchover;

// Owns: the promise of the protocol over every order of events within the bounds: at most one guest active, never an
// incomplete or outdated one, discard and free only once it is decided, and somebody runs or a side says why not.
// Each mistake that the design warns of must be found: a checker that finds none of them proves nothing.

public sealed class SwitchoverModelTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData((int)OwnershipMode.Store, 1, 3, true)]
    [InlineData((int)OwnershipMode.Store, 1, 3, false)]
    [InlineData((int)OwnershipMode.Store, 2, 1, true)]
    [InlineData((int)OwnershipMode.NoStore, 1, 3, true)]
    [InlineData((int)OwnershipMode.NoStore, 2, 1, true)]
    public void Protocol_inEveryOrderOfEvents_keepsItsPromises(int mode, int attempts, int crashes, bool guestsOutliveProcesses) =>
        Holds(new Rules
        {
            Mode = (OwnershipMode)mode,
            Attempts = attempts,
            Crashes = crashes,
            GuestsOutliveProcesses = guestsOutliveProcesses,
        });

    [Fact]
    public void SourceThatNeverComesBack_doesNotKeepACompleteCopyFromRunning() =>
        Holds(new Rules { SourceRestarts = false, GuestsOutliveProcesses = false, Crashes = 2 });

    [Fact]
    public void DestinationThatNeverComesBack_leavesTheSourceRunningOrHeldForIt() =>
        Holds(new Rules { DestinationRestarts = false, GuestsOutliveProcesses = false, Crashes = 2 });

    [Theory]
    [InlineData(1, 2, true)]
    [InlineData(1, 2, false)]
    [InlineData(2, 1, true)]
    public void OperatorWhoKnowsThatTheDestinationIsDead_takesTheGuestBackUnharmed(int attempts, int crashes, bool guestsOutliveProcesses) =>
        Holds(new Rules { OperatorTakesBack = true, Attempts = attempts, Crashes = crashes, GuestsOutliveProcesses = guestsOutliveProcesses });

    [Fact]
    public void DestinationThatIsDeadForGood_doesNotKeepTheSourceFromRunningWhenAnOperatorSaysSo() =>
        Holds(new Rules { OperatorTakesBack = true, DestinationRestarts = false, GuestsOutliveProcesses = false });

    [Fact]
    public void OperatorWhoErrs_isFound() => Finds(
        "two guests are active", new Rules { OperatorTakesBack = true, OperatorErrs = true, Crashes = 0 });

    [Fact]
    public void SourceThatTakesBackAGuestThatWasResuming_isFound() => Finds(
        "the source resumes a state that the destination has gone beyond",
        Wrong(SourceState.GrantedChecking, SourceEvent.RecordResuming, new(SourceState.TakingBack, SourceEffect.CreateHandBackEpoch)) with
        {
            OperatorTakesBack = true,
        });

    [Fact]
    public void SourceThatTakesBackOnAnOldRecord_isFound() => Finds(
        "the source resumes a state that the destination has gone beyond", new Rules { OperatorTakesBack = true, ReadsAnewMayBeOld = true });

    [Theory]
    [InlineData(SourceEvent.PeerTimedOut)]
    [InlineData(SourceEvent.ConnectionLost)]
    [InlineData(SourceEvent.CancelRequested)]
    [InlineData(SourceEvent.PeerRefused)] // Its journal may say "prepared" all the same, and its copy outlive it.
    internal void SourceThatResumesAfterPrepareWithoutItsOwnEpoch_isFound(SourceEvent on)
    {
        Finds("two guests are active", Wrong(SourceState.Preparing, on, new(SourceState.ResumingAtBase, SourceEffect.ResumeGuestAtBase)));
    }

    [Fact]
    public void SourceThatResumesWhenTheRecordIsAsBefore_isFound() => Finds(
        "two guests are active",
        Wrong(SourceState.Doubting, SourceEvent.RecordAtBase, new(SourceState.ResumingAtBase, SourceEffect.ResumeGuestAtBase)));

    [Fact]
    public void SourceThatResumesWhenItsEpochIsUnknown_isFound() => Finds(
        "two guests are active",
        Wrong(SourceState.Reclaiming, SourceEvent.EpochUnknown, new(SourceState.ResumingAtOwnEpoch, SourceEffect.ResumeGuestAtOwnEpoch)));

    [Fact]
    public void SourceThatFreesOnTheCommit_isFound() => Finds(
        "the source frees a guest that has not run elsewhere",
        Wrong(SourceState.Granting, SourceEvent.EpochCreated, new(SourceState.Releasing, SourceEffect.SendCommit, SourceEffect.FreeMemory)));

    [Fact]
    public void SourceThatPausesWithoutAJournal_isFound() => Finds(
        "two guests are active",
        Wrong(SourceState.Copying, SourceEvent.SwitchoverDecided, new(SourceState.Pausing, SourceEffect.PauseGuest)));

    [Fact]
    public void RestartedSourceWithoutMemoryThatReclaims_isFound() => Finds(
        "the source resumes a guest whose memory is gone",
        Wrong(SourceState.EmptyReading, SourceEvent.RecordAtBase, new(SourceState.Reclaiming, SourceEffect.CreateEpochForSource)));

    [Fact]
    public void SourceThatNeverLooksAgain_isFound() => Finds(
        "nobody can get to run",
        new Rules
        {
            Source = (state, e, mode) => state == SourceState.Waiting ? new(state) : SourceSwitchover.Next(state, e, mode),
            Destination = (state, e, mode) => e == DestinationEvent.ClaimDue ? new(state) : DestinationSwitchover.Next(state, e, mode),
        });

    [Fact]
    public void DestinationThatResumesOnTheMessageAlone_isFound() => Finds(
        "the source resumes a state that the destination has gone beyond",
        Wrong(DestinationState.Prepared, DestinationEvent.CommitReceived, new(DestinationState.Resuming, DestinationEffect.ResumeGuest)));

    [Fact]
    public void DestinationThatTakesALateCommitForAuthorityWhileItHandsBack_isFound() => Finds(
        "two guests are active",
        Wrong(DestinationState.HandBackWaiting, DestinationEvent.CommitReceived, new(DestinationState.RaisingGuards, DestinationEffect.RaiseGuards)) with
        {
            Crashes = 0,
        });

    [Theory]
    [InlineData(DestinationEvent.RetryDue)]
    [InlineData(DestinationEvent.ClaimDue)]
    [InlineData(DestinationEvent.AbortReceived)]
    [InlineData(DestinationEvent.ConnectionLost)]
    [InlineData(DestinationEvent.CancelRequested)]
    internal void PreparedThatIsDiscardedWithoutReading_isFound(DestinationEvent on)
    {
        Rules wrong = Wrong(DestinationState.Prepared, on, new(DestinationState.Discarding, DestinationEffect.Discard));
        if (on == DestinationEvent.AbortReceived)
        {
            // ABORT leaves only once the source owns the next epoch: reading first costs little and needs no trust.
            Holds(wrong);
            return;
        }

        Finds("the destination discards a prepared copy that nobody has decided against", wrong);
    }

    [Fact]
    public void DestinationThatAnswersBeforeItsJournal_isFound() => Finds(
        "nobody can get to run",
        Wrong(
            DestinationState.Restoring,
            DestinationEvent.RestoreDone,
            new(DestinationState.Prepared, DestinationEffect.SendPrepared, DestinationEffect.StartRetryTimer)));

    [Fact]
    public void DestinationThatResumesWithoutTheMark_isFound() => Finds(
        "the source resumes a state that the destination has gone beyond",
        Wrong(DestinationState.RaisingGuards, DestinationEvent.GuardsRaised, new(DestinationState.Resuming, DestinationEffect.ResumeGuest)));

    [Fact]
    public void DestinationThatHandsBackAfterResuming_isFound() => Finds(
        "the source resumes a state that the destination has gone beyond",
        Wrong(DestinationState.Resuming, DestinationEvent.ResumeFailed, new(DestinationState.JournalingHandBack, DestinationEffect.JournalHandBack)));

    [Fact]
    public void DestinationThatResumesAfterAnUnknownHandBack_isFound() => Finds(
        "two guests are active",
        Wrong(DestinationState.HandBackReading, DestinationEvent.RecordOwn, new(DestinationState.RaisingGuards, DestinationEffect.RaiseGuards)) with
        {
            Crashes = 0,
        });

    [Fact]
    public void DestinationThatHandsBackWithoutAJournal_isFound() => Finds(
        "two guests are active",
        Wrong(DestinationState.RaisingGuards, DestinationEvent.GuardsFailed, new(DestinationState.HandingBack, DestinationEffect.CreateHandBackEpoch)));

    [Fact]
    public void StoreThatCreatesAnEpochTwice_isFound() =>
        Finds("two guests are active", new Rules { EpochsCanBeCreatedTwice = true });

    [Fact]
    public void WithoutAStore_sourceThatResumesAfterCommit_isFound() => Finds(
        "two guests are active",
        Wrong(SourceState.Offered, SourceEvent.PeerTimedOut, new(SourceState.ResumingAtBase, SourceEffect.ResumeGuestAtBase)) with
        {
            Mode = OwnershipMode.NoStore,
        });

    [Fact]
    public void WithoutAStore_destinationThatRunsOnATimer_isFound() => Finds(
        "two guests are active",
        Wrong(DestinationState.Prepared, DestinationEvent.ClaimDue, new(DestinationState.RaisingGuards, DestinationEffect.RaiseGuards)) with
        {
            Mode = OwnershipMode.NoStore,
        });

    private static Rules Wrong(SourceState where, SourceEvent on, SourceAnswer instead) => new()
    {
        Source = (state, e, mode) => state == where && e == on ? instead : SourceSwitchover.Next(state, e, mode),
    };

    private static Rules Wrong(DestinationState where, DestinationEvent on, DestinationAnswer instead) => new()
    {
        Destination = (state, e, mode) => state == where && e == on ? instead : DestinationSwitchover.Next(state, e, mode),
    };

    private void Holds(Rules rules)
    {
        Exploration found = Explorer.Run(rules);
        output.WriteLine(found.ToString());
        Assert.True(found.Violation is null, found.ToString());
        Assert.True(found.States > 500, found.ToString());
    }

    private void Finds(string violation, Rules rules)
    {
        Exploration found = Explorer.Run(rules);
        output.WriteLine(found.ToString());
        Assert.NotNull(found.Violation);
        Assert.StartsWith(violation, found.Violation, StringComparison.Ordinal);
        Assert.NotEmpty(found.Trace);
    }
}
