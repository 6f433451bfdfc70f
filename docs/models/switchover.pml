/*
 * The switchover protocol: a source, one destination for each attempt, the ownership store, and a channel that loses,
 * repeats and reorders. The two tables are in source-table.pml and destination-table.pml, row by row those of
 * SourceSwitchover and DestinationSwitchover; a test compares them. This file is the world around them: what an event
 * needs to happen, what it does, what an effect does, how a process dies and comes back, and what must hold.
 *
 * Settings (-D):
 *   ATTEMPTS=1|2           how many attempts the source may make, one after the other
 *   CRASHES=n              how many crashes there may be, of any process
 *   NOSTORE                no ownership store: COMMIT decides
 *   MEMORY_DIES            a guest never outlives the process that moves it
 *   OPERATOR               an operator looks at both sides and decides what nobody else can
 *   LIVENESS, FAULTS=n     faults are bounded and messages arrive once; check the property "settles"
 *   SOURCE_STAYS_DOWN, DESTINATION_STAYS_DOWN    a side that crashed never comes back
 *   MUTATE_...             a mistake that the checker must find
 *   ONLY=invariant         check that one alone: a mistake often breaks several
 */

#ifndef ATTEMPTS
#define ATTEMPTS 1
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifdef NOSTORE
#define STORE 0
#else
#define STORE 1
#endif

/* ---- States and invariants -------------------------------------------------------------------------------------- */

/* Down: the process has crashed. The others are the states of the implementation, under their names. */
mtype:source = { S_Down, S_Copying, S_Journaling, S_Pausing, S_LastPass, S_Withdrawing, S_Preparing, S_Granting,
    S_Reclaiming, S_Doubting, S_Waiting, S_Granted, S_GrantedReading, S_GrantedChecking, S_TakingBack, S_Offered, S_Held,
    S_ResumingAtBase, S_ResumeWaitingAtBase, S_ResumingAtOwnEpoch, S_ResumeWaitingAtOwnEpoch, S_Releasing, S_RunsHere, S_Released,
    S_Restarted, S_EmptyReading, S_EmptyWaiting, S_Lost }

/* Absent: the attempt has not begun. */
mtype:destination = { D_Absent, D_Down, D_Receiving, D_Restoring, D_JournalingPrepared, D_Abandoning, D_Prepared,
    D_Reading, D_Claiming, D_RaisingGuards, D_MarkingResuming, D_MarkWaiting, D_Resuming, D_ResumeWaiting,
    D_MarkingRunning, D_RunningUnmarked, D_RunsHere, D_JournalingHandBack, D_HandingBack, D_HandBackReading,
    D_HandBackWaiting, D_Discarding, D_Discarded, D_Held, D_Restarted, D_EmptyReading, D_EmptyWaiting, D_EmptyFreeing,
    D_EmptyHandingBack, D_HeldEmpty, D_Lost }

/* The invariants. They stay 0: their names are there for the checker's messages. ONLY=name checks that one alone. */
#ifdef ONLY
#define UNCHECKED 1
#else
#define UNCHECKED 0
#endif
bit AtMostOneActive = UNCHECKED;
bit AtMostOneEffectEpoch = UNCHECKED;
bit NeverRunIncomplete = UNCHECKED;
bit NoStateLost = UNCHECKED;
bit EpochMonotone = UNCHECKED;
bit DiscardOnlyAfterCommit = UNCHECKED;
bit IdempotentReplay = UNCHECKED;
bit CleanupLeavesNothing = UNCHECKED;
#define MUST(name, condition) assert((condition) || name)

/* ---- The world -------------------------------------------------------------------------------------------------- */

#define NOBODY 0
#define SOURCE(nr) (1 + (nr))           /* the record (next epoch, source's run, attempt) */
#define DESTINATION(nr) (3 + (nr))      /* the record (next epoch, that attempt's run at the destination, attempt) */
#define IS_SOURCE(epoch) (holder[epoch] == SOURCE(0) || holder[epoch] == SOURCE(1))
#define FIRST_EPOCH 1
#define EPOCHS (2 + 2 * ATTEMPTS)

#define UNMARKED 0
#define RESUMING 1
#define RUNNING 2

/* Messages to the destination, then messages to the source. What was sent stays sent: a message may arrive never,
   once or again, and in any order. */
#define PREPARE 1
#define COMMIT 2
#define ABORT 4
#define TO_DESTINATION 7
#define PREPARED 8
#define REFUSED 16
#define IS_RUNNING 32
#define HANDED_BACK 64

/* Creates that nobody waits for any more and that may still happen. */
#define SOURCE_GRANTS 1
#define SOURCE_RECLAIMS 2
#define DESTINATION_CLAIMS 4
#define DESTINATION_FREES 8
#define HAND_BACK 16                    /* the destination's, or the source's in its place: the same record */

/* The store. */
byte holder[EPOCHS];
byte head = FIRST_EPOCH;
byte mark[EPOCHS];
byte late[ATTEMPTS];
bit late_mark[ATTEMPTS];

/* The channel of each attempt. */
byte sent[ATTEMPTS];

/* Whatever the guest's effects reach refuses an epoch lower than the highest it has seen. */
byte guard = FIRST_EPOCH;

/* The source, its journal of the attempt, and its guest. */
mtype:source source = S_Copying;
byte attempt;
byte s_withdraws_from;                  /* which local operation must end: 1 journal, 2 pause, 3 last pass */
byte s_epoch = FIRST_EPOCH;             /* the last epoch that it created or read as its own */
bit s_may_be_prepared;
bit s_settled;
bit s_memory = 1;
bit s_active = 1;

