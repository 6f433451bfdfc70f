namespace PageEngine.Qemu.Processes;

// Owns: one line of /proc/PID/maps.

/// <summary>A range of a process's address space.</summary>
/// <param name="Start">The first address.</param>
/// <param name="End">The address after the last.</param>
/// <param name="Access">Such as "rw-s".</param>
/// <param name="Offset">Where in the file it begins, in bytes.</param>
/// <param name="Device">The file's device, "major:minor" in hexadecimal.</param>
/// <param name="Inode">The file's inode; 0 when it has no file.</param>
/// <param name="Path">The file's path as the kernel shows it, or a name in brackets; empty when it has none.</param>
internal readonly record struct ProcessMapping(ulong Start, ulong End, string Access, ulong Offset, string Device, ulong Inode, string Path)
{
    internal ulong Bytes => End - Start;

    internal bool IsShared => Access.EndsWith('s');

    internal bool IsWritable => Access.StartsWith("rw", StringComparison.Ordinal);

    internal bool HasFile => Inode != 0;
}
