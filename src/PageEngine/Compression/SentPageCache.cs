using System.Runtime.InteropServices;
using PageEngine.Memory;

namespace PageEngine.Compression;

// Owns: copies of pages exactly as they were sent last, as many as it was given room for. Shared by all streams of a migration:
// a slot is taken with one exchange for as long as a page is worked on; whoever finds it taken does without.

/// <summary>Pages as the destination has them. Safe from any thread, as long as no two threads work on one page at once.</summary>
internal sealed unsafe class SentPageCache : IDisposable
{
    private const long Free = 0;
    private const long Taken = -1;

    // A page that was not sent in this round or the one before has left the working set.
    private const int MaxIdleRounds = 1;

    private readonly long _slots;
    private byte* _pages;
    private long* _tags;
    private int* _rounds;
    private int _users = 1;
    private int _hasEntries;

    /// <param name="bytes">Room for copies. At least a page; what is not used costs no memory.</param>
    internal SentPageCache(long bytes)
    {
        _slots = bytes / MemoryLayout.PageBytes;
        ArgumentOutOfRangeException.ThrowIfLessThan(_slots, 1, nameof(bytes));
        _pages = (byte*)NativeMemory.AlignedAlloc((nuint)(_slots * MemoryLayout.PageBytes), MemoryLayout.PageBytes);
        _tags = (long*)NativeMemory.AllocZeroed((nuint)_slots, sizeof(long));
        _rounds = (int*)NativeMemory.AllocZeroed((nuint)_slots, sizeof(int));
    }

    /// <summary>Gets whether any page was ever kept.</summary>
    internal bool HasEntries => Volatile.Read(ref _hasEntries) != 0;

    /// <summary>Takes the copy of a page, if there is one. <see cref="Release"/> gives it back.</summary>
    /// <returns>The copy; null: there is none.</returns>
    internal byte* TryTake(long page)
    {
        // SAFETY: the slot lies in the tables, which live until the last user has left.
        long slot = page % _slots;
        return Interlocked.CompareExchange(ref _tags[slot], Taken, page + 1) == page + 1 ? _pages + (slot * MemoryLayout.PageBytes) : null;
    }

    /// <summary>Takes room for the copy of a page that has none, if a place is free or holds a page that is not sent any more.
    /// Its bytes are then the caller's to write, and <see cref="Release"/> gives it back.</summary>
    /// <param name="page">The page.</param>
    /// <param name="round">The round, from 0.</param>
    internal byte* TryTakeRoom(long page, int round)
    {
        long slot = page % _slots;
        long tag = Volatile.Read(ref _tags[slot]);
        bool isRoom = tag == Free || (tag != Taken && round - _rounds[slot] > MaxIdleRounds);
        return isRoom && Interlocked.CompareExchange(ref _tags[slot], Taken, tag) == tag ? _pages + (slot * MemoryLayout.PageBytes) : null;
    }

    /// <summary>Gives a copy back: it is the page as it is sent in this round.</summary>
    internal void Release(long page, int round)
    {
        long slot = page % _slots;
        _rounds[slot] = round;
        Volatile.Write(ref _tags[slot], page + 1);
        if (_hasEntries == 0)
        {
            Volatile.Write(ref _hasEntries, 1);
        }
    }

    /// <summary>Drops the copies of pages that are sent in another way.</summary>
    internal void Forget(PageRange range)
    {
        if (!HasEntries)
        {
            return;
        }

        for (long page = range.Start; page < range.End; page++)
        {
            long slot = page % _slots;
            if (_tags[slot] == page + 1)
            {
                Interlocked.CompareExchange(ref _tags[slot], Free, page + 1);
            }
        }
    }

    internal void AddUser()
    {
        ObjectDisposedException.ThrowIf(_users == 0, this);
        Interlocked.Increment(ref _users);
    }

    /// <summary>Leaves; the last user's leaving frees the memory.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            NativeMemory.AlignedFree(_pages);
            NativeMemory.Free(_tags);
            NativeMemory.Free(_rounds);
            _pages = null;
            _tags = null;
            _rounds = null;
        }
    }
}
