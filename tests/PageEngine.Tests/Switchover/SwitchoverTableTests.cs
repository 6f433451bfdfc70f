using System.Runtime.CompilerServices;
using System.Text;
using PageEngine.Ownership;
using PageEngine.Switchover;
using Xunit;

namespace PageEngine.Tests.Switchover;

// Owns: every (state, event) of both tables. The whole tables are kept as text beside this file, so that a change of
// one cell shows in a review; the rules that hold for all cells are checked one by one.

public sealed class SwitchoverTableTests
{
    private static readonly OwnershipMode[] s_modes = [OwnershipMode.Store, OwnershipMode.NoStore];

    private static readonly Dictionary<SourceEffect, SourceEvent[]> s_sourceAnswers = new()
    {
        [SourceEffect.JournalAttempt] = [SourceEvent.AttemptJournaled, SourceEvent.JournalFailed],
        [SourceEffect.PauseGuest] = [SourceEvent.GuestPaused, SourceEvent.PauseFailed],
        [SourceEffect.RunLastPass] = [SourceEvent.LastPassDone, SourceEvent.LastPassFailed],
        [SourceEffect.CreateEpochForDestination] = [SourceEvent.EpochCreated, SourceEvent.EpochConflict, SourceEvent.EpochUnknown],
        [SourceEffect.CreateEpochForSource] = [SourceEvent.EpochCreated, SourceEvent.EpochConflict, SourceEvent.EpochUnknown],
        [SourceEffect.ReadRecord] = [SourceEvent.RecordAtBase, SourceEvent.RecordGranted, SourceEvent.RecordResuming,
            SourceEvent.RecordRunning, SourceEvent.RecordOwn, SourceEvent.RecordForeign, SourceEvent.RecordUnreadable],
        [SourceEffect.ReadRecordAnew] = [SourceEvent.RecordAtBase, SourceEvent.RecordGranted, SourceEvent.RecordResuming,
            SourceEvent.RecordRunning, SourceEvent.RecordOwn, SourceEvent.RecordForeign, SourceEvent.RecordUnreadable],
        [SourceEffect.CreateHandBackEpoch] = [SourceEvent.EpochCreated, SourceEvent.EpochConflict, SourceEvent.EpochUnknown],
        [SourceEffect.ResumeGuestAtBase] = [SourceEvent.GuestResumed, SourceEvent.ResumeFailed],
        [SourceEffect.ResumeGuestAtOwnEpoch] = [SourceEvent.GuestResumed, SourceEvent.ResumeFailed],
        [SourceEffect.FreeMemory] = [SourceEvent.MemoryFreed],
    };

    private static readonly Dictionary<DestinationEffect, DestinationEvent[]> s_destinationAnswers = new()
    {
        [DestinationEffect.RestoreAndCheck] = [DestinationEvent.RestoreDone, DestinationEvent.RestoreFailed],
        [DestinationEffect.JournalPrepared] = [DestinationEvent.PreparedJournaled, DestinationEvent.JournalFailed],
        [DestinationEffect.JournalHandBack] = [DestinationEvent.HandBackJournaled, DestinationEvent.JournalFailed],
        [DestinationEffect.ReadRecord] = [DestinationEvent.RecordAtBase, DestinationEvent.RecordOwn, DestinationEvent.RecordOwnResuming,
            DestinationEvent.RecordOwnRunning, DestinationEvent.RecordOther, DestinationEvent.RecordForeign, DestinationEvent.RecordUnreadable],
        [DestinationEffect.CreateOwnEpoch] = [DestinationEvent.EpochCreated, DestinationEvent.EpochConflict, DestinationEvent.EpochUnknown],
        [DestinationEffect.CreateEpochForSource] = [DestinationEvent.EpochCreated, DestinationEvent.EpochConflict, DestinationEvent.EpochUnknown],
        [DestinationEffect.CreateHandBackEpoch] = [DestinationEvent.EpochCreated, DestinationEvent.EpochConflict, DestinationEvent.EpochUnknown],
        [DestinationEffect.RaiseGuards] = [DestinationEvent.GuardsRaised, DestinationEvent.GuardsFailed],
        [DestinationEffect.MarkResuming] = [DestinationEvent.Marked, DestinationEvent.MarkFailed],
        [DestinationEffect.MarkRunning] = [DestinationEvent.Marked, DestinationEvent.MarkFailed],
        [DestinationEffect.ResumeGuest] = [DestinationEvent.GuestResumed, DestinationEvent.ResumeFailed],
        [DestinationEffect.Discard] = [DestinationEvent.CopyDiscarded],
    };