/* The destinations, their journals, and their copies. */
mtype:destination destination[ATTEMPTS];
byte base[ATTEMPTS];                    /* the epoch that the attempt starts from */
bit d_abandons_restore[ATTEMPTS];
bit d_prepared[ATTEMPTS];
bit d_hands_back[ATTEMPTS];
byte d_known[ATTEMPTS];                 /* the mark in its journal */
bit d_settled[ATTEMPTS];
bit d_memory[ATTEMPTS];
bit d_complete[ATTEMPTS];
bit d_active[ATTEMPTS];

/* Seen by the checker only. */
bit d_answered[ATTEMPTS];               /* PREPARED may have left */
bit d_ran[ATTEMPTS];                    /* the guest has executed here */
bit d_outdated[ATTEMPTS];               /* the source has executed since the copy was made */

byte crashes = CRASHES;
/* Scratch within one step; 0 between steps, so that it makes no states. */
byte was;                        /* the state before the row */
byte new_epoch;
byte new_holder;
byte new_late;

#if ATTEMPTS == 2
#define OTHER(nr) (1 - (nr))
#define DESTINATION_ACTIVE (d_active[0] || d_active[1])
#define DESTINATION_RAN (d_ran[0] || d_ran[1])
#define ACTIVE (s_active + d_active[0] + d_active[1])
#else
#define OTHER(nr) 0
#define DESTINATION_ACTIVE (d_active[0])
#define DESTINATION_RAN (d_ran[0])
#define ACTIVE (s_active + d_active[0])
#endif

/* ---- Bounds ----------------------------------------------------------------------------------------------------- */

#ifdef LIVENESS
#ifndef FAULTS
#define FAULTS 2
#endif
byte faults = FAULTS;
#define MAY_FAIL (faults > 0)
#define FAILS faults--
#define ARRIVES(nr, message) sent[nr] = sent[nr] & ~(message)
#else
#define MAY_FAIL true
#define FAILS skip
#define ARRIVES(nr, message) skip
#endif

#ifdef OPERATOR
#define OPERATOR_LOOKS true
#else
#define OPERATOR_LOOKS false
#endif

/* ---- The store -------------------------------------------------------------------------------------------------- */

/* Creating the record that is there already succeeds, so that a create can be tried again. */
#ifdef MUTATE_EPOCH_CREATED_TWICE
#define CAN_CREATE(epoch, who) (epoch <= head + 1)
#else
#define CAN_CREATE(epoch, who) (epoch == head + 1 || (epoch <= head && holder[epoch] == who))
#endif

#define CREATE(epoch, who) new_epoch = epoch; new_holder = who; create()

inline create() {
    if
    :: new_epoch <= head + 1 ->
        MUST(EpochMonotone, new_epoch == head + 1 || holder[new_epoch] == new_holder);
        holder[new_epoch] = new_holder;
        head = (new_epoch > head -> new_epoch : head);
        forget_creates(0);
#if ATTEMPTS == 2
        forget_creates(1);
#endif
    :: else
    fi;
    new_epoch = 0;
    new_holder = 0
}

/* What can no longer change anything is not worth a state of its own. */
inline forget_creates(forgets) {
#ifndef MUTATE_EPOCH_CREATED_TWICE
    if
    :: head > base[forgets] -> late[forgets] = late[forgets] & HAND_BACK
    :: else
    fi;
    if
    :: head > base[forgets] + 1 -> late[forgets] = 0
    :: else
    fi
#else
    skip
#endif
}

#define LEAVE_LATE(nr, which, epoch) new_epoch = epoch; new_late = which; leave_late(nr)

inline leave_late(late_nr) {
    if
#ifdef MUTATE_EPOCH_CREATED_TWICE
    :: true -> late[late_nr] = late[late_nr] | new_late
#else
    :: new_epoch > head -> late[late_nr] = late[late_nr] | new_late
    :: else
#endif
    fi;
    new_epoch = 0;
    new_late = 0
}

inline set_mark(marked, higher) {
    if
    :: mark[base[marked] + 1] < higher -> mark[base[marked] + 1] = higher; late_mark[marked] = 0
    :: else
    fi
}

/* A create whose outcome its caller does not get to know: not done, done, or done later. */
#define CREATE_UNKNOWN(nr, which, epoch, who) \
    if \
    :: CAN_CREATE(epoch, who) -> CREATE(epoch, who) \
    :: LEAVE_LATE(nr, which, epoch) \
    fi

#define LANDS(nr, which, epoch, who) \
    :: atomic { late[nr] & which -> late[nr] = late[nr] & ~(which); \
        if :: CAN_CREATE(epoch, who) -> CREATE(epoch, who) :: else fi }

#define LAND_LATE(nr) \
    LANDS(nr, SOURCE_GRANTS, base[nr] + 1, DESTINATION(nr)) \
    LANDS(nr, SOURCE_RECLAIMS, base[nr] + 1, SOURCE(nr)) \
    LANDS(nr, DESTINATION_CLAIMS, base[nr] + 1, DESTINATION(nr)) \
    LANDS(nr, DESTINATION_FREES, base[nr] + 1, SOURCE(nr)) \
    LANDS(nr, HAND_BACK, base[nr] + 2, SOURCE(nr)) \
    :: atomic { late_mark[nr] -> late_mark[nr] = 0; set_mark(nr, RESUMING) }

#if STORE
proctype Store() {
end_store:
    do
    LAND_LATE(0)
#if ATTEMPTS == 2
    LAND_LATE(1)
#endif
    od
}
#endif

/* ---- Who may run ------------------------------------------------------------------------------------------------ */

