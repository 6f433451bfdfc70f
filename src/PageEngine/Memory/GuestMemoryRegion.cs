using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: one mapping of unmanaged memory and when it may be unmapped: after Dispose, once the last hold is released.

/// <summary>One region of guest memory over a mapping that this object owns. Its properties are safe to read from any
/// thread. Memory whose region was disposed throws; it is never unmapped while a <see cref="GuestMemoryHold"/> exists.</summary>
public sealed unsafe class GuestMemoryRegion : SafeHandle
{
    private byte* _pointer;
    private volatile bool _disposed;

    private GuestMemoryRegion(GuestAddress baseAddress, long bytes, MemoryMapping mapping)
        : base(0, ownsHandle: true)
    {
        BaseAddress = baseAddress;
        Bytes = bytes;
        FileDescriptor = mapping.File;
        WasFreshlyMapped = mapping.IsFresh;
        _pointer = (byte*)mapping.Address;
        SetHandle(mapping.Address);
    }

    /// <summary>Gets where the region starts in the guest's address space.</summary>
    public GuestAddress BaseAddress { get; }

    /// <summary>Gets the region's length in bytes.</summary>
    public long Bytes { get; }

    /// <summary>Gets the number of pages.</summary>
    public long PageCount => Bytes / MemoryLayout.PageBytes;

    /// <summary>Gets the first byte. Valid until the region is disposed, and longer while it is held for I/O.</summary>
    /// <exception cref="ObjectDisposedException">The region was disposed and unmapped.</exception>
    public byte* Pointer
    {
        get
        {
            byte* pointer = _pointer;
            if (pointer == null)
            {
                ThrowUnmapped();
            }

            return pointer;
        }
    }

    /// <summary>Gets the descriptor behind the mapping; null for anonymous memory. It closes with the mapping.</summary>
    public SafeFileHandle? FileDescriptor { get; }

    /// <summary>Gets whether another mapping of the same memory sees what is written here.</summary>
    public bool IsShared => FileDescriptor is not null;

    /// <summary>Gets whether this process made the backing, so that every byte was zero at the start: anonymous memory, a
    /// memfd of its own, a file that did not exist before. False: it may hold anything.</summary>
    public bool WasFreshlyMapped { get; }

    /// <summary>Gets whether the kernel was told that it may give anonymous memory in huge pages.</summary>
    internal bool MayUseTransparentHugePages { get; private init; }

    /// <inheritdoc/>
    public override bool IsInvalid => handle is 0 or -1;

    /// <summary>Maps private, zeroed memory.</summary>
    /// <param name="baseAddress">Where it starts in the guest's address space; a multiple of the page size.</param>
    /// <param name="bytes">How long it is; a multiple of the page size.</param>
    /// <param name="options">How it is backed; null: the defaults.</param>
    /// <exception cref="ArgumentException">A misaligned address or length, or an option that is not allowed.</exception>
    /// <exception cref="MigrationException">The memory cannot be had; the message says why and what to do.</exception>
    public static GuestMemoryRegion Anonymous(GuestAddress baseAddress, long bytes, MemoryBackingOptions? options = null)
    {
        options ??= new MemoryBackingOptions();
        Check(baseAddress, bytes, options);
        return new GuestMemoryRegion(baseAddress, bytes, MemoryMapper.MapAnonymous(bytes, options))
        {
            MayUseTransparentHugePages = options is { HugePageBytes: 0, TransparentHugePages: true },
        };
    }

    /// <summary>Maps shared, zeroed memory that lives in a memfd: another process that gets <see cref="FileDescriptor"/>
    /// can map it too. Its length is sealed.</summary>
    /// <param name="baseAddress">Where it starts in the guest's address space; a multiple of the page size.</param>
    /// <param name="bytes">How long it is; a multiple of the page size.</param>
    /// <param name="name">A name for people, seen in /proc; 1 to 249 bytes of UTF-8.</param>
    /// <param name="options">How it is backed; null: the defaults.</param>
    /// <inheritdoc cref="Anonymous" path="/exception"/>
    public static GuestMemoryRegion MemoryFile(GuestAddress baseAddress, long bytes, string name, MemoryBackingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (Encoding.UTF8.GetByteCount(name) > MemoryMapper.MaxMemoryFileNameBytes || name.Contains('\0'))
        {
            throw new ArgumentException($"The name of a memory file has at most {MemoryMapper.MaxMemoryFileNameBytes} bytes of UTF-8 and no null character.", nameof(name));
        }

        options ??= new MemoryBackingOptions();
        Check(baseAddress, bytes, options);
        return new GuestMemoryRegion(baseAddress, bytes, MemoryMapper.MapMemoryFile(bytes, name, options));
    }

