using System.Runtime.Versioning;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

/// <summary>Memory that somebody else can map too: memfd and files.</summary>
[SupportedOSPlatform("linux")]
public sealed unsafe class SharedBackingTests : IDisposable
{
    private const long Bytes = 256 * 1024;
    private static readonly GuestAddress Zero = new(0);
    private readonly string _directory = Directory.CreateTempSubdirectory("pageengine-memory-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Memory_file_is_fresh_and_seen_through_its_descriptor()
    {
        using GuestMemoryRegion region = GuestMemoryRegion.MemoryFile(Zero, Bytes, "guest ram");
        Assert.True(region.IsShared);
        Assert.True(region.WasFreshlyMapped);
        Assert.Equal(Bytes, RandomAccess.GetLength(region.FileDescriptor!));

        string path = $"/proc/self/fd/{region.FileDescriptor!.DangerousGetHandle()}";
        Assert.Contains("guest ram", new FileInfo(path).LinkTarget, StringComparison.Ordinal);
        using GuestMemoryRegion other = GuestMemoryRegion.File(Zero, path, Bytes);
        Assert.False(other.WasFreshlyMapped);
        other.Pointer[Bytes - 1] = 42;
        Assert.Equal(42, region.Pointer[Bytes - 1]);
        region.Pointer[0] = 43;
        Assert.Equal(43, other.Pointer[0]);
    }

    [Fact]
    public void Memory_file_cannot_be_truncated_under_its_mapping()
    {
        using GuestMemoryRegion region = GuestMemoryRegion.MemoryFile(Zero, Bytes, "sealed");
        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(region.FileDescriptor!, 4096));
        Assert.ThrowsAny<Exception>(() => RandomAccess.SetLength(region.FileDescriptor!, 2 * Bytes));
        Assert.Equal(Bytes, RandomAccess.GetLength(region.FileDescriptor!));
    }

    [Theory]
    [InlineData(250, false)]
    [InlineData(249, true)]
    [InlineData(1, true)]
    public void Memory_file_name_is_limited(int length, bool allowed)
    {
        string name = new('n', length);
        Exception? e = Record.Exception(() => GuestMemoryRegion.MemoryFile(Zero, Bytes, name).Dispose());
        Assert.Equal(allowed, e is null);
        Assert.True(e is null or ArgumentException);
    }

    [Fact]
    public void Memory_file_without_a_name_is_refused()
    {
        Assert.Throws<ArgumentException>(() => GuestMemoryRegion.MemoryFile(Zero, Bytes, ""));
        Assert.Throws<ArgumentException>(() => GuestMemoryRegion.MemoryFile(Zero, Bytes, "a\0b"));
    }

    [Fact]
    public void Created_file_is_fresh_once_private_to_the_user_and_keeps_what_was_written()
    {
        string path = Path.Combine(_directory, "ram");
        using (GuestMemoryRegion first = GuestMemoryRegion.File(Zero, path, Bytes, create: true))
        {
            Assert.True(first.WasFreshlyMapped);
            Assert.True(first.IsShared);
            first.Pointer[5000] = 9;
        }

        Assert.Equal(Bytes, new FileInfo(path).Length);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(9, File.ReadAllBytes(path)[5000]);
        using GuestMemoryRegion again = GuestMemoryRegion.File(Zero, path, Bytes, create: true);
        Assert.False(again.WasFreshlyMapped);
        Assert.Equal(9, again.Pointer[5000]);
    }

    [Fact]
    public void Existing_file_that_is_longer_is_mapped_from_its_beginning_and_not_cut()
    {
        string path = Path.Combine(_directory, "long");
        byte[] content = new byte[3 * Bytes];
        content[Bytes - 1] = 1;
        content[Bytes] = 2;
        File.WriteAllBytes(path, content);
        using (GuestMemoryRegion region = GuestMemoryRegion.File(Zero, path, Bytes))
        {
            Assert.Equal(1, region.Pointer[Bytes - 1]);
        }

        Assert.Equal(content, File.ReadAllBytes(path));
    }

    [Fact]
    public void File_that_is_too_short_is_refused_or_lengthened_on_request()
    {
        string path = Path.Combine(_directory, "short");
        File.WriteAllBytes(path, [1, 2, 3]);
        MigrationException e = Assert.Throws<MigrationException>(() => GuestMemoryRegion.File(Zero, path, Bytes));
        Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
        Assert.Contains("3 bytes", e.Message, StringComparison.Ordinal);
        Assert.Equal(3, new FileInfo(path).Length);

        using GuestMemoryRegion region = GuestMemoryRegion.File(Zero, path, Bytes, create: true);
        Assert.False(region.WasFreshlyMapped);
        Assert.Equal(3, region.Pointer[2]);
        region.Pointer[Bytes - 1] = 1;
    }

    [Theory]
    [InlineData("absent", false)]
    [InlineData("absent-directory/ram", true)]
    [InlineData("", true)]
    [InlineData("", false)]
    public void File_that_cannot_be_opened_is_named(string name, bool create)
    {
        string path = Path.Combine(_directory, name);
        MigrationException e = Assert.Throws<MigrationException>(() => GuestMemoryRegion.File(Zero, path, Bytes, create));
        Assert.Equal(MigrationErrorKind.MemoryFailed, e.Kind);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Device_is_no_memory_file() =>
        Assert.Throws<MigrationException>(() => GuestMemoryRegion.File(Zero, "/dev/null", Bytes, create: true));

    [Fact]
    public void File_beyond_the_free_space_is_refused_and_not_left_behind()
    {
        string path = Path.Combine(_directory, "enormous");
        MigrationException e = Assert.Throws<MigrationException>(() => GuestMemoryRegion.File(Zero, path, 1L << 43, create: true));
        Assert.Contains("make room", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void Huge_pages_of_a_file_are_refused() =>
        Assert.Throws<ArgumentException>("options", () => GuestMemoryRegion.File(
            Zero, Path.Combine(_directory, "ram"), 2 << 20, create: true, new MemoryBackingOptions { HugePageBytes = 2 << 20 }));

    [Fact]
    public void Failed_mapping_leaks_no_descriptor()
    {
        string path = Path.Combine(_directory, "short");
        File.WriteAllBytes(path, [1]);
        int Attempts(Action map)
        {
            for (int i = 0; i < 300; i++)
            {
                Assert.Throws<MigrationException>(map);
            }

            return Directory.GetFiles("/proc/self/fd").Length;
        }

        int before = Directory.GetFiles("/proc/self/fd").Length;
        int after = Math.Max(
            Attempts(() => GuestMemoryRegion.File(Zero, path, Bytes)),
            Attempts(() => GuestMemoryRegion.MemoryFile(Zero, 1L << 50, "huge")));

        // Other tests run beside this one and hold descriptors of their own, but not hundreds.
        Assert.InRange(after, 0, before + 100);
    }
}
