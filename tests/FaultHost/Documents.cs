namespace PageEngine.FaultHost;

// Owns: what is said as one line of JSON.

/// <summary>How a migration ended on this side.</summary>
internal sealed record ResultDocument(
    string Role,
    string Outcome,
    string? FailureKind,
    string? Phase,
    string? DetectedBy,
    string? Message,
    string? Whereabouts,
    ulong Epoch,
    bool? Identical,
    string Guest);

/// <summary>What settling every attempt that was left here came to, oldest first.</summary>
internal sealed record RecoveredDocument(string[] Outcomes, string Guest);

/// <summary>What a guest is doing here: none, running or held.</summary>
internal sealed record StatusDocument(string Guest, ulong Epoch, long Operations, bool Stepped);

/// <summary>What a replay found, and whether a running guest ran on afterwards.</summary>
internal sealed record VerifiedDocument(
    string Guest, ulong Epoch, long Operations, long Lost, long Repeated, long Corrupted, long Violations, string? Finding, bool RanOn);

/// <summary>What this process holds.</summary>
internal sealed record ResourcesDocument(int Sockets, int Files, int Threads, int GuestMappings, long ResidentBytes, string[] OpenPaths);