inline may_run(run_epoch) {
    MUST(AtMostOneActive, ACTIVE <= 1);
    MUST(AtMostOneEffectEpoch, run_epoch >= guard);
    guard = (run_epoch > guard -> run_epoch : guard)
}

/* ---- The source ------------------------------------------------------------------------------------------------- */

/* The process is gone. What was under way has happened, may still happen, or never does. */
inline source_dies() {
    crashes--;
    if
    :: source == S_Journaling || s_withdraws_from == 1 -> if :: s_may_be_prepared = 1 :: skip fi
    :: source == S_Pausing || s_withdraws_from == 2 || source == S_ResumingAtBase || source == S_ResumingAtOwnEpoch ->
        if :: s_active = 0 :: skip fi
    :: source == S_Granting -> LEAVE_LATE(attempt, SOURCE_GRANTS, base[attempt] + 1)
    :: source == S_Reclaiming -> LEAVE_LATE(attempt, SOURCE_RECLAIMS, base[attempt] + 1)
    :: source == S_TakingBack -> LEAVE_LATE(attempt, HAND_BACK, base[attempt] + 2)
    :: else
    fi;
    if
#ifndef MEMORY_DIES
    :: s_memory
#endif
    :: s_memory = 0; s_active = 0
    fi;
    s_withdraws_from = 0;
    source = S_Down
}

#define SOURCE_MAY_DIE if :: crashes > 0 -> goto source_crash :: true fi

/* An entry that was cut short may have been any: a restart assumes the worst. */
#define SOURCE_MAY_DIE_SETTLING \
    if :: crashes > 0 -> goto source_crash :: crashes > 0 -> s_may_be_prepared = 1; goto source_crash :: true fi

inline source_resumes(resume_epoch) {
    MUST(NeverRunIncomplete, s_memory);
    MUST(NoStateLost, !DESTINATION_RAN);
    s_active = 1;
    MUST(AtMostOneEffectEpoch, !STORE || IS_SOURCE(resume_epoch));
    may_run(resume_epoch);
    outdate(0);
#if ATTEMPTS == 2
    outdate(1)
#endif
}

/* From here on no copy made before is the latest. */
inline outdate(copy) {
    if
    :: d_complete[copy] || (destination[copy] != D_Discarded && (sent[copy] & PREPARE)) || (destination[copy] == D_Restoring) -> d_outdated[copy] = 1
    :: else
    fi
}

/* What an event needs in order to happen, and what it does. */
#define CAN_S_SwitchoverDecided true
#define WHEN_S_SwitchoverDecided skip
#define CAN_S_CancelRequested (MAY_FAIL && source != S_Granted && source != S_GrantedReading && source != S_Granting \
    && source != S_GrantedChecking && source != S_TakingBack && source != S_Offered && source != S_Held)
#define WHEN_S_CancelRequested FAILS
#define CAN_S_AttemptFailed MAY_FAIL
#define WHEN_S_AttemptFailed FAILS
#define CAN_S_ConnectionLost (MAY_FAIL && source != S_Granted)
#define WHEN_S_ConnectionLost FAILS
#define CAN_S_PeerTimedOut true
#define WHEN_S_PeerTimedOut skip
#define CAN_S_AttemptJournaled (source == S_Journaling || s_withdraws_from == 1)
#define WHEN_S_AttemptJournaled s_withdraws_from = 0; s_may_be_prepared = 1
#define CAN_S_JournalFailed (MAY_FAIL && (source == S_Journaling || s_withdraws_from == 1))
#define WHEN_S_JournalFailed FAILS; s_withdraws_from = 0; if :: s_may_be_prepared = 1 :: skip fi
#define CAN_S_GuestPaused (source == S_Pausing || s_withdraws_from == 2)
#define WHEN_S_GuestPaused s_withdraws_from = 0; s_active = 0
#define CAN_S_PauseFailed (MAY_FAIL && (source == S_Pausing || s_withdraws_from == 2))
#define WHEN_S_PauseFailed FAILS; s_withdraws_from = 0; if :: s_active = 0 :: skip fi
#define CAN_S_LastPassDone (source == S_LastPass || s_withdraws_from == 3)
#define WHEN_S_LastPassDone s_withdraws_from = 0
#define CAN_S_LastPassFailed (MAY_FAIL && (source == S_LastPass || s_withdraws_from == 3))
#define WHEN_S_LastPassFailed FAILS; s_withdraws_from = 0
#ifdef MUTATE_ATTEMPT_IGNORED
#define CAN_S_PeerPrepared ((sent[0] | sent[attempt]) & PREPARED)
#else
#define CAN_S_PeerPrepared (sent[attempt] & PREPARED)
#endif
#define WHEN_S_PeerPrepared ARRIVES(attempt, PREPARED)
#define CAN_S_PeerRefused (sent[attempt] & REFUSED)
#define WHEN_S_PeerRefused ARRIVES(attempt, REFUSED)
#define CAN_S_PeerRunning (sent[attempt] & IS_RUNNING)
#define WHEN_S_PeerRunning ARRIVES(attempt, IS_RUNNING)
#define CAN_S_PeerHandedBack (sent[attempt] & HANDED_BACK)
#define WHEN_S_PeerHandedBack ARRIVES(attempt, HANDED_BACK)

