using FsCheck.Xunit;
using Xunit;

namespace PageEngine.Tests;

public class UnitsTests
{
    [Theory]
    [InlineData("4096", 4096)]
    [InlineData("0", 0)]
    [InlineData("7B", 7)]
    [InlineData("1KiB", 1024)]
    [InlineData("64MiB", 64L << 20)]
    [InlineData("1.5 GiB", 3L << 29)]
    [InlineData("2TiB", 2L << 40)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void ParseBytes_reads_binary_units(string text, long expected) => Assert.Equal(expected, Units.ParseBytes(text));

    [Theory]
    [InlineData("200MiB/s", 200L << 20)]
    [InlineData("10Gbit/s", 1_250_000_000)]
    [InlineData("1 Gbit/s", 125_000_000)]
    [InlineData("100kbit/s", 12_500)]
    [InlineData("9bit/s", 1)]
    [InlineData("12B/s", 12)]
    public void ParseBytesPerSecond_reads_bytes_and_bits(string text, long expected) => Assert.Equal(expected, Units.ParseBytesPerSecond(text));

    [Theory]
    [InlineData("500ms", 5_000_000)]
    [InlineData("90s", 900_000_000)]
    [InlineData("1.5s", 15_000_000)]
    [InlineData("2min", 1_200_000_000)]
    [InlineData("1h", 36_000_000_000)]
    [InlineData("250us", 2_500)]
    public void ParseDuration_reads_time_units(string text, long ticks) => Assert.Equal(ticks, Units.ParseDuration(text).Ticks);

    [Theory]
    [InlineData("", "character 1")]
    [InlineData("MiB", "character 1")]
    [InlineData("-1", "character 1")]
    [InlineData("64MB", "character 3")]
    [InlineData("64 mib", "character 4")]
    [InlineData("1..5MiB", "character 1")]
    [InlineData("0.3B", "whole number")]
    [InlineData("9223372036854775808", "too large")]
    [InlineData("99999999999999999999999999999999MiB", "too large")]
    [InlineData("8388608TiB", "too large")]
    [InlineData("1GiB ", "character 2")]
    public void ParseBytes_says_where_it_fails_and_shows_an_example(string text, string expected)
    {
        FormatException e = Assert.Throws<FormatException>(() => Units.ParseBytes(text));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains("64MiB", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("200")]
    [InlineData("200MiB")]
    [InlineData("10Gb/s")]
    [InlineData("10GBit/s")]
    public void ParseBytesPerSecond_refuses_what_is_ambiguous(string text)
    {
        FormatException e = Assert.Throws<FormatException>(() => Units.ParseBytesPerSecond(text));
        Assert.Contains("10Gbit/s", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("90")]
    [InlineData("90sec")]
    [InlineData("1m")]
    public void ParseDuration_wants_a_known_unit(string text) => Assert.Throws<FormatException>(() => Units.ParseDuration(text));

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1048575, "1 MiB")]
    [InlineData(64.0 * (1 << 20), "64 MiB")]
    [InlineData(5.0 * (1L << 40), "5 TiB")]
    public void FormatBytes_is_short(double bytes, string expected) => Assert.Equal(expected, Units.FormatBytes(bytes));

    [Fact]
    public void Rates_are_printed_in_bytes_and_bits()
    {
        Assert.Equal("200 MiB/s", Units.FormatBytesPerSecond(200 << 20));
        Assert.Equal("9.4 Gbit/s", Units.FormatBitsPerSecond(1_175_000_000));
        Assert.Equal("8 bit/s", Units.FormatBitsPerSecond(1));
    }

    [Theory]
    [InlineData(0, "0 ms")]
    [InlineData(8_500, "850 us")]
    [InlineData(9_996, "1 ms")]
    [InlineData(62_400, "6.2 ms")]
    [InlineData(1_234_000, "123 ms")]
    [InlineData(9_996_000, "1 s")]
    [InlineData(12_500_000, "1.25 s")]
    [InlineData(599_960_000, "1 min")]
    [InlineData(1_250_000_000, "2 min 5 s")]
    [InlineData(37_800_000_000, "1 h 3 min")]
    [InlineData(-62_000, "-6.2 ms")]
    public void FormatDuration_is_short(long ticks, string expected) => Assert.Equal(expected, Units.FormatDuration(TimeSpan.FromTicks(ticks)));

    [Property(MaxTest = 2000)]
    public bool Exact_sizes_are_read_back(ulong generated, byte bits, byte zeros)
    {
        long bytes = Any(generated, bits, zeros);
        return Units.ParseBytes(Units.FormatBytesExact(bytes)) == bytes;
    }

    [Property(MaxTest = 2000)]
    public bool Exact_rates_are_read_back(ulong generated, byte bits, byte zeros)
    {
        long bytes = Any(generated, bits, zeros);
        return Units.ParseBytesPerSecond(Units.FormatBytesPerSecondExact(bytes)) == bytes;
    }

    // Generated numbers are small: spread over all lengths, and over all units by ending in zeros.
    private static long Any(ulong generated, byte bits, byte zeros) =>
        (long)((generated * 0x9E3779B97F4A7C15) >> 1 >> (bits % 63) >> (zeros % 50) << (zeros % 50));
}
