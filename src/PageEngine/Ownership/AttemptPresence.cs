namespace PageEngine.Ownership;

// Owns: what a store can tell about a process that took part in an attempt.

/// <summary>Whether a process that took part in an attempt still does. It explains failures and shortens waits; nobody's
/// right to run a guest ever depends on it.</summary>
public enum AttemptPresence
{
    /// <summary>Not known: it never announced itself, it left in an orderly way, or the store cannot tell.</summary>
    Unknown = 0,

    /// <summary>It lives.</summary>
    Alive = 1,

    /// <summary>It announced itself and died without leaving.</summary>
    Died = 2,
}
