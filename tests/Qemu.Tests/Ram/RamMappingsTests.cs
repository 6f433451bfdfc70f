using PageEngine.Qemu.Processes;
using PageEngine.Qemu.Ram;
using Xunit;

namespace PageEngine.Qemu.Tests.Ram;

public class RamMappingsTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void Backend_isFound_byItsLength_whateverItsFileIsCalledNow()
    {
        RamMapping found = Assert.Single(Find([Backend("ram", 64 * MiB, "/dev/shm/gone")], Mapping(0x10000000, 64 * MiB, 7, "/dev/shm/renamed (deleted)")));
        Assert.Equal(0x10000000UL, found.Start);
        Assert.Equal("/proc/42/map_files/10000000-14000000", found.File);
    }

    [Fact]
    public void Mapping_inPieces_isOpenedByItsFirst()
    {
        ProcessMapping whole = Mapping(0x10000000, 64 * MiB, 7, "/a");
        RamMapping found = Assert.Single(Find(
            [Backend("ram", 64 * MiB, "/a")],
            whole with { End = 0x11000000 },
            whole with { Start = 0x11000000, Offset = 0x1000000 }));
        Assert.Equal("/proc/42/map_files/10000000-11000000", found.File);
    }

    [Fact]
    public void Backends_ofOneLength_areToldApartByTheFileThatHasTheirName()
    {
        IReadOnlyList<RamMapping> found = Find(
            [Backend("a", MiB, "/a"), Backend("b", MiB, "/b")],
            Mapping(0x30000000, MiB, inode: 2, "/b (deleted)"),
            Mapping(0x10000000, MiB, inode: 1, "/elsewhere/a"));
        Assert.Equal([0x10000000UL, 0x30000000UL], found.Select(f => f.Start));
    }

    [Fact]
    public void Backends_thatCannotBeToldApart_areNotGuessed()
    {
        MigrationException error = Assert.Throws<MigrationException>(() => Find(
            [Backend("a", MiB, null), Backend("b", MiB, null)], Mapping(0x10000000, MiB, 1, "/memfd:x"), Mapping(0x20000000, MiB, 2, "/memfd:x")));
        Assert.Equal(MigrationErrorKind.MemoryFailed, error.Kind);
        Assert.Contains("mem-path", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Private_mapping_isNoMemoryToMove()
    {
        MigrationException error = Assert.Throws<MigrationException>(
            () => Find([Backend("ram", MiB, "/a")], Mapping(0x10000000, MiB, 1, "/a") with { Access = "rw-p" }));
        Assert.Contains("share=on", error.Message, StringComparison.Ordinal);
    }

    private static RamBackend Backend(string name, long bytes, string? path) => new(name, bytes, true, path);

    private static ProcessMapping Mapping(ulong start, long bytes, ulong inode, string path) =>
        new(start, start + (ulong)bytes, "rw-s", 0, "00:1b", inode, path);

    private static List<RamMapping> Find(RamBackend[] backends, params ProcessMapping[] mappings) =>
        RamMappings.Find(42, backends, path => path == "/a" ? 1UL : null, mappings);
}