#define S_CREATE_EPOCH (source == S_TakingBack -> base[attempt] + 2 : base[attempt] + 1)
#define S_CREATES (source == S_Granting -> DESTINATION(attempt) : SOURCE(attempt))
#define S_CREATING (source == S_Granting -> SOURCE_GRANTS : (source == S_TakingBack -> HAND_BACK : SOURCE_RECLAIMS))
#define CAN_S_EpochCreated CAN_CREATE(S_CREATE_EPOCH, S_CREATES)
#define WHEN_S_EpochCreated \
    CREATE(S_CREATE_EPOCH, S_CREATES); \
    if \
    :: source == S_Reclaiming || source == S_TakingBack -> \
        s_epoch = S_CREATE_EPOCH; \
        MUST(NoStateLost, s_memory) \
    :: source == S_Granting -> \
        MUST(NoStateLost, d_prepared[attempt]) \
    fi
#define CAN_S_EpochConflict (!CAN_CREATE(S_CREATE_EPOCH, S_CREATES))
#define WHEN_S_EpochConflict skip
#define CAN_S_EpochUnknown MAY_FAIL
#define WHEN_S_EpochUnknown FAILS; CREATE_UNKNOWN(attempt, S_CREATING, S_CREATE_EPOCH, S_CREATES)

/* SwitchoverAttempt.SeenFromSource. A read may be stale: an older record, an older mark; but not a read anew. */
#ifdef MUTATE_TAKES_BACK_ON_STALE_READ
#define MAY_BE_STALE MAY_FAIL
#else
#define MAY_BE_STALE (MAY_FAIL && source != S_GrantedChecking)
#endif
#define S_NEXT_MARK mark[base[attempt] + 1]
#define S_GRANTED_RECORD (head > base[attempt] && holder[base[attempt] + 1] == DESTINATION(attempt))
#define S_LATEST_GRANTED (S_GRANTED_RECORD && head == base[attempt] + 1)
#define CAN_S_RecordAtBase (head == base[attempt] || MAY_BE_STALE)
#define WHEN_S_RecordAtBase if :: head > base[attempt] -> FAILS :: else fi
#define CAN_S_RecordGranted (S_GRANTED_RECORD && ((S_LATEST_GRANTED && S_NEXT_MARK == UNMARKED) || MAY_BE_STALE))
#define WHEN_S_RecordGranted if :: S_LATEST_GRANTED && S_NEXT_MARK == UNMARKED :: else -> FAILS fi
#define CAN_S_RecordResuming (S_GRANTED_RECORD && S_NEXT_MARK >= RESUMING \
    && ((S_LATEST_GRANTED && S_NEXT_MARK == RESUMING) || MAY_BE_STALE))
#define WHEN_S_RecordResuming if :: S_LATEST_GRANTED && S_NEXT_MARK == RESUMING :: else -> FAILS fi
#define CAN_S_RecordRunning (S_GRANTED_RECORD && S_NEXT_MARK == RUNNING && (S_LATEST_GRANTED || MAY_BE_STALE))
#define WHEN_S_RecordRunning if :: S_LATEST_GRANTED :: else -> FAILS fi
#define CAN_S_RecordOwn ((head > base[attempt] && IS_SOURCE(base[attempt] + 1)) || (head > base[attempt] + 1 && IS_SOURCE(base[attempt] + 2)))
#define WHEN_S_RecordOwn \
    if \
    :: head > base[attempt] && IS_SOURCE(base[attempt] + 1) -> s_epoch = base[attempt] + 1 \
    :: head > base[attempt] + 1 && IS_SOURCE(base[attempt] + 2) -> s_epoch = base[attempt] + 2 \
    fi
#define CAN_S_RecordForeign ((head > base[attempt] && !IS_SOURCE(base[attempt] + 1) && holder[base[attempt] + 1] != DESTINATION(attempt)) \
    || (head > base[attempt] + 1 && !IS_SOURCE(base[attempt] + 2)))
#define WHEN_S_RecordForeign skip
#define CAN_S_RecordUnreadable MAY_FAIL
#define WHEN_S_RecordUnreadable FAILS
#define CAN_S_RetryDue true
#define WHEN_S_RetryDue skip
#define CAN_S_RetryPeriodOver false     /* at the source it only reports */
#define WHEN_S_RetryPeriodOver skip
#define CAN_S_GuestResumed true
#define WHEN_S_GuestResumed skip
#define CAN_S_ResumeFailed MAY_FAIL
#define WHEN_S_ResumeFailed FAILS; s_active = 0
#define CAN_S_MemoryFreed true
#define WHEN_S_MemoryFreed s_memory = 0

/* JournalState.RestartSource. */
#define CAN_S_RestartedUnprepared (!s_settled && !s_may_be_prepared && s_memory)
#define WHEN_S_RestartedUnprepared skip
#define CAN_S_RestartedUnpreparedEmpty (!s_settled && !s_may_be_prepared && !s_memory)
#define WHEN_S_RestartedUnpreparedEmpty skip
#define CAN_S_RestartedWithGuest (!s_settled && s_may_be_prepared && s_memory)
#define WHEN_S_RestartedWithGuest skip
#define CAN_S_RestartedEmpty (!s_settled && s_may_be_prepared && !s_memory)
#define WHEN_S_RestartedEmpty skip

/* Without a store the operator looks at the other side before he decides; with one his word is only another look. */
#define CAN_S_OperatorResumes (OPERATOR_LOOKS && (STORE || (!DESTINATION_ACTIVE && !DESTINATION_RAN && s_memory && !d_memory[attempt])))
#if defined(MUTATE_OPERATOR_FORGETS_GUARDS) || STORE
#define WHEN_S_OperatorResumes skip
#else
#define WHEN_S_OperatorResumes guard = base[attempt]     /* what the destination had raised would refuse the guest */
#endif
#define CAN_S_OperatorReleases (OPERATOR_LOOKS && (STORE || d_active[attempt]))
#define WHEN_S_OperatorReleases skip

