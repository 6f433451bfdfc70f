using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Switchover;

namespace PageEngine.Recovery;

// Owns: what settling an attempt would do, told from the record and the tables without touching either.

internal static class RecoveryOutlooks
{
    public static async ValueTask<RecoveryOutlook> LookAsync(
        JournalState journal, OpenAttempt open, IOwnershipStore? store, bool hasCopy, CancellationToken cancellationToken)
    {
        string here = RecoveryWords.OfJournal(open) + (hasCopy ? " Its copy is kept on this host." : "");
        if (open.ProcessIsAlive)
        {
            return new RecoveryOutlook(here, "", "Nothing: the process that runs it lives.");
        }

        if (!open.HasStore)
        {
            return new RecoveryOutlook(here, "There is no ownership store.", WithoutStore(open, hasCopy));
        }

        if (store is null)
        {
            return new RecoveryOutlook(here, $"The ownership store {open.Store} is not to be had.", "Nothing, until the store can be read.");
        }

        SwitchoverAttempt attempt = journal.Header.Attempt;
        OwnershipRecord? record = await store.ReadAsync(attempt.GuestId, cancellationToken).ConfigureAwait(false);
        OwnershipMark mark = record?.Epoch > attempt.BaseEpoch
            ? await store.ReadMarkAsync(attempt.GuestId, attempt.ForDestination.Epoch, cancellationToken).ConfigureAwait(false)
            : OwnershipMark.None;
        string says = RecoveryWords.OfRecord(attempt, store.Description, record, mark);
        OwnershipMark known = mark > journal.KnownMark ? mark : journal.KnownMark;
        return new RecoveryOutlook(here, says, open.Role == MigrationRole.Source
            ? NextOfSource(journal.RestartSource(hasCopy), attempt.SeenFromSource(record, mark))
            : NextOfDestination(journal.RestartDestination(hasCopy), attempt.SeenFromDestination(record, known)));
    }

    private static string WithoutStore(OpenAttempt open, bool hasCopy) => (open.Role, open.Progress, hasCopy) switch
    {
        (MigrationRole.Source, AttemptProgress.Unprepared, true) => "Run the guest here.",
        (MigrationRole.Source, AttemptProgress.Unprepared, false) => "Report the guest lost: its memory died with its process.",
        (MigrationRole.Destination, AttemptProgress.Unprepared, _) => "Nothing is left to settle.",
        (MigrationRole.Destination, AttemptProgress.Resuming or AttemptProgress.Running, true) => "Run the guest here.",
        (_, _, true) => "Nothing by itself. With --other-side-is-dead: run the guest here. With --other-side-runs: discard the copy here.",
        _ => "Nothing by itself. With --other-side-is-dead: report the guest lost. With --other-side-runs: close it, nothing is here.",
    };

    private static string NextOfSource(SourceEvent begin, SourceEvent seen) => (begin, seen) switch
    {
        (SourceEvent.None, _) => "Nothing is left to settle.",
        (SourceEvent.RestartedUnprepared, _) => "Run the guest here.",
        (SourceEvent.RestartedUnpreparedEmpty, _) => "Report the guest lost: its memory died with its process.",
        (SourceEvent.RestartedWithGuest, SourceEvent.RecordAtBase) => "Create the source's own next epoch and run the guest here.",
        (SourceEvent.RestartedWithGuest, SourceEvent.RecordOwn) => "Run the guest here.",
        (SourceEvent.RestartedWithGuest, SourceEvent.RecordRunning) => "Discard the copy here: the guest has moved.",
        (SourceEvent.RestartedWithGuest, SourceEvent.RecordGranted) => "Wait for the destination. With --other-side-is-dead: take the guest back and run it here.",
        (_, SourceEvent.RecordRunning) => "Close it: the guest has moved.",
        (_, SourceEvent.RecordOwn) => "Report the guest lost: it was given back, and its memory here is gone.",
        (_, SourceEvent.RecordForeign) => "Nothing: the record is not of this attempt.",
        _ => "Wait for the destination.",
    };

    private static string NextOfDestination(DestinationEvent begin, DestinationEvent seen) => (begin, seen) switch
    {
        (DestinationEvent.None, _) => "Nothing is left to settle.",
        (_, DestinationEvent.RecordOther) => "Discard what is here: the source has the guest.",
        (_, DestinationEvent.RecordForeign) => "Nothing: the record is not of this attempt.",
        (DestinationEvent.RestartedHandingBack, _) => "Give the guest back to the source.",
        (DestinationEvent.RestartedEmpty, DestinationEvent.RecordAtBase or DestinationEvent.RecordOwn) => "Give the guest to the source: its memory here is gone.",
        (DestinationEvent.RestartedEmpty, DestinationEvent.RecordOwnResuming) =>
            "Nothing by itself: the guest may have run here, and its memory is gone. With --other-side-runs: give it back to the source.",
        (DestinationEvent.RestartedEmpty, _) => "Report the guest lost: it ran here, and its memory is gone.",
        (_, DestinationEvent.RecordAtBase) => "Wait for the source, then claim the guest. With --other-side-is-dead: claim it at once and run it here.",
        _ => "Run the guest here.",
    };
}
