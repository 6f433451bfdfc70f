namespace PageEngine.Switchover;

// Owns: the source's rules from the end of pre-copy to the end of the migration, as a pure transition table. It holds no
// guest, store, clock or connection: the session carries effects out and feeds their results back as events.
//
// The rule everything turns on: until the Prepare message may have left, a failure needs no store and the guest simply
// resumes. From then on the guest resumes here only under an epoch that this side created itself.

/// <summary>Where the source stands.</summary>
public enum SourceState
{
    /// <summary>Not a valid state.</summary>
    None = 0,

    /// <summary>The guest runs here; nothing of this attempt is durable.</summary>
    Running,

    /// <summary>The guest runs here; "attempt may be prepared" is being journaled.</summary>
    Journaling,

    /// <summary>The guest is being paused.</summary>
    Pausing,

    /// <summary>Paused: the last pages and the device state are being sent.</summary>
    LastPass,

    /// <summary>Paused: Prepare may have left; the answer is awaited.</summary>
    Preparing,

    /// <summary>Paused: the destination's epoch is being created.</summary>
    Committing,

    /// <summary>Paused: it is not known whether the destination's epoch was created.</summary>
    CommitUnknown,

    /// <summary>Paused: this side's own next epoch is being created.</summary>
    Aborting,

    /// <summary>Paused: it is not known whether this side's next epoch was created.</summary>
    AbortUnknown,

    /// <summary>Paused for good: the destination holds the next epoch; whether it runs is awaited.</summary>
    Committed,

    /// <summary>The guest is about to run here again.</summary>
    Resuming,

    /// <summary>Final: the guest runs here.</summary>
    RunsHere,

    /// <summary>Final: the guest runs at the destination; this copy may be freed.</summary>
    RunsThere,

    /// <summary>Final for this process: the guest is paused and held, with a reason, until the record or an operator decides.</summary>
    Held,
}

/// <summary>What can happen to the source.</summary>
public enum SourceEvent
{
    /// <summary>Not a valid event.</summary>
    None = 0,

    /// <summary>Pre-copy has ended: switch over.</summary>
    Begin,

    /// <summary>The journal entry is durable.</summary>
    Journaled,

    /// <summary>The guest is paused.</summary>
    Paused,

    /// <summary>All pages and the device state were handed to the transport.</summary>
    PassSent,

    /// <summary>The destination is prepared, durably, for this attempt.</summary>
    Prepared,

    /// <summary>The destination refused or failed; it will not become prepared.</summary>
    Refused,

    /// <summary>A local step failed.</summary>
    Failed,

    /// <summary>The peer is lost.</summary>
    PeerLost,

    /// <summary>The wait of this state took too long.</summary>
    TimedOut,

    /// <summary>The operator cancels.</summary>
    CancelRequested,

    /// <summary>The epoch that was to be created is this side's attempt's, durably.</summary>
    EpochCreated,

    /// <summary>Creating did not succeed, or cannot be told to have: read the record.</summary>
    EpochNotCreated,

    /// <summary>The record still shows the epoch under which the guest ran here.</summary>
    RecordUnchanged,

    /// <summary>The record names the destination's run and this attempt.</summary>
    RecordIsDestination,

    /// <summary>The record names this run under a higher epoch.</summary>
    RecordIsSource,

    /// <summary>The record names somebody else.</summary>
    RecordIsForeign,

    /// <summary>The record cannot be read now.</summary>
    RecordUnreadable,

    /// <summary>The destination runs the guest: it said so, or the record does.</summary>
    DestinationRuns,

    /// <summary>The guest runs here again.</summary>
    Resumed,
}

/// <summary>What the session must do; the result comes back as an event.</summary>
public enum SourceEffect
{
    /// <summary>Nothing; wait for the next event.</summary>
    None = 0,

    /// <summary>Journal "attempt may be prepared at this epoch". Answers Journaled or Failed.</summary>
    JournalAttempt,

    /// <summary>Pause the guest. Answers Paused or Failed.</summary>
    PauseGuest,

    /// <summary>Collect, save, collect, send. Answers PassSent or Failed.</summary>
    RunLastPass,

    /// <summary>Send Prepare, then wait for the answer.</summary>
    SendPrepare,

    /// <summary>Create the next epoch for the destination. Answers EpochCreated or EpochNotCreated.</summary>
    CreateDestinationEpoch,

    /// <summary>Create the next epoch for this side. Answers EpochCreated or EpochNotCreated.</summary>
    CreateSourceEpoch,

    /// <summary>Read the record. Answers one of the Record events.</summary>
    ReadRecord,

    /// <summary>Tell the destination to go on, then wait until it runs.</summary>
    SendCommit,

    /// <summary>Tell the destination that the attempt is off, as a courtesy, and resume the guest. Answers Resumed or Failed.</summary>
    AbortAndResume,

    /// <summary>Tell the destination that the attempt is off, as a courtesy; the guest was never paused.</summary>
    AbortOnly,

    /// <summary>Power the guest off here and free its memory.</summary>
    PowerOff,

    /// <summary>Keep the guest paused and say why.</summary>
    Hold,
}

/// <summary>The result of an event.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effect">What to do now.</param>
public readonly record struct SourceTransition(SourceState State, SourceEffect Effect);

/// <summary>The source's transition table.</summary>
public static class SourceSwitchover
{
    /// <summary>Gets whether nothing follows this state.</summary>
    public static bool IsFinal(SourceState state) => state is SourceState.RunsHere or SourceState.RunsThere or SourceState.Held;