/* The operator's promise: the process is dead, and its copy is gone. The process may come back all the same, without one. */
#ifdef MUTATE_OPERATOR_TAKES_BACK_FROM_THE_LIVING
#define CAN_S_OperatorTakesBack OPERATOR_LOOKS
#else
#define CAN_S_OperatorTakesBack (OPERATOR_LOOKS && destination[attempt] == D_Down && !d_memory[attempt])
#endif
#define WHEN_S_OperatorTakesBack skip

#define SEND(nr, message) sent[nr] = sent[nr] | message
#define S_SendPrepare SEND(attempt, PREPARE)
#define S_SendCommit SEND(attempt, COMMIT)
#define S_SendAbort SEND(attempt, ABORT)
#define S_ResumeGuestAtBase source_resumes(base[attempt])
#define S_ResumeGuestAtOwnEpoch source_resumes(s_epoch)
#define S_FreeMemory MUST(DiscardOnlyAfterCommit, d_ran[attempt] && !s_active)
#define S_JournalSettled s_settled = 1
#define S_StopLocalWork s_withdraws_from = (was == S_Journaling -> 1 : (was == S_Pausing -> 2 : 3))
#define S_ReportRunsHere MUST(CleanupLeavesNothing, s_active && s_settled && ACTIVE == 1)
#define S_ReportMoved MUST(CleanupLeavesNothing, !s_memory && s_settled && d_ran[attempt])
#define S_ReportLost MUST(CleanupLeavesNothing, !s_memory && s_settled)
#define S_ReportHeld skip
#define S_ReportTooLate skip

/* Begins an operation; its answer is an event. */
#define S_JournalAttempt skip
#define S_PauseGuest skip
#define S_RunLastPass skip
#define S_CreateEpochForDestination skip
#define S_CreateEpochForSource skip
#define S_CreateHandBackEpoch skip
#define S_ReadRecord skip
#define S_ReadRecordAnew skip
#define S_StartAnswerTimer skip
#define S_StartRunningTimer skip
#define S_StartRetryTimer skip

#define ON(state, event) :: atomic { source == S_##state && CAN_S_##event -> WHEN_S_##event; was = source;
#define ON_STORE(state, event) :: atomic { STORE && source == S_##state && CAN_S_##event -> WHEN_S_##event; was = source;
#define ON_NOSTORE(state, event) :: atomic { !STORE && source == S_##state && CAN_S_##event -> WHEN_S_##event; was = source;
#define GOTO(state) source = S_##state
#define DO(effect) ; S_##effect
#define THEN(effect) ; THEN_S_##effect
#define END ; was = 0 }
#define NEVER(state, event) :: atomic { source == S_##state && CAN_S_##event -> MUST(IdempotentReplay, false) }

/* The process may die between two effects. */
#define THEN_S_SendPrepare SOURCE_MAY_DIE; S_SendPrepare
#define THEN_S_SendAbort SOURCE_MAY_DIE; S_SendAbort
#define THEN_S_FreeMemory SOURCE_MAY_DIE; S_FreeMemory
#define THEN_S_JournalSettled SOURCE_MAY_DIE_SETTLING; S_JournalSettled

proctype Source() {
end_source:
    do
#include "source-table.pml"

    :: atomic { crashes > 0 && source != S_Down && source != S_RunsHere && source != S_Released && source != S_Lost ->
source_crash:
        was = 0;
        source_dies() }

#ifndef SOURCE_STAYS_DOWN
    :: atomic { source == S_Down -> 
        if
        :: !s_settled -> source = S_Restarted
        :: s_settled && s_active -> source = S_RunsHere
        :: s_settled && !s_active -> source = S_Released; s_memory = 0
        fi }
#endif

#if ATTEMPTS == 2
    /* Another attempt: to the source it does not matter to whom. The first destination keeps whatever it has. */
    :: atomic { source == S_RunsHere && s_active && attempt == 0 ->
        attempt = 1;
        sent[0] = sent[0] & TO_DESTINATION;
        if
        :: base[1] = s_epoch
        :: IS_SOURCE(head) && head != s_epoch -> base[1] = head; s_epoch = head
        fi;
        s_may_be_prepared = 0;
        s_settled = 0;
        destination[1] = D_Receiving;
        d_memory[1] = 1;
        source = S_Copying }
#endif
    od
}

/* ---- The destination of an attempt ------------------------------------------------------------------------------ */

inline destination_dies() {
    crashes--;
    if
    :: destination[a] == D_JournalingPrepared || (destination[a] == D_Abandoning && !d_abandons_restore[a]) ->
        if :: d_prepared[a] = 1 :: skip fi
    :: destination[a] == D_JournalingHandBack -> if :: d_hands_back[a] = 1 :: skip fi
    :: destination[a] == D_Claiming -> LEAVE_LATE(a, DESTINATION_CLAIMS, base[a] + 1)
    :: destination[a] == D_EmptyFreeing -> LEAVE_LATE(a, DESTINATION_FREES, base[a] + 1)
    :: destination[a] == D_HandingBack || destination[a] == D_EmptyHandingBack -> LEAVE_LATE(a, HAND_BACK, base[a] + 2)
    :: destination[a] == D_RaisingGuards -> if :: raise_guards() :: skip fi
    :: destination[a] == D_MarkingResuming -> mark_unknown(RESUMING)
    :: destination[a] == D_MarkingRunning -> mark_unknown(RUNNING)
    :: destination[a] == D_Resuming -> if :: d_active[a] = 0 :: skip fi
    :: else
    fi;
    if
#ifndef MEMORY_DIES
    :: d_memory[a]
#endif
    :: d_memory[a] = 0; d_complete[a] = 0; d_active[a] = 0
    fi;
    d_abandons_restore[a] = 0;
    destination[a] = D_Down
}

