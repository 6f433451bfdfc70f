using System.Text;
using PageEngine.Guests;

namespace PageEngine.Checkpoints.Format;

// Owns: the section "guest": who was saved, under which epoch, when, and what is needed to build it again.

/// <param name="GuestId">The guest.</param>
/// <param name="Epoch">The ownership epoch that it ran under; zero: it never ran.</param>
/// <param name="Run">The run that held the epoch; all zero bits: no store said so.</param>
/// <param name="IsSuspended">Whether the guest was stopped for good when the checkpoint was complete.</param>
/// <param name="CreatedAtMicroseconds">When, in microseconds since 1970 UTC: the only field that differs between two
/// checkpoints of the same state.</param>
/// <param name="Description">Kind and configuration.</param>
internal sealed record GuestSection(
    Guid GuestId, ulong Epoch, Guid Run, bool IsSuspended, long CreatedAtMicroseconds, GuestDescription Description)
{
    internal const int MaxKindBytes = 64;

    // The year 9999.
    private const long MaxMicroseconds = 253_000_000_000_000_000;

    private const uint Suspended = 1;

    internal DateTimeOffset CreatedAt => DateTimeOffset.UnixEpoch.AddTicks(CreatedAtMicroseconds * TimeSpan.TicksPerMicrosecond);

    internal static long Microseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    internal ReadOnlyMemory<byte> Encode()
    {
        byte[] kind = Encoding.UTF8.GetBytes(Description.Kind);
        if (kind.Length is 0 or > MaxKindBytes || Description.Configuration.Length > GuestDescription.MaxConfigurationBytes)
        {
            throw new MigrationException(
                MigrationErrorKind.GuestFailed,
                $"The guest describes itself with a kind of {kind.Length} bytes and a configuration of {Description.Configuration.Length}; at most {MaxKindBytes} and {GuestDescription.MaxConfigurationBytes} fit a checkpoint.");
        }

        return new PayloadWriter()
            .Guid(GuestId).UInt64(Epoch).Guid(Run).Int64(CreatedAtMicroseconds).UInt32(IsSuspended ? Suspended : 0)
            .UInt32((uint)kind.Length).UInt32((uint)Description.Configuration.Length).UInt32(0)
            .Bytes(kind).Bytes(Description.Configuration.Span).Written;
    }

    internal static GuestSection Decode(ReadOnlySpan<byte> payload, long offset)
    {
        var reader = new PayloadReader(payload, SectionName.Guest, offset);
        Guid id = reader.Guid();
        ulong epoch = reader.UInt64();
        Guid run = reader.Guid();
        long createdAt = reader.Int64();
        uint flags = reader.UInt32();
        uint kindBytes = reader.UInt32();
        uint configurationBytes = reader.UInt32();
        if (createdAt is < 0 or > MaxMicroseconds)
        {
            throw reader.Bad("the time is none");
        }

        if (flags > Suspended || kindBytes is 0 or > MaxKindBytes || configurationBytes > GuestDescription.MaxConfigurationBytes || reader.UInt32() != 0)
        {
            throw reader.Bad("flags or lengths are outside their limits");
        }

        ReadOnlySpan<byte> kind = reader.Take((int)kindBytes);
        foreach (byte letter in kind)
        {
            // It goes into a terminal.
            if (letter is < 0x20 or > 0x7E)
            {
                throw reader.Bad("the kind is not printable");
            }
        }

        byte[] configuration = reader.Take((int)configurationBytes).ToArray();
        reader.End();
        return new GuestSection(id, epoch, run, flags == Suspended, createdAt, new GuestDescription(Encoding.UTF8.GetString(kind), configuration));
    }
}
