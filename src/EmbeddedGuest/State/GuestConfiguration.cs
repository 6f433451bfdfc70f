using PageEngine.EmbeddedGuest.Operations;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest.State;

// Owns: the guest's configuration as bytes: what Describe sends and FromDescription believes only after checking.
// version int32 = 1, memory bytes int64, virtual CPUs int32, seed uint64, fill percent int32, workloads int32, then
// each workload as text. All little-endian.

internal static class GuestConfiguration
{
    internal const string Kind = "embedded";

    private const int Version = 1;

    internal static GuestDescription Describe(long memoryBytes, VerifiableGuestOptions options) => new(Kind, Encode(memoryBytes, options));

    internal static ReadOnlyMemory<byte> Encode(long memoryBytes, VerifiableGuestOptions options)
    {
        PayloadWriter writer = new PayloadWriter()
            .Int32(Version)
            .Int64(memoryBytes)
            .Int32(options.VirtualCpus)
            .UInt64(options.Seed)
            .Int32(options.FillPercent)
            .Int32(options.Workloads.Count);
        foreach (WorkloadSpec workload in options.Workloads)
        {
            writer.Text(workload.ToString());
        }

        return writer.Written;
    }

    /// <summary>Reads a description that a peer sent.</summary>
    /// <param name="description">The description.</param>
    /// <param name="layout">The memory layout that was agreed on.</param>
    /// <param name="maxMemoryBytes">The most memory that this host gives a guest.</param>
    /// <exception cref="MigrationException">Refused: it is not one, does not fit the layout, or is too large.</exception>
    internal static VerifiableGuestOptions Decode(GuestDescription description, MemoryLayout layout, long maxMemoryBytes)
    {
        if (description.Kind != Kind)
        {
            throw Refused($"The source's guest is of the kind '{Printable(description.Kind)}'; this destination runs '{Kind}' guests only.");
        }

        if (description.Configuration.Length > GuestDescription.MaxConfigurationBytes)
        {
            throw Refused($"The guest's configuration has {description.Configuration.Length} bytes; at most {GuestDescription.MaxConfigurationBytes} are allowed.");
        }

        PayloadReader reader = new(description.Configuration.Span, "configuration", MigrationErrorKind.Refused);
        int version = reader.Int32();
        if (version != Version)
        {
            throw Refused($"The guest's configuration has version {version}; this destination reads version {Version}. Update the older side.");
        }

        long memoryBytes = reader.Int64();
        if (memoryBytes != layout.Bytes)
        {
            throw Refused($"The guest's configuration says {memoryBytes} bytes of memory, its layout {layout.Bytes}.");
        }

        if (memoryBytes > maxMemoryBytes)
        {
            throw Refused($"The guest has {Units.FormatBytes(memoryBytes)} of memory; this destination takes at most {Units.FormatBytes(maxMemoryBytes)}.");
        }

        int virtualCpus = reader.Int32();
        ulong seed = reader.UInt64();
        int fillPercent = reader.Int32();
        int count = reader.Int32();
        if (count is < 1 or > VerifiableGuestOptions.MaxWorkloads)
        {
            throw reader.Bad($"{count} workloads, where 1 to {VerifiableGuestOptions.MaxWorkloads} are allowed");
        }

        try
        {
            WorkloadSpec[] workloads = new WorkloadSpec[count];
            for (int i = 0; i < count; i++)
            {
                workloads[i] = WorkloadSpec.Parse(reader.Text(WorkloadSpec.MaxTextLength));
            }

            reader.End();
            VerifiableGuestOptions options = new() { VirtualCpus = virtualCpus, Seed = seed, FillPercent = fillPercent, Workloads = workloads };
            options.Validate();
            _ = new GuestMemoryMap(layout, virtualCpus);
            return options;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"The guest's configuration cannot be run here: {e.Message}", e);
        }
    }

    private static MigrationException Refused(string message) => new(MigrationErrorKind.Refused, message);

    // A peer's text goes into a terminal: no control characters, and not much of it.
    private static string Printable(string text) =>
        new([.. text.Take(32).Select(c => char.IsControl(c) ? '?' : c)]);
}