#define DESTINATION_MAY_DIE if :: crashes > 0 -> goto destination_crash :: true fi
#define DESTINATION_MAY_DIE_SETTLING \
    if :: crashes > 0 -> goto destination_crash :: crashes > 0 -> d_prepared[a] = 1; goto destination_crash :: true fi

inline raise_guards() {
    guard = (base[a] + 1 > guard -> base[a] + 1 : guard);
    MUST(AtMostOneEffectEpoch, !s_active || s_epoch >= guard)
}

/* A mark whose outcome is not known. Without a store the journal is the mark. */
inline mark_unknown(marks) {
    if
    :: skip
    :: STORE -> set_mark(a, marks)
    :: STORE && marks == RESUMING && mark[base[a] + 1] < RESUMING -> late_mark[a] = 1
    :: !STORE && d_known[a] < marks -> d_known[a] = marks
    fi
}

inline destination_resumes() {
    MUST(NeverRunIncomplete, d_memory[a] && d_complete[a]);
    MUST(NoStateLost, !d_outdated[a]);
    MUST(AtMostOneEffectEpoch, guard >= base[a] + 1);
    MUST(AtMostOneEffectEpoch, !STORE || (head == base[a] + 1 && holder[head] == DESTINATION(a)));
    d_active[a] = 1;
    d_ran[a] = 1;
    may_run(base[a] + 1)
}

#define DECIDED_AGAINST (STORE -> (head > base[a] && holder[head] != DESTINATION(a)) : d_outdated[a])

inline destination_discards() {
    MUST(DiscardOnlyAfterCommit, !d_active[a]);
    MUST(DiscardOnlyAfterCommit, !d_answered[a] || DECIDED_AGAINST || OPERATOR_LOOKS)
}

inline forget_copy() {
    d_memory[a] = 0;
    d_complete[a] = 0
}

#define CAN_D_PrepareReceived (sent[a] & PREPARE)
#define WHEN_D_PrepareReceived ARRIVES(a, PREPARE)
#define CAN_D_CommitReceived (sent[a] & COMMIT)
#define WHEN_D_CommitReceived ARRIVES(a, COMMIT)
#define CAN_D_AbortReceived (sent[a] & ABORT)
#define WHEN_D_AbortReceived ARRIVES(a, ABORT)
#define CAN_D_ConnectionLost MAY_FAIL
#define WHEN_D_ConnectionLost FAILS
#define CAN_D_CancelRequested (MAY_FAIL && (destination[a] == D_Receiving || destination[a] == D_Restoring || destination[a] == D_JournalingPrepared))
#define WHEN_D_CancelRequested FAILS
#define CAN_D_AttemptFailed MAY_FAIL
#define WHEN_D_AttemptFailed FAILS

#define RESTORES (destination[a] == D_Restoring || d_abandons_restore[a])
#define JOURNALS_PREPARED (destination[a] == D_JournalingPrepared || (destination[a] == D_Abandoning && !d_abandons_restore[a]))
#define CAN_D_RestoreDone RESTORES
#define WHEN_D_RestoreDone d_abandons_restore[a] = 0; d_complete[a] = 1
#define CAN_D_RestoreFailed (MAY_FAIL && RESTORES)
#define WHEN_D_RestoreFailed FAILS; d_abandons_restore[a] = 0
#define CAN_D_PreparedJournaled JOURNALS_PREPARED
#define WHEN_D_PreparedJournaled d_prepared[a] = 1
#define CAN_D_HandBackJournaled true
#define WHEN_D_HandBackJournaled d_hands_back[a] = 1
#define CAN_D_JournalFailed (MAY_FAIL && (JOURNALS_PREPARED || destination[a] == D_JournalingHandBack))
#define WHEN_D_JournalFailed \
    FAILS; \
    if \
    :: destination[a] == D_JournalingHandBack -> d_hands_back[a] = 1 \
    :: destination[a] != D_JournalingHandBack -> d_prepared[a] = 1 \
    :: skip \
    fi

/* One timer, two answers: the second when the source has been silent for the claim time. For liveness the second comes
   whenever there is nothing new to read, or a destination might retry for ever. */
#ifdef LIVENESS
#define CAN_D_RetryDue (destination[a] != D_Prepared || head > base[a])
#define CAN_D_ClaimDue (destination[a] != D_Prepared || head == base[a])
#else
#define CAN_D_RetryDue true
#define CAN_D_ClaimDue true
#endif
#define WHEN_D_RetryDue skip
#define WHEN_D_ClaimDue skip
#define CAN_D_RetryPeriodOver (MAY_FAIL && destination[a] == D_RunningUnmarked)   /* elsewhere it only reports */
#define WHEN_D_RetryPeriodOver FAILS

#define HANDS_BACK (destination[a] == D_HandingBack || destination[a] == D_EmptyHandingBack)
#define D_CREATE_EPOCH (HANDS_BACK -> base[a] + 2 : base[a] + 1)
#define D_CREATES (destination[a] == D_Claiming -> DESTINATION(a) : SOURCE(a))
#define D_CREATING (HANDS_BACK -> HAND_BACK : (destination[a] == D_Claiming -> DESTINATION_CLAIMS : DESTINATION_FREES))
#define CAN_D_EpochCreated CAN_CREATE(D_CREATE_EPOCH, D_CREATES)
#define WHEN_D_EpochCreated CREATE(D_CREATE_EPOCH, D_CREATES)
#define CAN_D_EpochConflict (!CAN_CREATE(D_CREATE_EPOCH, D_CREATES))
#define WHEN_D_EpochConflict skip
#define CAN_D_EpochUnknown MAY_FAIL
#define WHEN_D_EpochUnknown FAILS; CREATE_UNKNOWN(a, D_CREATING, D_CREATE_EPOCH, D_CREATES)

