namespace PageEngine.Fault.Tests.Hosts;

// Owns: what a host says, as tests/FaultHost/Documents.cs writes it.

internal sealed record HostResult(
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

internal sealed record HostRecovered(string[] Outcomes, string Guest)
{
    internal bool Has(string outcome) => Outcomes.Any(o => o.StartsWith(outcome + ":", StringComparison.Ordinal));

    public override string ToString() => $"{Guest} ({string.Join("; ", Outcomes)})";
}

internal sealed record HostStatus(string Guest, ulong Epoch, long Operations);

internal sealed record HostVerified(
    string Guest, ulong Epoch, long Operations, long Lost, long Repeated, long Corrupted, long Violations, string? Finding, bool RanOn)
{
    internal bool IsConsistent => (Lost | Repeated | Corrupted | Violations) == 0;
}

internal sealed record HostResources(int Sockets, int Files, int Threads, int GuestMappings, long ResidentBytes, string[] OpenPaths);
