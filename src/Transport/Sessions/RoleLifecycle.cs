namespace PageEngine.Transport.Sessions;

// Owns: the life of one role of a migration. Pure. Three roles on each side have one: supervisor, monitor, transport.
// Invariant: a role that failed waits; only the supervisor's word ends it, and what has ended does nothing any more.

/// <summary>Where a role is.</summary>
internal enum RoleState : byte
{
    /// <summary>It has not begun.</summary>
    Idle = 0,

    /// <summary>It does its work.</summary>
    Working = 1,

    /// <summary>It noticed a failure, told the supervisor, and waits to be ended.</summary>
    Failed = 2,

    /// <summary>It cleans up.</summary>
    Ending = 3,

    /// <summary>Nothing of it is left.</summary>
    Ended = 4,
}

/// <summary>What can happen to a role.</summary>
internal enum RoleEvent : byte
{
    /// <summary>It begins.</summary>
    Began = 0,

    /// <summary>It notices a failure.</summary>
    Detected = 1,

    /// <summary>The supervisor ends it.</summary>
    EndOrdered = 2,

    /// <summary>Its clean-up is done.</summary>
    CleanedUp = 3,
}

/// <summary>The table.</summary>
internal static class RoleLifecycle
{
    /// <summary>Tells what an event does in a state; null where the two do not go together.</summary>
    internal static RoleState? Next(RoleState state, RoleEvent e) => (state, e) switch
    {
        (RoleState.Idle, RoleEvent.Began) => RoleState.Working,

        // A role that never began has nothing to clean up.
        (RoleState.Idle, RoleEvent.EndOrdered) => RoleState.Ended,
        (RoleState.Working or RoleState.Failed, RoleEvent.Detected) => RoleState.Failed,
        (RoleState.Working or RoleState.Failed, RoleEvent.EndOrdered) => RoleState.Ending,
        (RoleState.Ending, RoleEvent.CleanedUp) => RoleState.Ended,

        // Late news: the end is already under way, or over.
        (RoleState.Ending or RoleState.Ended, RoleEvent.Detected or RoleEvent.EndOrdered) => state,
        _ => null,
    };
}
