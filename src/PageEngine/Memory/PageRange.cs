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

/// <summary>A run of guest pages.</summary>
/// <remarks>It is kept as its two edges: in this form runs are found in a bitmap, many at a time.</remarks>
public readonly record struct PageRange
{
    /// <summary>Makes a run.</summary>
    /// <param name="start">The first page's linear number.</param>
    /// <param name="count">How many pages.</param>
    public PageRange(long start, long count)
    {
        Start = start;
        End = start + count;
    }

    /// <summary>Gets the first page's linear number.</summary>
    public long Start { get; }

    /// <summary>Gets the number of the page after the last one.</summary>
    public long End { get; }

    /// <summary>Gets how many pages there are.</summary>
    public long Count => End - Start;

    /// <summary>Takes a run apart.</summary>
    /// <param name="start">The first page's linear number.</param>
    /// <param name="count">How many pages.</param>
    public void Deconstruct(out long start, out long count) => (start, count) = (Start, Count);

    /// <inheritdoc/>
    public override string ToString() => $"[{Start}, {End})";
}
