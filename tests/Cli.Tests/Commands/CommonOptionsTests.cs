using System.CommandLine;
using PageEngine.Cli.Commands;
using PageEngine.EmbeddedGuest;
using PageEngine.Planning;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Cli.Tests.Commands;

public sealed class CommonOptionsTests
{
    [Fact]
    public void Nothing_given_means_the_documented_defaults()
    {
        MigrationSettings settings = Read("");
        Assert.Equal((1L << 30, false, 2, 100, 0), (settings.MemoryBytes, settings.MemoryIsGiven, settings.Vcpus, settings.FillPercent, settings.Streams));
        Assert.Equal((TimeSpan.FromMilliseconds(500), 30, TimeSpan.FromSeconds(100)), (settings.Goal, settings.MaxRounds, settings.AbortAfter));
        Assert.Equal((StallResponse.GiveUp, 0L, WriteTracerKind.Auto), (settings.IfStalled, settings.BandwidthBytesPerSecond, settings.Tracer));
        Assert.Empty(settings.Workloads);
        Assert.Null(settings.GuestId);
        Assert.Null(settings.MigrationId);
        Assert.Null(settings.Seed);
        Assert.Null(settings.OwnershipDirectory);
        Assert.False(settings.Plaintext);
    }

    [Theory]
    [InlineData("", false, false)]
    [InlineData("", true, true)]
    [InlineData("--verify", false, true)]
    [InlineData("--verify false", true, false)]
    public void Verify_has_a_default_that_the_command_chooses(string arguments, bool byDefault, bool expected) =>
        Assert.Equal(expected, Read(arguments, byDefault).Verify);

    [Fact]
    public void Everything_given_is_taken()
    {
        MigrationSettings settings = Read(
            "--memory 64MiB --vcpus 3 --workload hot:1MiB@10MiB/s --workload idle --fill 7 --guest 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e --streams 2 "
            + "--goal 90s --max-rounds 5 --abort-after 5s --if-stalled force --bandwidth 1Gbit/s --tracer explicit --ownership /o --bind 127.0.0.1 "
            + "--data-listen [::1]:5 --plaintext --seed 9 --json - --log /l --id 18446744073709551615 -v");
        Assert.Equal((64L << 20, true, 3, 7, 2), (settings.MemoryBytes, settings.MemoryIsGiven, settings.Vcpus, settings.FillPercent, settings.Streams));
        Assert.Equal((TimeSpan.FromSeconds(90), 5, TimeSpan.FromSeconds(5)), (settings.Goal, settings.MaxRounds, settings.AbortAfter));
        Assert.Equal((StallResponse.Force, 125_000_000L, WriteTracerKind.Explicit), (settings.IfStalled, settings.BandwidthBytesPerSecond, settings.Tracer));
        Assert.Equal(["hot:1MiB@10MiB/s", "idle"], settings.Workloads.Select(w => w.ToString()));
        Assert.Equal(("127.0.0.1", "[::1]:5"), (settings.Bind?.ToString(), settings.DataListen?.ToString()));
        Assert.Equal((9UL, ulong.MaxValue, "/o", "/l", true), (settings.Seed!.Value, settings.MigrationId!.Value, settings.OwnershipDirectory!, settings.Log!, settings.JsonOwnsStdout));
        Assert.True(settings.Plaintext);
        Assert.True(settings.Verbose);
    }

    [Theory]
    [InlineData(1L << 30, "hot:64MiB@200MiB/s")]
    [InlineData(64L << 20, "hot:16MiB@200MiB/s")]
    [InlineData(4096, "idle")]
    public void A_guest_without_a_workload_gets_one_that_fits(long memory, string workload) =>
        Assert.Equal(workload, SourceRun.DefaultWorkload(memory).ToString());

    [Fact]
    public void The_default_workload_fits_every_guest_that_is_large_enough_to_exist()
    {
        for (long pages = 1; pages < 4096; pages *= 2)
        {
            WorkloadSpec workload = SourceRun.DefaultWorkload(pages * 4096);
            Assert.True(workload.HotBytes <= pages * 4096 / 4);
        }
    }

    private static MigrationSettings Read(string arguments, bool verifyByDefault = false)
    {
        ExampleCommand command = new("x", "d", "e") { CommandLine.Debug };
        CommonOptions options = new(command, verifyByDefault: verifyByDefault);
        ParseResult parsed = command.Parse(arguments);
        Assert.Empty(parsed.Errors);
        return options.Read(parsed);
    }
}
