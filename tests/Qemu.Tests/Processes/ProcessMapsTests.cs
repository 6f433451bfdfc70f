using FsCheck.Xunit;
using PageEngine.Qemu.Processes;
using Xunit;

namespace PageEngine.Qemu.Tests.Processes;

public class ProcessMapsTests
{
    [Theory]
    [InlineData("7f4e77fff000-7f4e7bfff000 rw-s 00000000 00:1b 215833                     /dev/shm/qt", "/dev/shm/qt", true, true)]
    [InlineData("7f4e77fff000-7f4e7bfff000 rw-s 00000000 00:1b 215833                     /dev/shm/a b (deleted)", "/dev/shm/a b (deleted)", true, true)]
    [InlineData("7ffd1000-7ffd3000 r-xp 00000000 00:00 0                          [vdso]", "[vdso]", false, false)]
    [InlineData("7ffd1000-7ffd3000 rw-p 00000000 00:00 0", "", false, true)]
    public void Line_isRead(string line, string path, bool shared, bool writable)
    {
        ProcessMapping mapping = Assert.NotNull(ProcessMaps.Parse(line));
        Assert.Equal((path, shared, writable), (mapping.Path, mapping.IsShared, mapping.IsWritable));
        Assert.True(mapping.Bytes > 0);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("7ffd3000-7ffd1000 rw-p 00000000 00:00 0")]
    [InlineData("7ffd1000-7ffd3000 rw-p")]
    [InlineData("xyz-7ffd3000 rw-p 00000000 00:00 0")]
    public void Line_thatIsNone_isNotBelieved(string line) => Assert.Null(ProcessMaps.Parse(line));

    [Property]
    public void Text_ofAnyKind_doesNotThrow(string? line) => _ = ProcessMaps.Parse(line ?? "");

    [Fact]
    public void Pieces_ofOneFile_areJoined_andNothingElse()
    {
        ProcessMapping one = new(0x1000, 0x3000, "rw-s", 0, "00:1b", 5, "/a");
        ProcessMapping next = one with { Start = 0x3000, End = 0x4000, Offset = 0x2000 };
        ProcessMapping gap = one with { Start = 0x4000, End = 0x5000, Offset = 0x4000 };
        ProcessMapping other = one with { Start = 0x5000, End = 0x6000, Offset = 0x5000, Inode = 6 };
        ProcessMapping anonymous = new(0x6000, 0x7000, "rw-p", 0, "00:00", 0, "");
        ProcessMapping anonymousToo = anonymous with { Start = 0x7000, End = 0x8000, Offset = 0x1000 };
        Assert.Equal(
            [one with { End = 0x4000 }, gap, other, anonymous, anonymousToo],
            ProcessMaps.Join([one, next, gap, other, anonymous, anonymousToo]));
    }

    [Fact]
    public void Own_process_hasItsSystemCallInstruction()
    {
        Assert.NotEqual(0UL, PageEngine.Qemu.Injection.SystemCallInstruction.Find(Environment.ProcessId));
        Assert.Equal(Environment.ProcessId, ProcessFiles.ProcessOfThread(Environment.ProcessId));
        Assert.True(ProcessFiles.HasThread(Environment.ProcessId, Environment.ProcessId));
        Assert.NotNull(ProcessFiles.StartedAt(Environment.ProcessId));
        Assert.Null(ProcessFiles.StartedAt(int.MaxValue));
    }
}
