namespace PageEngine.Switchover;

// Owns: the choice between the two rule sets of a switchover.

/// <summary>Whether an ownership store decides who runs.</summary>
internal enum OwnershipMode : byte
{
    /// <summary>Not a valid mode.</summary>
    None = 0,

    /// <summary>A record at a store decides: both sides may crash at any point.</summary>
    Store = 1,

    /// <summary>There is no store: in doubt, both sides hold until an operator decides.</summary>
    NoStore = 2,
}