    /// <summary>Gets what follows.</summary>
    /// <param name="state">The state now.</param>
    /// <param name="happened">What happened.</param>
    /// <param name="hasStore">Whether an ownership store decides.</param>
    /// <exception cref="MigrationException">The event cannot happen in this state: an engine bug.</exception>
    public static SourceTransition Next(SourceState state, SourceEvent happened, bool hasStore) => (state, happened) switch
    {
        (SourceState.Running, SourceEvent.Begin) => new(SourceState.Journaling, SourceEffect.JournalAttempt),
        (SourceState.Running, SourceEvent.Failed or SourceEvent.PeerLost or SourceEvent.CancelRequested or SourceEvent.Refused)
            => new(SourceState.RunsHere, SourceEffect.AbortOnly),

        (SourceState.Journaling, SourceEvent.Journaled) => new(SourceState.Pausing, SourceEffect.PauseGuest),
        (SourceState.Journaling, SourceEvent.Failed or SourceEvent.PeerLost or SourceEvent.CancelRequested or SourceEvent.Refused or SourceEvent.TimedOut)
            => new(SourceState.RunsHere, SourceEffect.AbortOnly),

        (SourceState.Pausing, SourceEvent.Paused) => new(SourceState.LastPass, SourceEffect.RunLastPass),
        (SourceState.LastPass, SourceEvent.PassSent) => new(SourceState.Preparing, SourceEffect.SendPrepare),
        (SourceState.Pausing or SourceState.LastPass,
            SourceEvent.Failed or SourceEvent.PeerLost or SourceEvent.CancelRequested or SourceEvent.Refused or SourceEvent.TimedOut)
            => new(SourceState.Resuming, SourceEffect.AbortAndResume),

        // Without a store the destination runs on Commit only, so that the source may still turn back before it sends one.
        (SourceState.Preparing, SourceEvent.Prepared) => hasStore
            ? new(SourceState.Committing, SourceEffect.CreateDestinationEpoch)
            : new(SourceState.Committed, SourceEffect.SendCommit),
        (SourceState.Preparing, SourceEvent.Failed or SourceEvent.PeerLost or SourceEvent.CancelRequested or SourceEvent.Refused or SourceEvent.TimedOut)
            => hasStore ? new(SourceState.Aborting, SourceEffect.CreateSourceEpoch) : new(SourceState.Resuming, SourceEffect.AbortAndResume),

        (SourceState.Committing, SourceEvent.EpochCreated) => new(SourceState.Committed, SourceEffect.SendCommit),
        (SourceState.Committing, SourceEvent.EpochNotCreated) => new(SourceState.CommitUnknown, SourceEffect.ReadRecord),
        (SourceState.Aborting, SourceEvent.EpochCreated) => new(SourceState.Resuming, SourceEffect.AbortAndResume),
        (SourceState.Aborting, SourceEvent.EpochNotCreated) => new(SourceState.AbortUnknown, SourceEffect.ReadRecord),

        // An epoch is created once: trying again can only find out which one came first, even if the earlier try lands late.
        (SourceState.CommitUnknown, SourceEvent.RecordUnchanged) => new(SourceState.Committing, SourceEffect.CreateDestinationEpoch),
        (SourceState.AbortUnknown, SourceEvent.RecordUnchanged) => new(SourceState.Aborting, SourceEffect.CreateSourceEpoch),
        (SourceState.CommitUnknown or SourceState.AbortUnknown, SourceEvent.RecordIsDestination) => new(SourceState.Committed, SourceEffect.SendCommit),
        (SourceState.CommitUnknown or SourceState.AbortUnknown, SourceEvent.RecordIsSource) => new(SourceState.Resuming, SourceEffect.AbortAndResume),
        (SourceState.CommitUnknown or SourceState.AbortUnknown, SourceEvent.RecordIsForeign) => new(SourceState.Held, SourceEffect.Hold),
        (SourceState.CommitUnknown or SourceState.AbortUnknown, SourceEvent.RecordUnreadable) => new(state, SourceEffect.ReadRecord),
        (SourceState.CommitUnknown or SourceState.AbortUnknown, SourceEvent.TimedOut) => new(SourceState.Held, SourceEffect.Hold),

        (SourceState.Committed, SourceEvent.DestinationRuns) => new(SourceState.RunsThere, SourceEffect.PowerOff),
        (SourceState.Committed, SourceEvent.PeerLost or SourceEvent.Refused or SourceEvent.RecordIsDestination or SourceEvent.RecordUnreadable or SourceEvent.RecordUnchanged)
            => hasStore ? new(SourceState.Committed, SourceEffect.ReadRecord) : new(SourceState.Held, SourceEffect.Hold),
        (SourceState.Committed, SourceEvent.RecordIsSource) => new(SourceState.Resuming, SourceEffect.AbortAndResume),
        (SourceState.Committed, SourceEvent.TimedOut or SourceEvent.RecordIsForeign or SourceEvent.Failed) => new(SourceState.Held, SourceEffect.Hold),

        (SourceState.Resuming, SourceEvent.Resumed) => new(SourceState.RunsHere, SourceEffect.None),
        (SourceState.Resuming, SourceEvent.Failed) => new(SourceState.Held, SourceEffect.Hold),

        // Too late: the commit is under way, or the guest is on its way back anyhow.
        (SourceState.Committing or SourceState.CommitUnknown or SourceState.Committed or SourceState.Aborting or SourceState.AbortUnknown or SourceState.Resuming,
            SourceEvent.CancelRequested) => new(state, SourceEffect.None),
        (SourceState.Committing or SourceState.CommitUnknown or SourceState.Aborting or SourceState.AbortUnknown or SourceState.Resuming,
            SourceEvent.PeerLost or SourceEvent.Refused or SourceEvent.Prepared) => new(state, SourceEffect.None),

        _ => throw new MigrationException(MigrationErrorKind.Internal, $"The source's switchover cannot take {happened} in state {state}."),
    };
}