    /// <summary>Maps the beginning of a file, shared: what is written here is written to the file.</summary>
    /// <param name="baseAddress">Where it starts in the guest's address space; a multiple of the page size.</param>
    /// <param name="path">The file, on any file system that can be mapped (tmpfs and hugetlbfs too).</param>
    /// <param name="bytes">How long the region is; a multiple of the page size.</param>
    /// <param name="create">True: a file that does not exist is made, for this user only, and one that is too short is
    /// lengthened. False: the file must exist and be long enough.</param>
    /// <param name="options">How it is backed; null: the defaults.</param>
    /// <inheritdoc cref="Anonymous" path="/exception"/>
    public static GuestMemoryRegion File(GuestAddress baseAddress, string path, long bytes, bool create = false, MemoryBackingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new MemoryBackingOptions();
        Check(baseAddress, bytes, options);
        if (options.HugePageBytes != 0)
        {
            throw new ArgumentException($"{nameof(MemoryBackingOptions.HugePageBytes)} does not apply to a file: put the file on a hugetlbfs mount and leave the option 0.", nameof(options));
        }

        return new GuestMemoryRegion(baseAddress, bytes, MemoryMapper.MapFile(path, bytes, create, options));
    }

    /// <summary>Keeps the region mapped, whoever disposes it, until the hold is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The region was disposed.</exception>
    public GuestMemoryHold HoldForIo() => new(this);

    /// <summary>Gets whether the region was disposed; it may still be held and mapped.</summary>
    internal bool IsDisposed => _disposed;

    /// <summary>Adds one hold without an object for it. Each needs one <see cref="ReleaseHold"/>.</summary>
    internal void AddHold()
    {
        // A SafeHandle would take new references as long as it has old ones: then a steady stream of I/O could keep
        // disposed memory mapped for ever.
        ObjectDisposedException.ThrowIf(_disposed, this);
        bool added = false;
        DangerousAddRef(ref added);
    }

    internal void ReleaseHold() => DangerousRelease();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _disposed = true;
        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle()
    {
        // The pointer goes first: a late reader then gets an exception, not an address that is somebody else's by now.
        _pointer = null;
        Thread.MemoryBarrier();
        bool unmapped = Libc.munmap(handle, (nuint)Bytes) == 0;
        FileDescriptor?.Dispose();
        return unmapped;
    }

    private static void Check(GuestAddress baseAddress, long bytes, MemoryBackingOptions options)
    {
        long unit = options.HugePageBytes;
        if (unit is not (0 or MemoryMapper.TwoMiB or MemoryMapper.OneGiB))
        {
            throw new ArgumentException($"{nameof(MemoryBackingOptions.HugePageBytes)} is {unit}; it must be 0, {MemoryMapper.TwoMiB} (2 MiB) or {MemoryMapper.OneGiB} (1 GiB).", nameof(options));
        }

        unit = Math.Max(unit, MemoryLayout.PageBytes);
        if (bytes <= 0 || bytes % unit != 0)
        {
            throw new ArgumentException($"A region of {bytes} bytes is not possible: the length must be a positive multiple of the page size, {unit} bytes.", nameof(bytes));
        }

        if (baseAddress.Value % (ulong)unit != 0)
        {
            throw new ArgumentException($"A region cannot start at {baseAddress}: the address must be a multiple of the page size, {unit} bytes.", nameof(baseAddress));
        }

        if (baseAddress.Value > 0 && (ulong)bytes > 0 - baseAddress.Value)
        {
            throw new ArgumentException($"A region of {bytes} bytes at {baseAddress} ends beyond the 64-bit address space.", nameof(bytes));
        }
    }

    [DoesNotReturn]
    private void ThrowUnmapped() =>
        throw new ObjectDisposedException(nameof(GuestMemoryRegion), $"The guest memory at {BaseAddress} was disposed and is no longer mapped. Hold it for as long as I/O uses it.");
}
