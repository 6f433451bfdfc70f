using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.Workloads;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Operations;

public class OperationStreamTests
{
    // Fixed numbers: two hosts, and two versions of this program, must draw the same operations. All but the pages of
    // the Zipf part were computed a second time by another program in another language.
    [Fact]
    public void Operations_are_the_same_on_every_machine()
    {
        OperationStream stream = Stream(42, 1, "zipf:0.99@20MiB/s", "uniform@10MiB/s", "seq@5MiB/s");
        Operation[] operations = [.. Enumerable.Range(0, 6).Select(n => stream.Draw(n)), stream.Draw(1L << 40)];
        Assert.Equal(
            [
                "bcea0225b80d43f1 36051 51 28 427 1573",
                "07f1dd5209c49046 27726 1385 1979 268 465",
                "b0e573b250e83680 43686 3540 759 530 648",
                "fab2c20834fed726 0 3889 3739 366 1780",
                "c68d9c9bbaa8f8d3 26903 3578 1203 90 1211",
                "cca1ca7ac8de6540 45740 2937 3485 115 430",
                "7dd2919b9f34a83a 6763 3327 2809 832 885",
            ],
            operations.Select(o => $"{o.Digest:x16} {o.LocalPage} {o.From} {o.To} {o.Amount} {o.Bucket}"));
    }

    [Fact]
    public void Seeds_and_virtual_cpus_have_streams_of_their_own()
    {
        ulong[] digests =
        [
            Stream(1, 0, "idle").Draw(7).Digest, Stream(1, 1, "idle").Draw(7).Digest,
            Stream(2, 0, "idle").Draw(7).Digest, Stream(2, 1, "idle").Draw(7).Digest, Stream(1, 0, "idle").Draw(8).Digest,
        ];
        Assert.Equal(digests.Length, digests.Distinct().Count());
    }

    [Fact]
    public void Draws_use_all_accounts_buckets_and_amounts()
    {
        OperationStream stream = Stream(3, 0, "idle");
        HashSet<int> from = [], to = [], buckets = [];
        HashSet<long> amounts = [];
        for (int n = 0; n < 100_000; n++)
        {
            Operation operation = stream.Draw(n);
            from.Add(operation.From);
            to.Add(operation.To);
            buckets.Add(operation.Bucket);
            amounts.Add(operation.Amount);
        }

        Assert.Equal((4096, 4096, 2048, 1024), (from.Count, to.Count, buckets.Count, amounts.Count));
        Assert.Equal((1, 1024), (amounts.Min(), amounts.Max()));
    }

    private static OperationStream Stream(ulong seed, int cpu, params string[] specs)
    {
        GuestMemoryMap map = new(new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), 100_000)]), 2);
        return new OperationStream(seed, cpu, new WorkloadPlan(new WorkloadMix([.. specs.Select(WorkloadSpec.Parse)], 2), map, cpu));
    }
}