    [Theory]
    [InlineData((int)OwnershipMode.Store)]
    [InlineData((int)OwnershipMode.NoStore)]
    public void SourceTable_isTheReviewedOne(int mode) =>
        IsReviewed("source", (OwnershipMode)mode, Table<SourceState, SourceEvent, SourceEffect>(SourceSwitchover.Next, (OwnershipMode)mode));

    [Theory]
    [InlineData((int)OwnershipMode.Store)]
    [InlineData((int)OwnershipMode.NoStore)]
    public void DestinationTable_isTheReviewedOne(int mode) => IsReviewed(
        "destination",
        (OwnershipMode)mode,
        Table<DestinationState, DestinationEvent, DestinationEffect>(DestinationSwitchover.Next, (OwnershipMode)mode));

    // A driver that carries an effect out always finds a state that takes its answers, and only those.
    [Fact]
    public void SourceEffect_leadsToAStateThatTakesEachOfItsAnswersAndNoOthers() =>
        AnswersAreTaken(SourceSwitchover.Next, s_sourceAnswers, SourceState.Withdrawing);

    [Fact]
    public void DestinationEffect_leadsToAStateThatTakesEachOfItsAnswersAndNoOthers() =>
        AnswersAreTaken(DestinationSwitchover.Next, s_destinationAnswers, DestinationState.Abandoning);

    [Fact]
    public void Ends_doNothingButAnswerMessages()
    {
        foreach (OwnershipMode mode in s_modes)
        {
            foreach (SourceState end in Enum.GetValues<SourceState>().Where(SourceSwitchover.IsEnd))
            {
                foreach (SourceEvent e in Enum.GetValues<SourceEvent>())
                {
                    Transition<SourceState, SourceEffect> answer = SourceSwitchover.Next(end, e, mode);
                    Assert.True(answer.IsUnexpected || (answer.State == end && answer.Count == (answer.Has(SourceEffect.SendAbort) ? 1 : 0)));
                }
            }

            foreach (DestinationState end in Enum.GetValues<DestinationState>().Where(DestinationSwitchover.IsEnd))
            {
                foreach (DestinationEvent e in Enum.GetValues<DestinationEvent>())
                {
                    Transition<DestinationState, DestinationEffect> answer = DestinationSwitchover.Next(end, e, mode);
                    bool harmless = answer.Has(DestinationEffect.SendRunning) || answer.Has(DestinationEffect.ReportTooLate);
                    Assert.True(answer.IsUnexpected || (answer.State == end && answer.Count == (harmless ? 1 : 0)));
                }
            }
        }
    }

    [Fact]
    public void Source_withAStore_resumesAtItsOldEpochOnlyBeforePrepareLeft()
    {
        foreach ((SourceState state, SourceEvent e, Transition<SourceState, SourceEffect> answer) in SourceCells(OwnershipMode.Store))
        {
            if (answer.Has(SourceEffect.ResumeGuestAtBase))
            {
                Assert.True(state is SourceState.Pausing or SourceState.LastPass or SourceState.Withdrawing or SourceState.ResumeWaitingAtBase
                    || (state is SourceState.Restarted && e is SourceEvent.RestartedUnprepared));
            }

            if (answer.Has(SourceEffect.ResumeGuestAtOwnEpoch))
            {
                Assert.True(e is SourceEvent.EpochCreated or SourceEvent.RecordOwn || state is SourceState.ResumeWaitingAtOwnEpoch);
            }

            if (answer.Has(SourceEffect.FreeMemory))
            {
                Assert.True(e is SourceEvent.PeerRunning or SourceEvent.RecordRunning);
            }
        }
    }

