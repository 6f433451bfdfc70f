using System.Numerics;
using System.Runtime.InteropServices;

namespace PageEngine.Checkpoints.Writing;

// Owns: the memory of what pages looked like: a hash leads to one page that had it. A hint and nothing more: a guest can make
// two pages of one hash, so whoever asks compares the bytes. One slot a hash, the newer page takes it: the size is fixed.

internal sealed unsafe class EqualPages : IDisposable
{
    // 16 bytes each: 256 MiB for the largest guests, which the kernel gives as they are used.
    private const long MaxSlots = 1 << 24;

    private readonly ulong _mask;
    private Slot* _slots;

    internal EqualPages(long pageCount)
    {
        ulong slots = BitOperations.RoundUpToPowerOf2((ulong)Math.Clamp(pageCount, 64, MaxSlots));
        _mask = slots - 1;
        _slots = (Slot*)NativeMemory.AllocZeroed((nuint)slots, (nuint)sizeof(Slot));
    }

    /// <summary>Gets a page that had this hash when it was remembered, or -1.</summary>
    internal long Find(ulong hash)
    {
        // SAFETY: the mask keeps the number within the table.
        Slot* slot = _slots + (hash & _mask);
        return slot->Hash == hash ? slot->PagePlusOne - 1 : -1;
    }

    internal void Remember(ulong hash, long page) => _slots[hash & _mask] = new Slot { Hash = hash, PagePlusOne = page + 1 };

    public void Dispose()
    {
        NativeMemory.Free(_slots);
        _slots = null;
    }

    private struct Slot
    {
        internal ulong Hash;
        internal long PagePlusOne;
    }
}
