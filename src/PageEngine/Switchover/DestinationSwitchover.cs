namespace PageEngine.Switchover;

// Owns: the destination's rules from the first Prepare to the running guest, as a pure transition table.
//
// The rules everything turns on: a prepared destination never discards on a timer, only after it has read an epoch above
// the source's that is not its own; it runs only after it has read its own run and attempt, raised the guards and made
// "resuming" durable. A message from the source is a hint, never the authority (but where there is no store).

/// <summary>Where the destination stands.</summary>
public enum DestinationState
{
    /// <summary>Not a valid state.</summary>
    None = 0,

    /// <summary>Receiving rounds.</summary>
    Receiving,

    /// <summary>Prepare came: checking and loading.</summary>
    Restoring,

    /// <summary>Loaded: "prepared" is being journaled.</summary>
    Journaling,

    /// <summary>Prepared, durably: either side may now end it.</summary>
    Prepared,

    /// <summary>Prepared: the record is being read.</summary>
    Reading,

    /// <summary>Prepared, the source is lost: the own epoch is being created.</summary>
    Claiming,

    /// <summary>The record names this run: guards are being raised.</summary>
    Granted,

    /// <summary>Guards are raised: "resuming" is being made durable.</summary>
    Marking,

    /// <summary>The guest cannot run here: the epoch after is being created for the source.</summary>
    HandingBack,

    /// <summary>"Resuming" is durable: the guest is about to run.</summary>
    Resuming,

    /// <summary>Final: the guest runs here.</summary>
    RunsHere,

    /// <summary>Final: this copy never ran and is gone.</summary>
    Discarded,

    /// <summary>Final for this process: the copy is kept, paused, until the record or an operator decides.</summary>
    Held,
}

/// <summary>What can happen to the destination.</summary>
public enum DestinationEvent
{
    /// <summary>Not a valid event.</summary>
    None = 0,

    /// <summary>Prepare came.</summary>
    PrepareReceived,

    /// <summary>Checked and loaded.</summary>
    Restored,

    /// <summary>The journal entry is durable.</summary>
    Journaled,

    /// <summary>A Commit message of this attempt came.</summary>
    CommitReceived,

    /// <summary>An Abort message of this attempt came.</summary>
    AbortReceived,

    /// <summary>The peer is lost or failed.</summary>
    PeerLost,

    /// <summary>The source has been lost for longer than its own retry time.</summary>
    ClaimTimedOut,

    /// <summary>It is time to look at the record again.</summary>
    PollDue,

    /// <summary>A local step failed.</summary>
    Failed,

    /// <summary>The epoch that was to be created is as wanted, durably.</summary>
    EpochCreated,

    /// <summary>Creating did not succeed, or cannot be told to have: read the record.</summary>
    EpochNotCreated,

    /// <summary>The record names this run and this attempt.</summary>
    RecordIsMine,

    /// <summary>The record still shows the source's epoch.</summary>
    RecordUnchanged,

    /// <summary>The record shows an epoch above the source's that is not this run's.</summary>
    RecordIsForeign,

    /// <summary>The record cannot be read now.</summary>
    RecordUnreadable,

    /// <summary>Every guard refuses lower epochs now.</summary>
    GuardsRaised,

    /// <summary>"Resuming" is durable.</summary>
    Marked,

    /// <summary>It cannot be told whether "resuming" is durable.</summary>
    MarkUnknown,

    /// <summary>The guest runs.</summary>
    Resumed,

    /// <summary>The wait of this state took too long, or the operator ends this process.</summary>
    GaveUp,
}

/// <summary>What the session must do; the result comes back as an event.</summary>
public enum DestinationEffect
{
    /// <summary>Nothing; wait for the next event.</summary>
    None = 0,

    /// <summary>Check totals, layout and digests, load the device state. Answers Restored or Failed.</summary>
    RestoreAndCheck,

    /// <summary>Journal "prepared". Answers Journaled or Failed.</summary>
    JournalPrepared,

    /// <summary>Answer Prepared, then wait.</summary>
    SendPrepared,

    /// <summary>Read the record. Answers one of the Record events.</summary>
    ReadRecord,

    /// <summary>Create the own epoch. Answers EpochCreated or EpochNotCreated.</summary>
    CreateOwnEpoch,

    /// <summary>Raise every guard to the own epoch. Answers GuardsRaised or Failed.</summary>
    RaiseGuards,

    /// <summary>Make "resuming" durable. Answers Marked, Failed (it surely is not), or MarkUnknown.</summary>
    MarkResuming,

    /// <summary>Resume the guest. Answers Resumed or Failed.</summary>
    ResumeGuest,

    /// <summary>Tell the source and the store that the guest runs.</summary>
    AnnounceRunning,

    /// <summary>Create the epoch after the own one for the source. Answers EpochCreated or EpochNotCreated.</summary>
    HandBack,

    /// <summary>Power the copy off and free it; tell the source, as a courtesy.</summary>
    Discard,

    /// <summary>Keep the copy paused and say why.</summary>
    Hold,
}

/// <summary>The result of an event.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effect">What to do now.</param>
public readonly record struct DestinationTransition(DestinationState State, DestinationEffect Effect);

/// <summary>The destination's transition table.</summary>
public static class DestinationSwitchover
{
    /// <summary>Gets whether nothing follows this state.</summary>
    public static bool IsFinal(DestinationState state) =>
        state is DestinationState.RunsHere or DestinationState.Discarded or DestinationState.Held;

