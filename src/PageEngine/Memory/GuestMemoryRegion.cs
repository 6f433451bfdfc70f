using System.Buffers;
using System.Runtime.InteropServices;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: one mapping of unmanaged memory and when it may be unmapped. [SKELETON: to be completed]

/// <summary>One region of guest memory over a mapping that this object owns.</summary>
public sealed unsafe class GuestMemoryRegion : SafeHandle
{
    private GuestMemoryRegion(GuestAddress baseAddress, nint address, long bytes)
        : base(0, ownsHandle: true)
    {
        BaseAddress = baseAddress;
        Bytes = bytes;
        SetHandle(address);
    }

    /// <summary>Gets where the region starts in the guest's address space.</summary>
    public GuestAddress BaseAddress { get; }

    /// <summary>Gets the region's length in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Gets the number of pages.</summary>
    public long PageCount => Bytes / MemoryLayout.PageBytes;

    /// <summary>Gets the first byte. Valid while the region is not disposed, or while I/O is held.</summary>
    public byte* Pointer => (byte*)handle;

    /// <inheritdoc/>
    public override bool IsInvalid => handle is 0 or -1;

    /// <summary>Maps private, zeroed memory.</summary>
    public static GuestMemoryRegion Anonymous(GuestAddress baseAddress, long bytes)
    {
        nint address = Libc.mmap(0, (nuint)bytes, Libc.PROT_READ | Libc.PROT_WRITE, Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | Libc.MAP_NORESERVE, -1, 0);
        return address == Libc.MAP_FAILED
            ? throw new MigrationException(MigrationErrorKind.MemoryFailed, $"Cannot map {bytes} bytes.")
            : new GuestMemoryRegion(baseAddress, address, bytes);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.munmap(handle, (nuint)Bytes) == 0;
}
