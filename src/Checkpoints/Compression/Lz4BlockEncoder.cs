using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PageEngine.Checkpoints.Compression;

// Owns: making LZ4 blocks of guest memory. Any LZ4 decoder reads them; ours is the library's. Why not its encoder, too: its fast
// mode cannot be told to look less often, and a checkpoint's LZ4 is for those who want speed (bench/checkpoint-vs-cp has both).
// One thread uses one object.

internal sealed unsafe class Lz4BlockEncoder : IDisposable
{
    private const int TableBits = 12; // 16 KiB: it stays in the nearest cache beside the window.
    private const int MinMatch = 4;
    private const int MaxDistance = 65535;
    private const int LastLiterals = 5;
    private const int NoMatchAtEnd = 16; // The format asks for 12; copying words wants to read beyond them.
    private const int RunMask = 15;

    // How soon a search that finds nothing skips bytes: after each 64 / this many, one more at a time.
    private const int Acceleration = 4;

    private uint* _table = (uint*)NativeMemory.AlignedAlloc((1 << TableBits) * sizeof(uint), 64);

    /// <summary>Encodes one block.</summary>
    /// <returns>Its length; 0: it does not fit the target.</returns>
    internal int Encode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        new Span<uint>(_table, 1 << TableBits).Clear(); // SAFETY: its length.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            return Encode(from, source.Length, to, to + target.Length, _table);
        }
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_table);
        _table = null;
    }

    // SAFETY: reads stay below source + length: a search ends 16 bytes before the end, and nothing looks further ahead. Writes are
    // checked for each sequence before it begins, with 32 bytes to spare for copying words.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Encode(byte* source, int length, byte* target, byte* targetEnd, uint* table)
    {
        byte* end = source + length;
        byte* searchEnd = end - NoMatchAtEnd;
        byte* matchEnd = end - LastLiterals;
        byte* at = source;
        byte* anchor = source;
        byte* to = target;
        if (length > NoMatchAtEnd)
        {
            at++;
            while (true)
            {
                byte* match;
                byte* next = at;
                int step = 1;
                int misses = Acceleration << 6;
                uint nextSlot = Slot(next);
                do
                {
                    uint slot = nextSlot;
                    at = next;
                    next += step;
                    step = misses++ >> 6;
                    if (next > searchEnd)
                    {
                        goto Rest;
                    }

                    match = source + table[slot];
                    nextSlot = Slot(next);
                    table[slot] = (uint)(at - source);
                }
                while (match + MaxDistance < at || *(uint*)match != *(uint*)at);

                while (at > anchor && match > source && at[-1] == match[-1])
                {
                    at--;
                    match--;
                }

                long literals = at - anchor;
                if (to + literals + (literals / 255) + 32 > targetEnd)
                {
                    return 0;
                }

                byte* token = to++;
                to = WriteLiterals(token, to, anchor, literals);
                while (true)
                {
                    *(ushort*)to = (ushort)(at - match);
                    to += sizeof(ushort);
                    long more = CountEqual(at + MinMatch, match + MinMatch, matchEnd);
                    at += more + MinMatch;
                    if (to + (more / 255) + 32 > targetEnd)
                    {
                        return 0;
                    }

                    to = WriteLength(token, to, more);
                    anchor = at;
                    if (at >= searchEnd)
                    {
                        goto Rest;
                    }

                    table[Slot(at - 2)] = (uint)(at - 2 - source);
                    uint slot = Slot(at);
                    match = source + table[slot];
                    table[slot] = (uint)(at - source);
                    if (match + MaxDistance < at || *(uint*)match != *(uint*)at)
                    {
                        break;
                    }

                    token = to++;
                    *token = 0;
                }

                at++;
            }
        }

    Rest:
        long last = end - anchor;
        if (to + 1 + last + (last / 255) + 1 > targetEnd)
        {
            return 0;
        }

        byte* lastToken = to++;
        long rest = last - RunMask;
        *lastToken = (byte)(Math.Min(last, RunMask) << 4);
        for (; rest >= 255; rest -= 255)
        {
            *to++ = 255;
        }

        if (last >= RunMask)
        {
            *to++ = (byte)rest;
        }

        Unsafe.CopyBlockUnaligned(to, anchor, (uint)last);
        return (int)(to + last - target);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* WriteLiterals(byte* token, byte* to, byte* from, long count)
    {
        if (count < RunMask)
        {
            *token = (byte)(count << 4);
            *(ulong*)to = *(ulong*)from;
            *(ulong*)(to + 8) = *(ulong*)(from + 8);
            return to + count;
        }

        *token = RunMask << 4;
        long rest = count - RunMask;
        for (; rest >= 255; rest -= 255)
        {
            *to++ = 255;
        }

        *to++ = (byte)rest;
        Unsafe.CopyBlockUnaligned(to, from, (uint)count);
        return to + count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* WriteLength(byte* token, byte* to, long more)
    {
        if (more < RunMask)
        {
            *token |= (byte)more;
            return to;
        }

        *token |= RunMask;
        long rest = more - RunMask;
        if (rest >= 255)
        {
            long full = rest / 255;
            Unsafe.InitBlockUnaligned(to, 255, (uint)full);
            to += full;
            rest -= full * 255;
        }

        *to++ = (byte)rest;
        return to;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long CountEqual(byte* at, byte* match, byte* end)
    {
        byte* start = at;
        while (at + sizeof(ulong) <= end)
        {
            ulong difference = *(ulong*)at ^ *(ulong*)match;
            if (difference != 0)
            {
                return at - start + (BitOperations.TrailingZeroCount(difference) >> 3);
            }

            at += sizeof(ulong);
            match += sizeof(ulong);
        }

        while (at < end && *at == *match)
        {
            at++;
            match++;
        }

        return at - start;
    }

    // Of five bytes: four are too alike in pointers and code.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Slot(byte* at) => (uint)(((*(ulong*)at << 24) * 889523592379UL) >> (64 - TableBits));
}