    /// <summary>Gets what follows.</summary>
    /// <param name="state">The state now.</param>
    /// <param name="happened">What happened.</param>
    /// <param name="hasStore">Whether an ownership store decides.</param>
    /// <exception cref="MigrationException">The event cannot happen in this state: an engine bug.</exception>
    public static DestinationTransition Next(DestinationState state, DestinationEvent happened, bool hasStore) => (state, happened) switch
    {
        (DestinationState.Receiving, DestinationEvent.PrepareReceived) => new(DestinationState.Restoring, DestinationEffect.RestoreAndCheck),
        (DestinationState.Restoring, DestinationEvent.Restored) => new(DestinationState.Journaling, DestinationEffect.JournalPrepared),
        (DestinationState.Journaling, DestinationEvent.Journaled) => new(DestinationState.Prepared, DestinationEffect.SendPrepared),

        // Nothing was answered yet: the source cannot have committed, and its own epoch or its silence is its own affair.
        (DestinationState.Receiving or DestinationState.Restoring or DestinationState.Journaling,
            DestinationEvent.Failed or DestinationEvent.PeerLost or DestinationEvent.AbortReceived or DestinationEvent.GaveUp)
            => new(DestinationState.Discarded, DestinationEffect.Discard),

        (DestinationState.Prepared, DestinationEvent.CommitReceived) => hasStore
            ? new(DestinationState.Reading, DestinationEffect.ReadRecord)
            : new(DestinationState.Granted, DestinationEffect.RaiseGuards),
        (DestinationState.Prepared, DestinationEvent.AbortReceived) => hasStore
            ? new(DestinationState.Reading, DestinationEffect.ReadRecord)
            : new(DestinationState.Discarded, DestinationEffect.Discard),
        (DestinationState.Prepared, DestinationEvent.PeerLost) => hasStore
            ? new(DestinationState.Reading, DestinationEffect.ReadRecord)
            : new(DestinationState.Held, DestinationEffect.Hold),
        (DestinationState.Prepared, DestinationEvent.PollDue) when hasStore => new(DestinationState.Reading, DestinationEffect.ReadRecord),
        (DestinationState.Prepared, DestinationEvent.ClaimTimedOut) when hasStore => new(DestinationState.Claiming, DestinationEffect.CreateOwnEpoch),
        (DestinationState.Prepared or DestinationState.Reading or DestinationState.Claiming, DestinationEvent.GaveUp) => new(DestinationState.Held, DestinationEffect.Hold),

        (DestinationState.Claiming, DestinationEvent.EpochCreated) => new(DestinationState.Granted, DestinationEffect.RaiseGuards),
        (DestinationState.Claiming, DestinationEvent.EpochNotCreated) => new(DestinationState.Reading, DestinationEffect.ReadRecord),

        (DestinationState.Reading, DestinationEvent.RecordIsMine) => new(DestinationState.Granted, DestinationEffect.RaiseGuards),
        (DestinationState.Reading, DestinationEvent.RecordIsForeign) => new(DestinationState.Discarded, DestinationEffect.Discard),
        (DestinationState.Reading, DestinationEvent.RecordUnchanged or DestinationEvent.RecordUnreadable) => new(DestinationState.Prepared, DestinationEffect.None),

        (DestinationState.Granted, DestinationEvent.GuardsRaised) => hasStore
            ? new(DestinationState.Marking, DestinationEffect.MarkResuming)
            : new(DestinationState.Resuming, DestinationEffect.ResumeGuest),
        (DestinationState.Granted or DestinationState.Marking, DestinationEvent.Failed) => hasStore
            ? new(DestinationState.HandingBack, DestinationEffect.HandBack)
            : new(DestinationState.Held, DestinationEffect.Hold),
        (DestinationState.Marking, DestinationEvent.Marked) => new(DestinationState.Resuming, DestinationEffect.ResumeGuest),

        // "Resuming" may be durable: from then on nobody hands back without a person.
        (DestinationState.Marking, DestinationEvent.MarkUnknown) => new(DestinationState.Held, DestinationEffect.Hold),
        (DestinationState.HandingBack, DestinationEvent.EpochCreated) => new(DestinationState.Discarded, DestinationEffect.Discard),
        (DestinationState.HandingBack, DestinationEvent.EpochNotCreated or DestinationEvent.Failed) => new(DestinationState.Held, DestinationEffect.Hold),

        (DestinationState.Resuming, DestinationEvent.Resumed) => new(DestinationState.RunsHere, DestinationEffect.AnnounceRunning),
        (DestinationState.Resuming, DestinationEvent.Failed) => new(DestinationState.Held, DestinationEffect.Hold),

        // Hints that come while the record is already being looked at, or after it decided.
        (DestinationState.Reading or DestinationState.Claiming or DestinationState.Granted or DestinationState.Marking
                or DestinationState.HandingBack or DestinationState.Resuming,
            DestinationEvent.CommitReceived or DestinationEvent.AbortReceived or DestinationEvent.PeerLost or DestinationEvent.PollDue or DestinationEvent.ClaimTimedOut)
            => new(state, DestinationEffect.None),
        (DestinationState.Granted or DestinationState.Marking or DestinationState.HandingBack or DestinationState.Resuming, DestinationEvent.GaveUp)
            => new(state, DestinationEffect.None),

        _ => throw new MigrationException(MigrationErrorKind.Internal, $"The destination's switchover cannot take {happened} in state {state}."),
    };
}
