namespace PageEngine.Memory;

// Owns: what an embedder may ask of the memory behind a region.

/// <summary>How the memory behind a region is backed.</summary>
public sealed record MemoryBackingOptions
{
    /// <summary>Gets whether the kernel may use transparent huge pages (MADV_HUGEPAGE, else MADV_NOHUGEPAGE); default
    /// true. A wish: a kernel without them ignores it. Without effect when <see cref="HugePageBytes"/> is set.</summary>
    public bool TransparentHugePages { get; init; } = true;

    /// <summary>Gets the size, in bytes, of reserved huge pages (hugetlb) to use: 0 (default) for none, 2 MiB or 1 GiB.
    /// The region's address and length must be multiples of it. The pages are taken from the kernel's pool when the region
    /// is mapped, so that no access can fail later. Not for files: put the file on a hugetlbfs mount instead.</summary>
    public long HugePageBytes { get; init; }

    /// <summary>Gets whether the memory is locked into RAM (mlock); default false. Locking touches every page: the memory
    /// has no holes afterwards, and all of it must be free. An ordinary user is held to RLIMIT_MEMLOCK.</summary>
    public bool Lock { get; init; }
}
