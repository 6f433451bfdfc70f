using FsCheck.Xunit;
using PageEngine.Compression;
using Xunit;

namespace PageEngine.Tests.Compression;

// The rates are those of one core: LZ4 at 0.5 GB/s to 60 %, zstd at 0.2 GB/s to 45 %, a comparison at 4 GB/s.
public class EncodingChoiceTests
{
    private const long Batch = 1 << 20;

    [Theory]
    [InlineData(12.5e6, 2)] // 100 Mbit/s
    [InlineData(60e6, 2)]
    [InlineData(125e6, 1)] // 1 Gbit/s: zstd itself would be the slower one, or gain nothing over LZ4
    [InlineData(250e6, 1)]
    [InlineData(1.25e9, 0)] // 10 Gbit/s
    [InlineData(5e9, 0)]
    public void A_codec_is_used_where_the_link_is_slower(double link, int expected)
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: false);
        EncodingPlan plan = Drive(choice, link, batches: 200, lz4: (0.5e9, 0.6), zstd: (0.13e9, 0.45));
        Assert.Equal((BlockCodec)expected, plan.Codec);
    }

    [Theory]
    [InlineData(12.5e6)]
    [InlineData(125e6)]
    public void Pages_that_do_not_compress_go_as_they_are(double link)
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: false);
        Assert.Equal(BlockCodec.Stored, Drive(choice, link, 200, lz4: (1.5e9, 1), zstd: (0.5e9, 0.99)).Codec);
    }

    [Fact]
    public void The_choice_follows_a_link_that_changes()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: false);
        Assert.Equal(BlockCodec.Zstd, Drive(choice, 12.5e6, 200, (0.5e9, 0.6), (0.13e9, 0.45)).Codec);
        Assert.Equal(BlockCodec.Stored, Drive(choice, 3e9, 400, (0.5e9, 0.6), (0.13e9, 0.45)).Codec);
        Assert.Equal(BlockCodec.Lz4, Drive(choice, 150e6, 800, (0.5e9, 0.6), (0.13e9, 0.45)).Codec);
    }

    [Fact]
    public void A_cap_counts_as_the_link()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: false, linkLimitBytesPerSecond: 12.5e6);
        Assert.Equal(BlockCodec.Zstd, Drive(choice, 3e9, 200, (0.5e9, 0.6), (0.13e9, 0.45)).Codec);
    }

    [Fact]
    public void Nothing_is_tried_on_a_link_that_no_encoder_keeps_up_with()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: true);
        for (int i = 0; i < 1000; i++)
        {
            EncodingPlan plan = choice.Next(round: 3, isFirst: false);
            Assert.True(plan.IsPlain);
            Assert.False(plan.Samples);
            choice.AddLink(Batch, Batch / 3.0, wasBusy: true);
        }
    }

    [Theory]
    [InlineData(PageCompression.Lz4, 1)]
    [InlineData(PageCompression.Zstd, 2)]
    [InlineData(PageCompression.None, 0)]
    public void What_the_user_names_is_used_without_a_sample(PageCompression wanted, int expected)
    {
        var choice = new EncodingChoice(wanted, hasCache: false);
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(new EncodingPlan((BlockCodec)expected, UsesCache: false, Samples: false), choice.Next(0, isFirst: i == 0));
            choice.AddLink(Batch, Batch * 8.0, wasBusy: true);
        }
    }

    [Fact]
    public void Pages_are_compared_from_the_second_round_on_where_that_costs_no_time()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: true);
        choice.AddLink(Batch, Batch * 0.8, wasBusy: true); // 10 Gbit/s
        Assert.False(choice.Next(1, isFirst: true).UsesCache);
        Assert.True(choice.Next(2, isFirst: false).UsesCache);
    }

    [Fact]
    public void A_comparison_that_finds_nothing_is_given_up_and_tried_again_later()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: true);
        choice.AddLink(Batch, Batch * 0.8, wasBusy: true);
        int given = 0;
        for (int round = 1; round < 100 && given == 0; round++)
        {
            for (int batch = 0; batch < 32; batch++)
            {
                if (!choice.Next(round, isFirst: false).UsesCache)
                {
                    given = round;
                    break;
                }

                choice.AddCompared(Batch, Batch, Batch * 0.2, round);
            }
        }

        Assert.InRange(given, 3, 5);
        Assert.False(choice.Next(given + EncodingChoice.RoundsWithoutCache - 2, isFirst: false).UsesCache);
        Assert.True(choice.Next(given + EncodingChoice.RoundsWithoutCache, isFirst: false).UsesCache);
    }

    [Fact]
    public void A_comparison_that_saves_goes_on()
    {
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: true);
        choice.AddLink(Batch, Batch * 0.8, wasBusy: true);
        for (int round = 1; round < 100; round++)
        {
            for (int batch = 0; batch < 32; batch++)
            {
                Assert.True(choice.Next(round, isFirst: false).UsesCache);
                choice.AddCompared(Batch, round == 1 ? Batch : Batch / 20, Batch * 0.2, round);
            }
        }
    }

    [Property(MaxTest = 300)]
    public void Whatever_is_measured_the_choice_is_never_worse_than_nothing_by_its_own_figures(int seed)
    {
        var random = new Random(seed);
        double link = Math.Pow(10, 6 + (random.NextDouble() * 4));
        (double Rate, double Ratio) lz4 = (Math.Pow(10, 7.5 + (random.NextDouble() * 2)), random.NextDouble());
        (double Rate, double Ratio) zstd = (Math.Pow(10, 7 + (random.NextDouble() * 2)), random.NextDouble());
        var choice = new EncodingChoice(PageCompression.Auto, hasCache: false);
        EncodingPlan plan = Drive(choice, link, 300, lz4, zstd);
        double cost = plan.Codec switch
        {
            BlockCodec.Lz4 => Math.Max(1 / lz4.Rate, lz4.Ratio / link),
            BlockCodec.Zstd => Math.Max(1 / zstd.Rate, zstd.Ratio / link),
            _ => 1 / link,
        };
        Assert.True(cost <= 1.001 / link, $"link {link:0}, lz4 {lz4}, zstd {zstd}: {plan.Codec}");
    }

    private static EncodingPlan Drive(EncodingChoice choice, double link, int batches, (double Rate, double Ratio) lz4, (double Rate, double Ratio) zstd)
    {
        EncodingPlan plan = default;
        for (int i = 0; i < batches; i++)
        {
            plan = choice.Next(0, isFirst: true);
            if (plan.Samples)
            {
                const long Block = 65_536;
                choice.AddBlocks(BlockCodec.Lz4, Block, (long)(Block * lz4.Ratio), Block * 1e9 / lz4.Rate);
                choice.AddBlocks(BlockCodec.Zstd, Block, (long)(Block * zstd.Ratio), Block * 1e9 / zstd.Rate);
                plan = choice.Decide(plan);
            }

            (double Rate, double Ratio) used = plan.Codec switch { BlockCodec.Lz4 => lz4, BlockCodec.Zstd => zstd, _ => (double.MaxValue, 1) };
            if (plan.Codec != BlockCodec.Stored)
            {
                choice.AddBlocks(plan.Codec, Batch, (long)(Batch * used.Ratio), Batch * 1e9 / used.Rate);
            }

            long bytes = (long)(Batch * used.Ratio) + 1;
            double onLink = bytes * 1e9 / link;
            double encoding = Batch * 1e9 / used.Rate;
            choice.AddLink(bytes, Math.Max(onLink, encoding), wasBusy: onLink >= encoding);
        }

        return plan;
    }
}