/* SwitchoverAttempt.SeenFromDestination. What its own journal knows of the mark is never missed. */
#define D_NEXT_MARK (mark[base[a] + 1] > d_known[a] -> mark[base[a] + 1] : d_known[a])
#ifdef MUTATE_HOLDER_IS_A_HOST
#define D_OWN_RECORD (head > base[a] && (holder[head] == DESTINATION(0) || holder[head] == DESTINATION(1)))
#define D_LATEST_OWN D_OWN_RECORD
#else
#define D_OWN_RECORD (head > base[a] && holder[base[a] + 1] == DESTINATION(a))
#define D_LATEST_OWN (D_OWN_RECORD && head == base[a] + 1)
#endif
#define CAN_D_RecordAtBase (head == base[a] || MAY_FAIL)
#define WHEN_D_RecordAtBase if :: head > base[a] -> FAILS :: else fi
#define CAN_D_RecordOwn (D_OWN_RECORD && d_known[a] == UNMARKED && ((D_LATEST_OWN && D_NEXT_MARK == UNMARKED) || MAY_FAIL))
#define WHEN_D_RecordOwn if :: D_LATEST_OWN && D_NEXT_MARK == UNMARKED :: else -> FAILS fi
#define CAN_D_RecordOwnResuming (D_OWN_RECORD && d_known[a] <= RESUMING && D_NEXT_MARK >= RESUMING \
    && ((D_LATEST_OWN && D_NEXT_MARK == RESUMING) || MAY_FAIL))
#define WHEN_D_RecordOwnResuming if :: D_LATEST_OWN && D_NEXT_MARK == RESUMING :: else -> FAILS fi
#define CAN_D_RecordOwnRunning (D_OWN_RECORD && D_NEXT_MARK == RUNNING && (D_LATEST_OWN || MAY_FAIL))
#define WHEN_D_RecordOwnRunning if :: D_LATEST_OWN :: else -> FAILS fi
#define CAN_D_RecordOther ((head > base[a] && holder[base[a] + 1] != DESTINATION(a)) || head > base[a] + 1)
#define WHEN_D_RecordOther skip
#define CAN_D_RecordForeign false       /* a record of another guest, or an epoch that is gone: no such store here */
#define WHEN_D_RecordForeign skip
#define CAN_D_RecordUnreadable MAY_FAIL
#define WHEN_D_RecordUnreadable FAILS
#define CAN_D_GuardsRaised true
#define WHEN_D_GuardsRaised raise_guards()
#define CAN_D_GuardsFailed MAY_FAIL
#define WHEN_D_GuardsFailed FAILS; if :: raise_guards() :: skip fi
#define MARKS (destination[a] == D_MarkingRunning -> RUNNING : RESUMING)
#define CAN_D_Marked true
#define WHEN_D_Marked \
    if :: STORE -> set_mark(a, MARKS) :: else fi; \
    d_known[a] = (d_known[a] > MARKS -> d_known[a] : MARKS)
#define CAN_D_MarkFailed MAY_FAIL
#define WHEN_D_MarkFailed FAILS; mark_unknown(MARKS)
#define CAN_D_GuestResumed true
#define WHEN_D_GuestResumed skip
#define CAN_D_ResumeFailed MAY_FAIL
#define WHEN_D_ResumeFailed FAILS; d_active[a] = 0
#define CAN_D_CopyDiscarded true
#define WHEN_D_CopyDiscarded forget_copy()

/* JournalState.RestartDestination. */
#define D_TO_SETTLE (!d_settled[a] && (d_hands_back[a] || d_prepared[a]))
#define CAN_D_RestartedHandingBack (d_hands_back[a])
#define WHEN_D_RestartedHandingBack skip
#define CAN_D_RestartedResuming (!d_hands_back[a] && d_memory[a] && d_known[a] >= RESUMING)
#define WHEN_D_RestartedResuming skip
#define CAN_D_RestartedWithGuest (!d_hands_back[a] && d_memory[a] && d_known[a] == UNMARKED)
#define WHEN_D_RestartedWithGuest skip
#define CAN_D_RestartedEmpty (!d_hands_back[a] && !d_memory[a])
#define WHEN_D_RestartedEmpty skip

/* The one decision that accepts a loss, to hand back what may have run, is the operator's and not explored. */
#define SOURCE_GIVEN_UP (source == S_Held || source == S_EmptyWaiting || source == S_Released || source == S_Lost)
#define CAN_D_OperatorResumes (OPERATOR_LOOKS && (STORE || (!s_active && (destination[a] == D_HeldEmpty -> !s_memory \
    : !d_outdated[a] && d_complete[a] && d_memory[a] && SOURCE_GIVEN_UP))))
#define WHEN_D_OperatorResumes skip
#define CAN_D_OperatorReturns (OPERATOR_LOOKS && (STORE -> destination[a] != D_HeldEmpty : (s_active && !d_ran[a])))
#define WHEN_D_OperatorReturns skip