    [Fact]
    public void Destination_withAStore_doesNothingLastingOnAMessage()
    {
        foreach ((DestinationState state, DestinationEvent e, Transition<DestinationState, DestinationEffect> answer) in DestinationCells(OwnershipMode.Store))
        {
            if (e is DestinationEvent.CommitReceived)
            {
                Assert.True(answer.IsUnexpected || answer.State == state || answer.State == DestinationState.Reading);
            }

            if (answer.Has(DestinationEffect.ResumeGuest))
            {
                Assert.True(e is DestinationEvent.Marked || state is DestinationState.ResumeWaiting);
            }
        }
    }

    [Fact]
    public void Cancel_beforeTheCommit_leadsTheGuestBackToTheSource_afterIt_saysThatItIsTooLate()
    {
        foreach (OwnershipMode mode in s_modes)
        {
            foreach (SourceState state in Enum.GetValues<SourceState>())
            {
                Transition<SourceState, SourceEffect> answer = SourceSwitchover.Next(state, SourceEvent.CancelRequested, mode);
                if (SourceSwitchover.CanCancel(state))
                {
                    Assert.True(answer.State is SourceState.RunsHere or SourceState.Withdrawing or SourceState.Reclaiming or SourceState.ResumingAtBase);

                    // Twice in a row changes nothing.
                    Transition<SourceState, SourceEffect> again = SourceSwitchover.Next(answer.State, SourceEvent.CancelRequested, mode);
                    Assert.Equal(answer.State, again.State);
                    Assert.Equal(0, again.Count);
                }
                else if (state is SourceState.Granting or SourceState.Granted or SourceState.GrantedReading && mode == OwnershipMode.Store)
                {
                    Assert.True(answer.Has(SourceEffect.ReportTooLate));
                }
                else
                {
                    Assert.True(answer.IsUnexpected || answer.State == state);
                }
            }
        }
    }

    [Fact]
    public void Waits_haveAReason()
    {
        foreach (OwnershipMode mode in s_modes)
        {
            foreach ((SourceState _, SourceEvent _, Transition<SourceState, SourceEffect> answer) in SourceCells(mode))
            {
                Assert.True(!answer.Has(SourceEffect.ReportHeld) || SourceSwitchover.HoldOf(answer.State, mode) != HoldReason.None, answer.ToString());
            }

            foreach ((DestinationState _, DestinationEvent _, Transition<DestinationState, DestinationEffect> answer) in DestinationCells(mode))
            {
                Assert.True(!answer.Has(DestinationEffect.ReportHeld) || DestinationSwitchover.HoldOf(answer.State, mode) != HoldReason.None, answer.ToString());
            }
        }
    }

