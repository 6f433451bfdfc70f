namespace PageEngine.Memory;

// Owns: the names of places in guest memory. Pages are numbered linearly over the regions, in address order;
// a guest-physical address is a position in the guest's own address space and may have holes between regions.

/// <summary>A guest-physical address, in bytes.</summary>
/// <param name="Value">The address.</param>
public readonly record struct GuestAddress(ulong Value) : IComparable<GuestAddress>
{
    /// <inheritdoc/>
    public int CompareTo(GuestAddress other) => Value.CompareTo(other.Value);

    /// <summary>Orders by address.</summary>
    public static bool operator <(GuestAddress left, GuestAddress right) => left.Value < right.Value;

    /// <summary>Orders by address.</summary>
    public static bool operator >(GuestAddress left, GuestAddress right) => left.Value > right.Value;

    /// <summary>Orders by address.</summary>
    public static bool operator <=(GuestAddress left, GuestAddress right) => left.Value <= right.Value;

    /// <summary>Orders by address.</summary>
    public static bool operator >=(GuestAddress left, GuestAddress right) => left.Value >= right.Value;

    /// <inheritdoc/>
    public override string ToString() => $"0x{Value:x}";
}

/// <summary>A run of guest pages: <paramref name="Count"/> pages from linear page number <paramref name="Start"/>.</summary>
/// <param name="Start">The first page's linear number.</param>
/// <param name="Count">How many pages.</param>
public readonly record struct PageRange(long Start, long Count)
{
    /// <summary>Gets the number of the page after the last one.</summary>
    public long End => Start + Count;

    /// <inheritdoc/>
    public override string ToString() => $"[{Start}, {End})";
}
