using FsCheck;
using FsCheck.Xunit;
using PageEngine.EmbeddedGuest.State;
using PageEngine.Guests;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.State;

public class GuestConfigurationTests
{
    private const long Bytes = 16 << 20;

    private static readonly MemoryLayout _layout = new([new MemoryLayoutRegion(new GuestAddress(0), Bytes / MemoryLayout.PageBytes)]);

    [Fact]
    public void A_description_is_read_back()
    {
        VerifiableGuestOptions options = Options();
        VerifiableGuestOptions read = GuestConfiguration.Decode(GuestConfiguration.Describe(Bytes, options), _layout, Bytes);
        Assert.Equal(options.Workloads, read.Workloads);
        Assert.Equal((options.VirtualCpus, options.Seed, options.FillPercent), (read.VirtualCpus, read.Seed, read.FillPercent));
    }

    [Fact]
    public void Another_kind_is_refused_and_printed_safely()
    {
        GuestDescription description = GuestConfiguration.Describe(Bytes, Options()) with { Kind = "\e[31mqemu" + new string('x', 1000) };
        MigrationException e = Refused(description);
        Assert.DoesNotContain('\e', e.Message);
        Assert.InRange(e.Message.Length, 1, 200);
    }

    [Fact]
    public void Memory_must_match_the_layout_and_the_limit()
    {
        Refused(GuestConfiguration.Describe(Bytes * 2, Options()));
        GuestDescription description = GuestConfiguration.Describe(Bytes, Options());
        MigrationException e = Assert.Throws<MigrationException>(() => GuestConfiguration.Decode(description, _layout, Bytes - 1));
        Assert.Contains("at most", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Oversized_configurations_are_refused() =>
        Refused(new GuestDescription(GuestConfiguration.Kind, new byte[GuestDescription.MaxConfigurationBytes + 1]));

    [Theory]
    [InlineData(0, 2, 100)]
    [InlineData(65, 2, 100)]
    [InlineData(-1, 2, 100)]
    [InlineData(2, 101, 100)]
    [InlineData(2, -1, 100)]
    [InlineData(2, 2, 0)]
    [InlineData(2, 2, 17)]
    [InlineData(2, 2, int.MaxValue)]
    public void Numbers_out_of_range_are_refused(int cpus, int fill, int workloads)
    {
        PayloadWriter writer = new PayloadWriter().Int32(1).Int64(Bytes).Int32(cpus).UInt64(1).Int32(fill).Int32(workloads);
        for (int i = 0; i < Math.Min(workloads, 20); i++)
        {
            writer.Text("idle");
        }

        Refused(new GuestDescription(GuestConfiguration.Kind, writer.Written));
    }

    [Fact]
    public void A_workload_that_cannot_run_is_refused()
    {
        ReadOnlyMemory<byte> configuration = new PayloadWriter().Int32(1).Int64(Bytes).Int32(1).UInt64(1).Int32(0).Int32(1).Text("hot:1TiB@max").Written;
        MigrationException e = Assert.Throws<MigrationException>(
            () => VerifiableGuest.FromDescription(Guid.NewGuid(), new GuestDescription(GuestConfiguration.Kind, configuration), _layout));
        Assert.Equal(MigrationErrorKind.Refused, e.Kind);
    }

    [Property(MaxTest = 3000)]
    public void Damaged_bytes_are_refused_or_mean_another_valid_guest(byte[] junk, ushort position, bool replaceAll)
    {
        byte[] bytes = replaceAll ? junk : GuestConfiguration.Encode(Bytes, Options()).ToArray();
        for (int i = 0; !replaceAll && i < junk.Length; i++)
        {
            bytes[(position + i) % bytes.Length] = junk[i];
        }

        try
        {
            GuestConfiguration.Decode(new GuestDescription(GuestConfiguration.Kind, bytes), _layout, Bytes).Validate();
        }
        catch (MigrationException e)
        {
            Assert.Equal(MigrationErrorKind.Refused, e.Kind);
        }
    }

    private static MigrationException Refused(GuestDescription description)
    {
        MigrationException e = Assert.Throws<MigrationException>(() => GuestConfiguration.Decode(description, _layout, long.MaxValue));
        Assert.Equal(MigrationErrorKind.Refused, e.Kind);
        return e;
    }

    private static VerifiableGuestOptions Options() => new()
    {
        VirtualCpus = 3,
        Seed = 0xFEDCBA9876543210,
        FillPercent = 40,
        Workloads = [WorkloadSpec.Idle, WorkloadSpec.Parse("zipf:0.7@10Gbit/s"), WorkloadSpec.Parse("hot:1MiB@3MiB/s")],
    };
}
