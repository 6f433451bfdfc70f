using PageEngine.Ownership;

namespace PageEngine.Cli.Commands;

// Owns: which ownership store --ownership means, and what is said when there is none.

/// <summary>Opens ownership stores.</summary>
internal static class OwnershipStores
{
    /// <summary>What a person should know before moving a guest without a store.</summary>
    public const string None =
        "no ownership store: if the connection is lost at the switchover, the guest is held until an operator decides. "
        + "Give both sides --ownership DIR, a directory on storage that they share.";

    /// <summary>Opens the store of a directory, which the caller disposes; null for none.</summary>
    /// <exception cref="MigrationException">The directory cannot serve as a store; the message says what it lacks.</exception>
    public static FileOwnershipStore? Open(string? directory) => directory is null ? null : FileOwnershipStore.Open(directory);
}
