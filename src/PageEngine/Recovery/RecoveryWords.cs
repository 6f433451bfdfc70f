using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Recovery;

// Owns: the sentences about an attempt that was left behind: what the journal and the record say, what was done, and what a
// person does next. Pure.

internal static class RecoveryWords
{
    public static string OfJournal(OpenAttempt open) => open.Progress switch
    {
        AttemptProgress.MayBePrepared => "The source had asked the destination to prepare, or was about to: the guest is paused since then.",
        AttemptProgress.Prepared => "The destination's copy was complete, and the source may know that.",
        AttemptProgress.HandingBack => "The destination could not run the guest and was giving it back.",
        AttemptProgress.Resuming => "The destination had marked that it was resuming the guest: it may have run here.",
        AttemptProgress.Running => "The guest ran at the destination.",
        _ => open.Role == Reporting.MigrationRole.Source
            ? "The destination had not been asked to prepare: the guest belongs to this side."
            : "The destination was never prepared: nothing of the guest is here.",
    };

    public static string OfRecord(SwitchoverAttempt attempt, string store, OwnershipRecord? record, OwnershipMark mark)
    {
        string whose = record is null ? "names nobody"
            : record == attempt.ForDestination ? "gives the guest to the destination"
            : record.Holder == attempt.SourceRun && record.Epoch == attempt.BaseEpoch ? "names the source, as before the attempt: nobody has decided"
            : record.Holder == attempt.SourceRun ? "gives the guest to the source"
            : record.Epoch > attempt.BaseEpoch + 1 ? "names a later run: the guest has moved on since"
            : "names a run that is not of this attempt";
        string marked = record == attempt.ForDestination && record is not null
            ? mark switch
            {
                OwnershipMark.Running => ", which has marked that it runs",
                OwnershipMark.Resuming => ", which has marked that it was resuming it",
                _ => ", which has not marked that it began to resume it",
            }
            : "";
        string epoch = record is null ? "" : $" (epoch {record.Epoch})";
        return $"The record in {store} {whose}{marked}{epoch}.";
    }

    public static string OfSource(RestartContext context, RecoveryOutcome outcome, SourceState state, SourceEvent seen, ulong epoch) => outcome switch
    {
        RecoveryOutcome.RunsHere => $"The guest runs here under epoch {epoch}.",
        RecoveryOutcome.RunsElsewhere when context.WasRead => $"{Record(context)} The guest has moved; nothing of it is left here.",
        RecoveryOutcome.RunsElsewhere => "By an operator's word the guest runs at the destination; nothing of it is left here.",
        RecoveryOutcome.Lost when seen == SourceEvent.RecordOwn => $"{Record(context)} Its memory died with the process that ran it: the guest is lost.",
        RecoveryOutcome.Lost when context.Options.Operator == OperatorWord.OtherSideIsDead =>
            "By an operator's word the destination is dead, and the memory here died with its process: the guest is lost.",
        RecoveryOutcome.Lost => "The guest belonged to this side, and its memory died with the process that ran it: the guest is lost.",
        RecoveryOutcome.Refused when seen == SourceEvent.RecordRunning =>
            $"{Record(context)} The copy here is older and must never run: it can only be discarded, by settling this migration without --other-side-is-dead.",
        RecoveryOutcome.Refused =>
            $"{Record(context)} An effect of it may have left there, so the source may not go on from before. If the destination's memory is gone, give the guest back there: `resolve {context.Open.MigrationId} --other-side-runs`.",
        _ => $"{Hold(context, SourceSwitchover.HoldOf(state, context.Mode), seen == SourceEvent.RecordGranted)}{Why(context)}",
    };

    public static string OfDestination(RestartContext context, RecoveryOutcome outcome, DestinationState state, DestinationEvent seen) => outcome switch
    {
        RecoveryOutcome.RunsHere => $"The guest runs here under epoch {context.Attempt.ForDestination.Epoch}.",
        RecoveryOutcome.Discarded when context.Mode == OwnershipMode.NoStore => "By an operator's word the guest is the source's; nothing of it is left here.",
        RecoveryOutcome.Discarded => $"{Record(context)} Nothing of the guest is left here.",
        RecoveryOutcome.Lost when context.WasRead => $"{Record(context)} Its memory died with the process that ran it: the guest is lost.",
        RecoveryOutcome.Lost => "By an operator's word the source is dead, and the memory here died with its process: the guest is lost.",
        RecoveryOutcome.Refused when seen == DestinationEvent.RecordOther =>
            $"{Record(context)} The copy here must never run: it can only be discarded, by settling this migration without --other-side-is-dead.",
        RecoveryOutcome.Refused => $"{Record(context)} It is this side that runs it, by settling this migration without --other-side-runs.",
        _ => $"{Hold(context, DestinationSwitchover.HoldOf(state, context.Mode), granted: false)}{Why(context)}",
    };

    private static string Record(RestartContext context) => OfRecord(context.Attempt, context.Options.Store!.Description, context.Record, context.Mark);

    private static string Why(RestartContext context) => context.Failure is { } failure ? $" Cause: {failure.Message}" : "";

    private static string Hold(RestartContext context, HoldReason reason, bool granted)
    {
        string id = $"`resolve {context.Open.MigrationId}";
        return reason switch
        {
            HoldReason.StoreUnreachable when !context.WasRead => $"The ownership store ({context.Open.Store}) cannot be read, so nobody may decide. Bring it back.",
            HoldReason.StoreUnreachable => $"{Record(context)} It could not be decided: look again when the store can be written.",
            HoldReason.DestinationSilent when granted =>
                $"{Record(context)} Start the destination's program again, which settles it there. Only if that host is dead for good: {id} --other-side-is-dead`.",
            HoldReason.DestinationSilent => $"{Record(context)} Settle it at the destination ({context.Open.Peer}).",
            HoldReason.SourceSilent => $"{Record(context)} The guest is complete here and waits for the source ({context.Open.Peer}); it is claimed after the claim time, or at once by {id} --other-side-is-dead`.",
            HoldReason.NoStore => $"There is no ownership store, and whether the guest runs at {context.Open.Peer} is not known here. Look there. If that side is dead: {id} --other-side-is-dead`; if the guest runs there: {id} --other-side-runs`.",
            HoldReason.RecordForeign => $"{Record(context)} Neither side of this attempt can have written that. Find out where the guest runs before anything is started.",
            HoldReason.GuestDoesNotResume => "The guest belongs to this side, and it does not resume.",
            HoldReason.MemoryGoneAfterResuming => $"{Record(context)} Its memory here is gone. If nothing that it did here matters, give it back to the source: {id} --other-side-runs`.",
            HoldReason.MemoryGone when context.Mode == OwnershipMode.NoStore => $"Nothing of the guest is here, and there is no ownership store. Settle it at {context.Open.Peer} first.",
            HoldReason.MemoryGone when context.WasRead => $"{Record(context)} Nothing of the guest is here: it is the destination's turn ({context.Open.Peer}). If that host is dead, too: {id} --other-side-is-dead`.",
            HoldReason.MemoryGone => $"The ownership store ({context.Open.Store}) cannot be read. Bring it back. Nothing of the guest is here.",
            HoldReason.HandBackPending => "The guest is to go back to the source, and the record does not say so yet.",
            _ => "It is not settled.",
        };
    }
}
