using Xunit;

namespace PageEngine.EmbeddedGuest.Tests;

public class WorkloadSpecTests
{
    [Fact]
    public void Parse_reads_every_kind()
    {
        WorkloadSpec hot = WorkloadSpec.Parse("hot:64MiB@200MiB/s");
        Assert.Equal((WorkloadKind.Hot, 64L << 20, 200L << 20), (hot.Kind, hot.HotBytes, hot.BytesPerSecond));

        WorkloadSpec zipf = WorkloadSpec.Parse("zipf:0.99@10Gbit/s");
        Assert.Equal((WorkloadKind.Zipf, 0.99, 1_250_000_000L), (zipf.Kind, zipf.Skew, zipf.BytesPerSecond));

        WorkloadSpec uniform = WorkloadSpec.Parse("uniform@max");
        Assert.Equal((WorkloadKind.Uniform, (long?)null), (uniform.Kind, uniform.BytesPerSecond));
        Assert.Equal(WorkloadKind.Sequential, WorkloadSpec.Parse("seq@1B/s").Kind);
        Assert.Equal(WorkloadSpec.Idle, WorkloadSpec.Parse("idle"));
    }

    [Theory]
    [InlineData("idle")]
    [InlineData("hot:64MiB@200MiB/s")]
    [InlineData("hot:4097B@1250000001B/s")]
    [InlineData("uniform@max")]
    [InlineData("zipf:0.1@50MiB/s")]
    [InlineData("zipf:1.2345678901234567@max")]
    [InlineData("seq@3B/s")]
    public void ToString_is_read_back(string text)
    {
        WorkloadSpec spec = WorkloadSpec.Parse(text);
        Assert.Equal(text, spec.ToString());
        Assert.Equal(spec, WorkloadSpec.Parse(spec.ToString()));
    }

    [Theory]
    [InlineData("", "character 1:")]
    [InlineData("hto:64MiB@1MiB/s", "character 1: there is no workload 'hto'")]
    [InlineData("hot@1MiB/s", "character 4:")]
    [InlineData("hot:64MB@1MiB/s", "character 5:")]
    [InlineData("hot:64@1MiB/s", "character 5:")]
    [InlineData("hot:64MiB", "character 10:")]
    [InlineData("hot:64MiB@", "character 11:")]
    [InlineData("hot:64MiB@fast", "character 11:")]
    [InlineData("hot:64MiB@0B/s", "character 11:")]
    [InlineData("zipf@1MiB/s", "character 5:")]
    [InlineData("zipf:0@1MiB/s", "character 6:")]
    [InlineData("zipf:9@1MiB/s", "character 6:")]
    [InlineData("zipf:NaN@1MiB/s", "character 6:")]
    [InlineData("uniform:3@1MiB/s", "character 8:")]
    [InlineData("idle@1MiB/s", "character 5:")]
    [InlineData("seq@1MiB/s@2", "character 5:")]
    public void Parse_names_the_character_and_shows_an_example(string text, string expected)
    {
        FormatException e = Assert.Throws<FormatException>(() => WorkloadSpec.Parse(text));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.Contains("hot:64MiB@200MiB/s", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_refuses_a_text_without_end() =>
        Assert.Throws<FormatException>(() => WorkloadSpec.Parse("hot:" + new string('1', 1000)));
}
