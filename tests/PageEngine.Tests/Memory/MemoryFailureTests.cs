using PageEngine.Interop;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

/// <summary>The sentences name the amount, the cause and a remedy.</summary>
public sealed class MemoryFailureTests
{
    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1023, "1023 bytes")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1L << 40, "1 TiB")]
    [InlineData(1L << 61, "2048 PiB")]
    public void Amount_is_in_binary_units(long bytes, string expected) => Assert.Equal(expected, MemoryFailure.Amount(bytes));

    [Fact]
    public void Lock_limit_is_named_with_the_ways_to_raise_it()
    {
        MigrationException e = MemoryFailure.Lock(1L << 30, Libc.ENOMEM, limitBytes: 8 << 20);
        Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
        AssertContains(e, "1 GiB", "8 MiB", "RLIMIT_MEMLOCK", "ulimit -l", "CAP_IPC_LOCK");
    }

    [Fact]
    public void Lock_failure_without_a_limit_does_not_invent_one() =>
        Assert.DoesNotContain("RLIMIT", MemoryFailure.Lock(1L << 30, Libc.ENOMEM, limitBytes: null).Message, StringComparison.Ordinal);

    [Fact]
    public void Empty_pool_is_named_with_the_pages_to_add() =>
        AssertContains(
            MemoryFailure.MapHuge("guest memory", 1L << 30, 2 << 20, Libc.ENOMEM, freePages: 12),
            "512 pages are needed",
            "has 12 free",
            "add 500 to /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");

    [Fact]
    public void Missing_pool_is_named() =>
        AssertContains(MemoryFailure.MapHuge("guest memory", 1L << 30, 1 << 30, Libc.EINVAL, freePages: null), "1 GiB", "no such pages");

    [Fact]
    public void Refused_mapping_says_what_the_machine_has() =>
        AssertContains(MemoryFailure.Map("guest memory", 1L << 50, Libc.ENOMEM, 3L << 30), "1 PiB", "3 GiB available", "Ask for less");

    [Fact]
    public void Available_memory_is_read_from_the_kernels_table()
    {
        Assert.Equal(24333088L * 1024, SystemMemory.ParseAvailableBytes("MemTotal:       24684092 kB\nMemFree: 1 kB\nMemAvailable:   24333088 kB\n"));
        Assert.Null(SystemMemory.ParseAvailableBytes("MemTotal: 5 kB\n"));
        Assert.Null(SystemMemory.ParseAvailableBytes("MemAvailable: many kB\n"));
        Assert.Null(SystemMemory.ParseAvailableBytes(""));
        Assert.InRange(SystemMemory.AvailableBytes() ?? 0, 1 << 20, 1L << 50);
    }

    private static void AssertContains(MigrationException e, params string[] parts) =>
        Assert.All(parts, part => Assert.Contains(part, e.Message, StringComparison.Ordinal));
}
