namespace PageEngine.Ownership;

// Owns: what a journal says about its attempt before anything happened.

/// <summary>Whose journal it is.</summary>
internal enum JournalSide : byte
{
    /// <summary>Not a side.</summary>
    None = 0,

    /// <summary>The side the guest leaves.</summary>
    Source = 1,

    /// <summary>The side the guest goes to.</summary>
    Destination = 2,
}

/// <summary>Everything a restarted process needs to go on with an attempt without being told.</summary>
/// <param name="Side">Whose journal it is.</param>
/// <param name="Attempt">The attempt, its two runs and its base epoch.</param>
/// <param name="MigrationId">The migration's id, the same on both hosts.</param>
/// <param name="Store">The ownership store's description, such as its directory; empty when there is none.</param>
/// <param name="Peer">The peer's address, for people and for another try.</param>
internal sealed record JournalHeader(JournalSide Side, Switchover.SwitchoverAttempt Attempt, ulong MigrationId, string Store, string Peer)
{
    /// <summary>The most UTF-8 bytes that <see cref="Store"/> may have.</summary>
    public const int MaxStoreBytes = 2048;

    /// <summary>The most UTF-8 bytes that <see cref="Peer"/> may have.</summary>
    public const int MaxPeerBytes = 512;
}