    [Fact]
    public void Unexpected_namesStateAndEvent_andBlamesThePeerForMessagesOnly()
    {
        MigrationException answer = Assert.Throws<MigrationException>(
            () => SourceSwitchover.NextOrThrow(SourceState.Copying, SourceEvent.GuestResumed, OwnershipMode.Store));
        Assert.Equal(MigrationErrorKind.Internal, answer.Kind);
        Assert.Contains("GuestResumed", answer.Message, StringComparison.Ordinal);
        Assert.Contains("Copying", answer.Message, StringComparison.Ordinal);

        MigrationException message = Assert.Throws<MigrationException>(
            () => DestinationSwitchover.NextOrThrow(DestinationState.Restoring, DestinationEvent.CommitReceived, OwnershipMode.Store));
        Assert.Equal(MigrationErrorKind.ProtocolViolation, message.Kind);
        Assert.Contains("CommitReceived", message.Message, StringComparison.Ordinal);
        Assert.Contains("Restoring", message.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void HappyPath_allocatesNothing()
    {
        Walk();
        long before = GC.GetAllocatedBytesForCurrentThread();
        int effects = Walk();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(23, effects);

        static int Walk()
        {
            int effects = 0;
            SourceState source = SourceState.Copying;
            foreach (SourceEvent e in (ReadOnlySpan<SourceEvent>)[SourceEvent.SwitchoverDecided, SourceEvent.AttemptJournaled, SourceEvent.GuestPaused,
                SourceEvent.LastPassDone, SourceEvent.PeerPrepared, SourceEvent.EpochCreated, SourceEvent.PeerRunning, SourceEvent.MemoryFreed])
            {
                Transition<SourceState, SourceEffect> answer = SourceSwitchover.NextOrThrow(source, e, OwnershipMode.Store);
                source = answer.State;
                for (int i = 0; i < answer.Count; i++)
                {
                    effects += answer[i] == SourceEffect.None ? 100 : 1;
                }
            }

            DestinationState destination = DestinationState.Receiving;
            foreach (DestinationEvent e in (ReadOnlySpan<DestinationEvent>)[DestinationEvent.PrepareReceived, DestinationEvent.RestoreDone,
                DestinationEvent.PreparedJournaled, DestinationEvent.CommitReceived, DestinationEvent.RecordOwn, DestinationEvent.GuardsRaised,
                DestinationEvent.Marked, DestinationEvent.GuestResumed, DestinationEvent.Marked])
            {
                Transition<DestinationState, DestinationEffect> answer = DestinationSwitchover.NextOrThrow(destination, e, OwnershipMode.Store);
                destination = answer.State;
                for (int i = 0; i < answer.Count; i++)
                {
                    effects += answer[i] == DestinationEffect.None ? 100 : 1;
                }
            }

            return source == SourceState.Released && destination == DestinationState.RunsHere ? effects : -1;
        }
    }

    [Fact]
    public void Record_seenFromBothSides_meansWhatTheProtocolSays()
    {
        var attempt = new SwitchoverAttempt(Guid.NewGuid(), 7, RunId.NewRandom(), RunId.NewRandom(), AttemptId.NewRandom());
        var stranger = RunId.NewRandom();
        OwnershipRecord At(ulong epoch, RunId holder) => new(attempt.GuestId, epoch, holder, attempt.Attempt);

        Is(null, OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordForeign);
        Is(At(6, attempt.SourceRun), OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordForeign);
        Is(At(7, attempt.SourceRun) with { Attempt = default }, OwnershipMark.None, SourceEvent.RecordAtBase, DestinationEvent.RecordAtBase);
        Is(At(7, stranger), OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordForeign);
        Is(At(7, attempt.SourceRun) with { GuestId = Guid.NewGuid() }, OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordForeign);
        Is(attempt.ForDestination, OwnershipMark.None, SourceEvent.RecordGranted, DestinationEvent.RecordOwn);
        Is(attempt.ForDestination, OwnershipMark.Resuming, SourceEvent.RecordResuming, DestinationEvent.RecordOwnResuming);
        Is(attempt.ForDestination, OwnershipMark.Running, SourceEvent.RecordRunning, DestinationEvent.RecordOwnRunning);
        Is(attempt.ForSource, OwnershipMark.None, SourceEvent.RecordOwn, DestinationEvent.RecordOther);
        Is(attempt.HandBack, OwnershipMark.None, SourceEvent.RecordOwn, DestinationEvent.RecordOther);

        // The right run with another attempt's token is not this attempt's grant.
        Is(attempt.ForDestination with { Attempt = AttemptId.NewRandom() }, OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordOther);
        Is(At(8, stranger), OwnershipMark.None, SourceEvent.RecordForeign, DestinationEvent.RecordOther);
        Is(At(9, stranger), OwnershipMark.Resuming, SourceEvent.RecordForeign, DestinationEvent.RecordOther);
        Is(At(9, stranger), OwnershipMark.Running, SourceEvent.RecordRunning, DestinationEvent.RecordOther);

        void Is(OwnershipRecord? highest, OwnershipMark mark, SourceEvent source, DestinationEvent destination)
        {
            Assert.Equal(source, attempt.SeenFromSource(highest, mark));
            Assert.Equal(destination, attempt.SeenFromDestination(highest, mark));
        }
    }

    private static IEnumerable<(SourceState, SourceEvent, Transition<SourceState, SourceEffect>)> SourceCells(OwnershipMode mode) =>
        from state in Enum.GetValues<SourceState>()
        from e in Enum.GetValues<SourceEvent>()
        select (state, e, SourceSwitchover.Next(state, e, mode));

    private static IEnumerable<(DestinationState, DestinationEvent, Transition<DestinationState, DestinationEffect>)> DestinationCells(OwnershipMode mode) =>
        from state in Enum.GetValues<DestinationState>()
        from e in Enum.GetValues<DestinationEvent>()
        select (state, e, DestinationSwitchover.Next(state, e, mode));

    private static void AnswersAreTaken<TState, TEvent, TEffect>(
        Func<TState, TEvent, OwnershipMode, Transition<TState, TEffect>> next,
        Dictionary<TEffect, TEvent[]> answers,
        TState inherits)
        where TState : struct, Enum
        where TEvent : struct, Enum
        where TEffect : struct, Enum
    {
        TEvent[] all = [.. answers.Values.SelectMany(taken => taken).Distinct()];
        foreach (OwnershipMode mode in s_modes)
        {
            foreach (TState state in Enum.GetValues<TState>())
            {
                foreach (TEvent e in Enum.GetValues<TEvent>())
                {
                    Transition<TState, TEffect> answer = next(state, e, mode);
                    TEffect[] effects = [.. Enumerable.Range(0, answer.Count).Select(i => answer[i])];
                    TEffect[] underWay = [.. effects.Where(answers.ContainsKey)];
                    Assert.True(underWay.Length <= 1, $"{state} + {e}: {answer} starts two things at once");
                    Assert.True(underWay.Length == 0 || effects.Length <= 2 || effects[^1].Equals(underWay[0]) || effects[0].Equals(underWay[0]));
                    if (underWay.Length == 1)
                    {
                        foreach (TEvent taken in all)
                        {
                            bool expected = answers[underWay[0]].Contains(taken);
                            Assert.True(
                                next(answer.State, taken, mode).IsUnexpected != expected,
                                $"{state} + {e}: {answer}, then {taken} must be {(expected ? "taken" : "unexpected")}");
                        }
                    }
                    else if (!answer.IsUnexpected && !answer.State.Equals(state) && !answer.State.Equals(inherits))
                    {
                        // Nothing is under way: no answer is expected.
                        Assert.All(all, taken => Assert.True(next(answer.State, taken, mode).IsUnexpected, $"{state} + {e}: {answer}, then {taken}"));
                    }
                }
            }
        }
    }

    private static string Table<TState, TEvent, TEffect>(Func<TState, TEvent, OwnershipMode, Transition<TState, TEffect>> next, OwnershipMode mode)
        where TState : struct, Enum
        where TEvent : struct, Enum
        where TEffect : struct, Enum
    {
        var table = new StringBuilder();
        foreach (TState state in Enum.GetValues<TState>())
        {
            var ignored = new List<string>();
            var rows = new StringBuilder();
            foreach (TEvent e in Enum.GetValues<TEvent>())
            {
                Transition<TState, TEffect> answer = next(state, e, mode);
                if (answer.IsUnexpected)
                {
                    continue;
                }

                if (answer.State.Equals(state) && answer.Count == 0)
                {
                    ignored.Add(e.ToString());
                }
                else
                {
                    rows.Append("  ").Append(e).Append(" -> ").Append(answer).Append('\n');
                }
            }

            if (rows.Length + ignored.Count > 0)
            {
                table.Append(state).Append('\n').Append(rows).Append("  ignored: ").AppendJoin(", ", ignored).Append('\n');
            }
        }

        return table.ToString();
    }

    private static void IsReviewed(string side, OwnershipMode mode, string table, [CallerFilePath] string here = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(here)!, $"{side}-{mode}.txt".ToLowerInvariant());
        if (Environment.GetEnvironmentVariable("PAGEENGINE_WRITE_TABLES") == "1")
        {
            File.WriteAllText(path, table);
        }

        Assert.Equal(File.ReadAllText(path), table);
    }
}
