using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

public sealed unsafe class GuestMemoryRegionTests
{
    private const long Bytes = 1 << 20;
    private static readonly GuestAddress Zero = new(0);

    [Fact]
    public void Anonymous_memory_is_fresh_zeroed_private_and_writable()
    {
        using GuestMemoryRegion region = GuestMemoryRegion.Anonymous(new GuestAddress(0x1000), Bytes);
        Assert.Equal(Bytes, region.Bytes);
        Assert.Equal(256, region.PageCount);
        Assert.Equal(0x1000UL, region.BaseAddress.Value);
        Assert.Null(region.FileDescriptor);
        Assert.False(region.IsShared);
        Assert.True(region.WasFreshlyMapped);
        var all = new Span<byte>(region.Pointer, (int)Bytes);
        Assert.Equal(-1, all.IndexOfAnyExcept((byte)0));
        all.Fill(7);
        Assert.Equal(7, region.Pointer[Bytes - 1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-4096)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4097)]
    [InlineData(long.MaxValue)]
    public void Misaligned_or_absent_length_is_refused(long bytes)
    {
        Assert.Throws<ArgumentException>(nameof(bytes), () => GuestMemoryRegion.Anonymous(Zero, bytes));
        Assert.Throws<ArgumentException>(nameof(bytes), () => GuestMemoryRegion.MemoryFile(Zero, bytes, "x"));
        Assert.Throws<ArgumentException>(nameof(bytes), () => GuestMemoryRegion.File(Zero, "/nonexistent", bytes));
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(4097UL)]
    [InlineData(ulong.MaxValue)]
    public void Misaligned_address_is_refused(ulong address)
    {
        ArgumentException e = Assert.Throws<ArgumentException>("baseAddress", () => GuestMemoryRegion.Anonymous(new GuestAddress(address), Bytes));
        Assert.Contains("multiple of the page size", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Region_beyond_the_address_space_is_refused()
    {
        var lastPage = new GuestAddress(ulong.MaxValue - 4095);
        Assert.Throws<ArgumentException>("bytes", () => GuestMemoryRegion.Anonymous(lastPage, 8192));
        using GuestMemoryRegion region = GuestMemoryRegion.Anonymous(lastPage, 4096);
        Assert.Equal(1, region.PageCount);
    }

    [Theory]
    [InlineData(1L << 47)]
    [InlineData(1L << 50)]
    public void More_memory_than_an_address_space_has_fails_with_a_sentence(long bytes)
    {
        foreach (Func<GuestMemoryRegion> map in new Func<GuestMemoryRegion>[]
        {
            () => GuestMemoryRegion.Anonymous(Zero, bytes),
            () => GuestMemoryRegion.MemoryFile(Zero, bytes, "huge"),
            () => GuestMemory.Allocate(bytes).Regions[0],
        })
        {
            MigrationException e = Assert.Throws<MigrationException>(map);
            Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
            Assert.Contains(MemoryFailure.Amount(bytes), e.Message, StringComparison.Ordinal);
            Assert.Contains("Ask for less memory", e.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    [InlineData(-1)]
    public void Unknown_huge_page_size_is_refused(long hugePageBytes) =>
        Assert.Throws<ArgumentException>("options", () => GuestMemoryRegion.Anonymous(Zero, Bytes, new MemoryBackingOptions { HugePageBytes = hugePageBytes }));

    [Theory]
    [InlineData(2L << 20)]
    [InlineData(1L << 30)]
    public void Huge_pages_want_their_own_alignment(long hugePageBytes)
    {
        var options = new MemoryBackingOptions { HugePageBytes = hugePageBytes };
        Assert.Throws<ArgumentException>("bytes", () => GuestMemoryRegion.Anonymous(Zero, hugePageBytes + 4096, options));
        Assert.Throws<ArgumentException>("baseAddress", () => GuestMemoryRegion.Anonymous(new GuestAddress(4096), hugePageBytes, options));
    }

    [Theory]
    [InlineData(2L << 20, false)]
    [InlineData(2L << 20, true)]
    [InlineData(1L << 30, false)]
    [InlineData(1L << 30, true)]
    public void More_huge_pages_than_the_pool_has_fail_with_the_remedy(long hugePageBytes, bool shared)
    {
        long bytes = hugePageBytes * ((SystemMemory.FreeHugePages(hugePageBytes) ?? 0) + 100_000);
        var options = new MemoryBackingOptions { HugePageBytes = hugePageBytes };
        MigrationException e = Assert.Throws<MigrationException>(() => shared
            ? GuestMemoryRegion.MemoryFile(Zero, bytes, "huge", options)
            : GuestMemoryRegion.Anonymous(Zero, bytes, options));
        Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
        Assert.True(
            e.Message.Contains($"hugepages-{hugePageBytes / 1024}kB/nr_hugepages", StringComparison.Ordinal)
            || e.Message.Contains("no such pages", StringComparison.Ordinal),
            e.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void One_huge_page_is_mapped_when_the_pool_has_one_and_explained_when_not(bool shared)
    {
        const long HugePage = 2 << 20;
        GuestMemoryRegion Map() => shared
            ? GuestMemoryRegion.MemoryFile(Zero, HugePage, "huge", new MemoryBackingOptions { HugePageBytes = HugePage, Lock = true })
            : GuestMemoryRegion.Anonymous(Zero, HugePage, new MemoryBackingOptions { HugePageBytes = HugePage });
        if (SystemMemory.FreeHugePages(HugePage) is null or 0)
        {
            Assert.Throws<MigrationException>(Map);
            return;
        }

        using GuestMemoryRegion region = Map();
        Assert.Contains("ht", FlagsOf(region));
        region.Pointer[HugePage - 1] = 1;
        Assert.Equal(shared, region.IsShared);
    }

    [Theory]
    [InlineData(true, "hg")]
    [InlineData(false, "nh")]
    public void Transparent_huge_pages_are_asked_for_or_declined(bool wanted, string flag)
    {
        using GuestMemoryRegion region = GuestMemoryRegion.Anonymous(Zero, Bytes, new MemoryBackingOptions { TransparentHugePages = wanted });
        string[] flags = FlagsOf(region);

        // A kernel without transparent huge pages knows neither flag, and the wish is dropped.
        Assert.Equal(Directory.Exists("/sys/kernel/mm/transparent_hugepage"), flags.Contains(flag));
        Assert.DoesNotContain(wanted ? "nh" : "hg", flags);
    }

    [Fact]
    public void Locked_memory_is_locked_and_present()
    {
        const long Small = 64 * 1024;
        using GuestMemoryRegion region = GuestMemoryRegion.Anonymous(Zero, Small, new MemoryBackingOptions { Lock = true });
        Assert.Contains("lo", FlagsOf(region));
        using GuestMemoryRegion plain = GuestMemoryRegion.Anonymous(Zero, Small);
        Assert.DoesNotContain("lo", FlagsOf(plain));
    }

    [Fact]
    public void Locking_more_than_is_available_fails_before_it_takes_anything()
    {
        MigrationException e = Assert.Throws<MigrationException>(() =>
            GuestMemoryRegion.Anonymous(Zero, 1L << 46, new MemoryBackingOptions { Lock = true }));
        Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
        Assert.Contains("available on this machine", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Locking_beyond_the_limit_fails_unless_privileged()
    {
        // CAP_IPC_LOCK is bit 14. Where the limit is above what can be had at all, there is nothing to exceed.
        string status = File.ReadAllText("/proc/self/status");
        ulong effective = Convert.ToUInt64(status.Split("CapEff:")[1].Trim().Split('\n')[0], 16);
        bool privileged = (effective >> 14 & 1) != 0;
        long limit = SystemMemory.LockLimitBytes() ?? long.MaxValue;
        long bytes = Math.Min(limit, 64 << 20) / 4096 * 4096 + 4096;
        var options = new MemoryBackingOptions { Lock = true };
        if (privileged || bytes <= limit)
        {
            using GuestMemoryRegion region = GuestMemoryRegion.Anonymous(Zero, bytes, options);
            Assert.Contains("lo", FlagsOf(region));
        }
        else
        {
            MigrationException e = Assert.Throws<MigrationException>(() => GuestMemoryRegion.Anonymous(Zero, bytes, options));
            Assert.Contains("RLIMIT_MEMLOCK", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Disposed_region_throws_instead_of_pointing_somewhere()
    {
        GuestMemoryRegion region = GuestMemoryRegion.MemoryFile(Zero, Bytes, "gone");
        region.Dispose();
        region.Dispose();
        ObjectDisposedException e = Assert.Throws<ObjectDisposedException>(() => region.Pointer[0] = 1);
        Assert.Contains("no longer mapped", e.Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => region.HoldForIo());
        Assert.True(region.FileDescriptor!.IsClosed);
        Assert.Equal(Bytes, region.Bytes);
    }

    private static string[] FlagsOf(GuestMemoryRegion region) => ProcessMaps.FlagsAt((nuint)region.Pointer);
}
