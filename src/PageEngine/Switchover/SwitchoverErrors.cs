namespace PageEngine.Switchover;

// Owns: the error for an event that does not go with a state.

internal static class SwitchoverErrors
{
    /// <summary>Makes the error; a message out of order is the peer's fault, anything else a bug here.</summary>
    public static MigrationException Unexpected<TState, TEvent>(string side, TState state, TEvent e, bool fromPeer)
        where TState : struct, Enum
        where TEvent : struct, Enum => new(
            fromPeer ? MigrationErrorKind.ProtocolViolation : MigrationErrorKind.Internal,
            $"The {side} cannot take the event {e} in the state {state}. " + (fromPeer
                ? "The peer sent a message out of order; both sides must run the same or neighbouring versions."
                : "This is a bug in the driver of the switchover; please report it with this line and the log."));
}
