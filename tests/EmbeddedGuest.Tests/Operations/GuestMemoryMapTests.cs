using PageEngine.EmbeddedGuest.Operations;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Operations;

public class GuestMemoryMapTests
{
    [Theory]
    [InlineData(4096, 1)]
    [InlineData(4096, 2)]
    [InlineData(4096, 64)]
    [InlineData(1000, 7)]
    public void Every_workload_page_has_one_owner(int pages, int cpus)
    {
        GuestMemoryMap map = Map(pages, cpus);
        List<long> owned = [];
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            for (long local = 0; local < map.OwnedPages(cpu, map.WorkloadPages); local++)
            {
                long page = map.PageOf(cpu, local);
                Assert.Equal((cpu, local), (map.OwnerOf(page), map.LocalPageOf(page)));
                owned.Add(page);
            }
        }

        owned.Sort();
        Assert.Equal(Enumerable.Range((int)map.FirstWorkloadPage, (int)map.WorkloadPages).Select(p => (long)p), owned);
        Assert.Equal(pages, map.FirstWorkloadPage + map.WorkloadPages);
    }

    [Fact]
    public void The_areas_do_not_overlap()
    {
        GuestMemoryMap map = Map(4096, 3);
        Assert.Equal(0, GuestMemoryMap.HeaderPage);
        Assert.Equal(GuestMemoryMap.AccountsPage + (GuestMemoryMap.AccountCount * 8 / 4096), GuestMemoryMap.TablePage);
        Assert.Equal(GuestMemoryMap.TablePage + (GuestMemoryMap.BucketCount * 16 / 4096), GuestMemoryMap.LogPage(0));
        Assert.Equal(GuestMemoryMap.LogPage(0) + (GuestMemoryMap.LogEntries * 32 / 4096), GuestMemoryMap.LogPage(1));
        Assert.Equal(GuestMemoryMap.LogPage(2) + (GuestMemoryMap.LogEntries * 32 / 4096), map.FirstWorkloadPage);
    }

    [Fact]
    public void Too_little_memory_is_refused_with_the_minimum()
    {
        long minimum = GuestMemoryMap.MinimumPages(2);
        Assert.Equal(2, Map(minimum, 2).WorkloadPages);
        ArgumentException e = Assert.Throws<ArgumentException>(() => Map(minimum - 1, 2));
        Assert.Contains("140KiB", e.Message, StringComparison.Ordinal);
    }

    private static GuestMemoryMap Map(long pages, int cpus) => new(new MemoryLayout([new MemoryLayoutRegion(new GuestAddress(0), pages)]), cpus);
}
