using FsCheck.Xunit;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class PageRunTests
{
    [Property]
    public bool Entry_is_read_as_it_was_written(ulong start, uint count, bool zero)
    {
        var run = new PageRun((long)(start & ((1UL << 40) - 1)), (int)(count & PageBatchLimits.MaxPagesPerRun), zero);
        byte[] entry = new byte[PageRun.Bytes];
        run.Write(entry);
        return PageRun.Read(entry) == run;
    }

    [Fact]
    public void Entry_has_its_documented_bits()
    {
        byte[] entry = new byte[PageRun.Bytes];
        new PageRun(0x12_3456_789A, 0x2_0001, IsZero: true).Write(entry);
        Assert.Equal([0x9A, 0x78, 0x56, 0x34, 0x12, 0x01, 0x00, 0x82], entry);
    }
}
