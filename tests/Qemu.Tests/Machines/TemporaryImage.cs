namespace PageEngine.Qemu.Tests.Machines;

// The boot sector as a disk image.
internal sealed class TemporaryImage : IDisposable
{
    internal TemporaryImage(long end)
    {
        Path = System.IO.Path.GetTempFileName();

        // The firmware reads no disk that is shorter than a track.
        byte[] disk = new byte[1 << 20];
        BootSector.Build(end).CopyTo(disk, 0);
        File.WriteAllBytes(Path, disk);
    }

    internal string Path { get; }

    public void Dispose() => File.Delete(Path);
}
