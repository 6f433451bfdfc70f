namespace PageEngine.Qemu.Ram;

// Owns: one piece of a virtual machine's memory, as QEMU and the kernel know it.

/// <summary>One memory backend of a virtual machine.</summary>
/// <param name="Name">Its id in QEMU, which also names the RAM block.</param>
/// <param name="Bytes">Its length in bytes.</param>
/// <param name="IsShared">Whether QEMU maps it shared, so that another process can map it too.</param>
/// <param name="Path">The file that QEMU was told to use; null for memory without a file.</param>
public sealed record RamBackend(string Name, long Bytes, bool IsShared, string? Path);

/// <summary>Where QEMU has mapped a memory backend.</summary>
/// <param name="Backend">The backend.</param>
/// <param name="Start">The address in QEMU's address space.</param>
/// <param name="File">A path that opens the same file, whatever became of its name.</param>
/// <param name="ShownPath">The file's path as the kernel shows it, for people.</param>
public sealed record RamMapping(RamBackend Backend, ulong Start, string File, string ShownPath);