#define D_SendPrepared SEND(a, PREPARED); d_answered[a] = 1
#define D_SendRefused SEND(a, REFUSED)
#define D_SendRunning SEND(a, IS_RUNNING)
#define D_SendHandedBack SEND(a, HANDED_BACK)
#define D_ResumeGuest destination_resumes()
#define D_Discard destination_discards()
#define D_RestoreAndCheck MUST(IdempotentReplay, !d_complete[a])
#define D_JournalSettled d_settled[a] = 1
#define D_StopLocalWork d_abandons_restore[a] = (was == D_Restoring)
#define D_ReportMoved MUST(CleanupLeavesNothing, d_active[a] && ACTIVE == 1 && (d_settled[a] || was == D_RunningUnmarked))
#define D_ReportDiscarded MUST(CleanupLeavesNothing, !d_memory[a] && d_settled[a]); sent[a] = sent[a] & ~TO_DESTINATION; d_outdated[a] = 0
#define D_ReportLost MUST(CleanupLeavesNothing, !d_memory[a] && d_settled[a])
#define D_ReportHeld skip
#define D_ReportTooLate skip

#define D_JournalPrepared skip
#define D_ReadRecord skip
#define D_CreateOwnEpoch skip
#define D_CreateEpochForSource skip
#define D_JournalHandBack skip
#define D_CreateHandBackEpoch skip
#define D_RaiseGuards skip
#define D_MarkResuming skip
#define D_MarkRunning skip
#define D_StartRetryTimer skip

#undef ON
#undef ON_STORE
#undef ON_NOSTORE
#undef GOTO
#undef DO
#undef THEN
#undef NEVER
#define ON(state, event) :: atomic { destination[a] == D_##state && CAN_D_##event -> WHEN_D_##event; was = destination[a];
#define ON_STORE(state, event) :: atomic { STORE && destination[a] == D_##state && CAN_D_##event -> WHEN_D_##event; was = destination[a];
#define ON_NOSTORE(state, event) :: atomic { !STORE && destination[a] == D_##state && CAN_D_##event -> WHEN_D_##event; was = destination[a];
#define GOTO(state) destination[a] = D_##state
#define DO(effect) ; D_##effect
#define THEN(effect) ; DESTINATION_THEN_##effect
#define NEVER(state, event) :: atomic { destination[a] == D_##state && CAN_D_##event -> MUST(IdempotentReplay, false) }
#define NEVER_NOSTORE(state, event) :: atomic { !STORE && destination[a] == D_##state && CAN_D_##event -> MUST(IdempotentReplay, false) }

#define DESTINATION_THEN_Discard DESTINATION_MAY_DIE; D_Discard
#define DESTINATION_THEN_MarkRunning DESTINATION_MAY_DIE
#define DESTINATION_THEN_SendPrepared DESTINATION_MAY_DIE; D_SendPrepared
#define DESTINATION_THEN_JournalSettled DESTINATION_MAY_DIE_SETTLING; D_JournalSettled

proctype Destination(byte a) {
end_destination:
    do
#include "destination-table.pml"

    :: atomic { crashes > 0 && destination[a] != D_Absent && destination[a] != D_Down && !(d_settled[a] &&
            (destination[a] == D_RunsHere || destination[a] == D_Discarded || destination[a] == D_Lost)) ->
destination_crash:
        was = 0;
        destination_dies() }

#ifndef DESTINATION_STAYS_DOWN
    :: atomic { destination[a] == D_Down ->
        if
        :: D_TO_SETTLE -> destination[a] = D_Restarted
        :: !D_TO_SETTLE && d_active[a] -> destination[a] = D_RunsHere
        :: !D_TO_SETTLE && !d_active[a] ->
            if :: d_memory[a] -> destination_discards() :: else fi;
            forget_copy();
            destination[a] = D_Discarded;
            sent[a] = sent[a] & ~TO_DESTINATION;
            d_outdated[a] = 0
        fi }
#endif
    od
}

init {
    atomic {
#ifdef ONLY
        ONLY = 0;
#endif
        holder[FIRST_EPOCH] = SOURCE(0);
        base[0] = FIRST_EPOCH;
        d_memory[0] = 1;
        destination[0] = D_Receiving;
#if STORE
        run Store();
#endif
        run Source();
        run Destination(0);
#if ATTEMPTS == 2
        destination[1] = D_Absent;
        run Destination(1)
#endif
    }
}

/* ---- Somebody gets to run --------------------------------------------------------------------------------------- */

#define COPY_AT_SOURCE (s_memory && !DESTINATION_RAN)
#define COPY_AT(nr) (d_memory[nr] && d_complete[nr] && !d_outdated[nr])
#if ATTEMPTS == 2
#define COPY_LEFT (COPY_AT_SOURCE || COPY_AT(0) || COPY_AT(1))
#define HELD_EMPTY (destination[0] == D_HeldEmpty || destination[1] == D_HeldEmpty)
#else
#define COPY_LEFT (COPY_AT_SOURCE || COPY_AT(0))
#define HELD_EMPTY (destination[0] == D_HeldEmpty)
#endif

/* Without a store: both wait for an operator, and say so. */
#define HELD_WITHOUT_STORE (!STORE && (source == S_Offered || source == S_Held \
    || destination[attempt] == D_Prepared || destination[attempt] == D_Held))

#ifdef DESTINATION_STAYS_DOWN
#define HELD_FOR_DESTINATION (destination[attempt] == D_Down && (source == S_Granted || source == S_GrantedReading))
#else
#define HELD_FOR_DESTINATION false
#endif

#define SETTLED (ACTIVE == 1 || !COPY_LEFT || HELD_EMPTY || HELD_WITHOUT_STORE || HELD_FOR_DESTINATION)

#ifdef LIVENESS
ltl settles { []<> (SETTLED) }
#endif
