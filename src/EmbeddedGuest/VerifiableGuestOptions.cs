namespace PageEngine.EmbeddedGuest;

// Owns: what an embedded guest is made of. Immutable; source and destination must agree on all of it but the
// willingness to be throttled.

/// <summary>What a <see cref="VerifiableGuest"/> is made of, besides its memory.</summary>
public sealed record VerifiableGuestOptions
{
    /// <summary>The most virtual CPUs a guest may have.</summary>
    public const int MaxVirtualCpus = 64;

    /// <summary>The most workloads a guest may combine.</summary>
    public const int MaxWorkloads = 16;

    /// <summary>Gets the number of virtual CPUs, 1 to <see cref="MaxVirtualCpus"/>.</summary>
    public int VirtualCpus { get; init; } = 2;

    /// <summary>Gets the seed from which every operation and every byte follows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Gets the workloads. Rates add up and the writes are interleaved in proportion to the rates; either
    /// all of them are unthrottled or none (idle ones aside).</summary>
    public IReadOnlyList<WorkloadSpec> Workloads { get; init; } = [WorkloadSpec.Idle];

    /// <summary>Gets the share of workload pages that <see cref="VerifiableGuest.FillMemory"/> fills with
    /// incompressible bytes, in percent, 0 to 100. The others stay untouched.</summary>
    public int FillPercent { get; init; } = 100;

    /// <summary>Gets whether the guest lets itself be slowed down (<see cref="VerifiableGuest.TryThrottle"/>).</summary>
    public bool SupportsThrottle { get; init; }

    /// <summary>Throws when the options are out of range or do not fit together.</summary>
    /// <exception cref="ArgumentException">What is wrong, and what is allowed.</exception>
    internal void Validate()
    {
        if (VirtualCpus is < 1 or > MaxVirtualCpus)
        {
            throw new ArgumentException($"A guest has 1 to {MaxVirtualCpus} virtual CPUs; {VirtualCpus} were asked for.");
        }

        if (FillPercent is < 0 or > 100)
        {
            throw new ArgumentException($"The share of filled pages is 0 to 100 percent, not {FillPercent}.");
        }

        if (Workloads.Count is 0 or > MaxWorkloads)
        {
            throw new ArgumentException($"A guest combines 1 to {MaxWorkloads} workloads; {Workloads.Count} were given.");
        }

        bool anyMax = Workloads.Any(w => w.Kind != WorkloadKind.Idle && w.BytesPerSecond is null);
        bool anyRate = Workloads.Any(w => w.Kind != WorkloadKind.Idle && w.BytesPerSecond is not null);
        if (anyMax && anyRate)
        {
            throw new ArgumentException("Workloads with a rate cannot be combined with unthrottled ones: which operations are done must not depend on time. Give all of them a rate, or all of them 'max'.");
        }
    }
}
