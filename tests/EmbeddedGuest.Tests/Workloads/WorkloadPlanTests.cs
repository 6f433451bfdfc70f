using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.Workloads;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Workloads;

public class WorkloadPlanTests
{
    private const int Pages = 4096;

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Uniform_reaches_every_page_of_the_area_about_equally(int cpus)
    {
        (GuestMemoryMap map, int[] hits) = Draw(cpus, 60 * Pages / cpus, "uniform@max");
        for (long i = 0; i < map.WorkloadPages; i++)
        {
            Assert.InRange(hits[map.FirstWorkloadPage + i], 20, 110);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Hot_stays_in_the_first_pages_of_the_area(int cpus)
    {
        (GuestMemoryMap map, int[] hits) = Draw(cpus, 20_000, "hot:400KiB@max");
        for (long i = 0; i < map.WorkloadPages; i++)
        {
            Assert.Equal(i < 100, hits[map.FirstWorkloadPage + i] > 0);
        }
    }

    [Fact]
    public void Hot_gives_each_virtual_cpu_a_page_even_if_the_set_is_smaller()
    {
        (GuestMemoryMap map, int[] hits) = Draw(4, 100, "hot:4KiB@max");
        Assert.Equal([100, 100, 100, 100, 0], hits.AsSpan((int)map.FirstWorkloadPage, 5).ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Sequential_writes_every_page_once_before_any_a_second_time(int cpus)
    {
        GuestMemoryMap map = Map(cpus);
        OperationStream[] streams = Streams(map, "seq@max");
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            long owned = map.OwnedPages(cpu, map.WorkloadPages);
            for (long n = 0; n < (2 * owned) + 3; n++)
            {
                Assert.Equal(n % owned, streams[cpu].Draw(n).LocalPage);
            }
        }
    }

    [Fact]
    public void Sequential_leaves_nothing_out_when_it_is_mixed()
    {
        GuestMemoryMap map = Map(1);
        OperationStream stream = Streams(map, "seq@10MiB/s", "hot:4KiB@31MiB/s")[0];
        long owned = map.WorkloadPages;
        List<long> beyondHotPage = [];
        for (long n = 0; n < 6 * owned; n++)
        {
            long page = stream.Draw(n).LocalPage;
            if (page > 0)
            {
                beyondHotPage.Add(page);
            }
        }

        for (int i = 1; i < beyondHotPage.Count; i++)
        {
            Assert.Equal(beyondHotPage[i - 1] == owned - 1 ? 1 : beyondHotPage[i - 1] + 1, beyondHotPage[i]);
        }

        Assert.InRange(beyondHotPage.Count, 6 * owned * 10 / 41 * 0.99, 6 * owned * 10 / 41 * 1.01);
    }

    [Fact]
    public void Zipf_prefers_few_pages_that_are_scattered()
    {
        (GuestMemoryMap map, int[] hits) = Draw(1, 200_000, "zipf:1@max");
        int[] area = hits[(int)map.FirstWorkloadPage..];
        int[] order = [.. Enumerable.Range(0, area.Length).OrderByDescending(i => area[i])];

        // With exponent 1 the k-th page is hit total / (k * H(pages)) times; H(4072) is about 8.9.
        Assert.InRange(area[order[0]], 200_000 / 8.9 * 0.9, 200_000 / 8.9 * 1.1);
        Assert.InRange(area[order[1]], 200_000 / 17.8 * 0.85, 200_000 / 17.8 * 1.15);
        Assert.InRange(order.Take(16).Max() - order.Take(16).Min(), area.Length / 4, area.Length);
    }

    [Fact]
    public void Idle_writes_no_page()
    {
        (_, int[] hits) = Draw(2, 5000, "idle");
        Assert.All(hits, h => Assert.Equal(0, h));
    }

    [Fact]
    public void Mixed_rates_divide_the_writes()
    {
        GuestMemoryMap map = Map(2);
        OperationStream stream = Streams(map, "hot:4KiB@30MiB/s", "uniform@10MiB/s")[1];
        int hot = Enumerable.Range(0, 8192).Count(n => stream.Draw(n).LocalPage == 0);
        Assert.InRange(hot, 6144, 6200);
    }

    [Fact]
    public void Slow_workloads_are_padded_with_operations_that_write_no_page()
    {
        WorkloadMix mix = new([WorkloadSpec.Parse("uniform@1MiB/s")], 2);
        Assert.Equal(1000, mix.OperationsPerSecond!.Value, 3);
        Assert.Equal(WorkloadKind.Idle, mix.Specs[1].Kind);

        // 256 of 1000 operations a second write a page.
        Assert.InRange(mix.Interleave.CountOf(0), 4096 * 0.255, 4096 * 0.257);
    }

    [Fact]
    public void Rates_add_up_and_max_has_none()
    {
        WorkloadSpec[] specs = [WorkloadSpec.Parse("uniform@100MiB/s"), WorkloadSpec.Idle, WorkloadSpec.Parse("seq@100MiB/s")];
        Assert.Equal(51_200, new WorkloadMix(specs, 2).OperationsPerSecond!.Value, 3);
        Assert.Null(new WorkloadMix([WorkloadSpec.Parse("seq@max"), WorkloadSpec.Idle], 2).OperationsPerSecond);
        Assert.Equal(16_000, new WorkloadMix([WorkloadSpec.Idle], 64).OperationsPerSecond!.Value, 3);
    }

    private static GuestMemoryMap Map(int cpus) => new(new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), Pages)]), cpus);

    private static OperationStream[] Streams(GuestMemoryMap map, params string[] specs)
    {
        WorkloadMix mix = new([.. specs.Select(WorkloadSpec.Parse)], map.VirtualCpus);
        return [.. Enumerable.Range(0, map.VirtualCpus).Select(i => new OperationStream(5, i, new WorkloadPlan(mix, map, i)))];
    }

    private static (GuestMemoryMap Map, int[] Hits) Draw(int cpus, int operations, params string[] specs)
    {
        GuestMemoryMap map = Map(cpus);
        int[] hits = new int[Pages];
        OperationStream[] streams = Streams(map, specs);
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            for (int n = 0; n < operations; n++)
            {
                Operation operation = streams[cpu].Draw(n);
                if (operation.WritesPage)
                {
                    hits[map.PageOf(cpu, operation.LocalPage)]++;
                }
            }
        }

        return (map, hits);
    }
}
