using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.Intrinsics;
using PageEngine.Memory;

namespace PageEngine.Compression;

// Owns: the difference between two states of a page, and its bytes: which cache lines changed (64 bits), and for each of them
// which of its words (8 bits) and their new values. The table is in docs/wire-protocol.md, "Coded batches".

internal static unsafe class PageDelta
{
    /// <summary>The most bytes of a delta: above it, the page itself travels. What changed so much compresses as well whole.</summary>
    internal const int MaxBytes = 3072;

    /// <summary>Room that <see cref="Encode"/> needs: a line more than the limit, which is checked once a line.</summary>
    internal const int RoomBytes = MaxBytes + 1 + LineBytes;

    /// <summary>The fewest bytes of a delta: one word changed.</summary>
    internal const int MinBytes = 8 + 1 + 8;

    private const int LineBytes = 64;
    private const int Lines = MemoryLayout.PageBytes / LineBytes;

    /// <summary>Writes what changed and brings the old state up to date. Each byte of the page is read once: what the delta says
    /// and what is kept are the same, whoever writes the page meanwhile.</summary>
    /// <param name="page">The page as it is now.</param>
    /// <param name="kept">The page as it was sent last; receives what was read.</param>
    /// <param name="delta">Room for <see cref="RoomBytes"/>.</param>
    /// <returns>The delta's bytes; 0: nothing changed; -1: too much changed (the kept state is up to date all the same).</returns>
    internal static int Encode(byte* page, byte* kept, byte* delta)
    {
        // SAFETY: page and kept are whole pages. The delta grows by at most a line and its mask between two checks, and stops
        // growing behind the limit.
        ulong lines = 0;
        int at = 8;
        for (int line = 0; line < Lines; line++)
        {
            Vector512<ulong> now = Vector512.Load((ulong*)(page + (line * LineBytes)));
            ulong* old = (ulong*)(kept + (line * LineBytes));
            uint changed = ~(uint)Vector512.Equals(now, Vector512.Load(old)).ExtractMostSignificantBits() & 0xFF;
            if (changed == 0)
            {
                continue;
            }

            now.Store(old);
            lines |= 1UL << line;
            if (at > MaxBytes)
            {
                continue;
            }

            delta[at++] = (byte)changed;
            for (; changed != 0; changed &= changed - 1)
            {
                // From what was kept, which nobody else writes: the guest may have written the page again.
                *(ulong*)(delta + at) = old[BitOperations.TrailingZeroCount(changed)];
                at += sizeof(ulong);
            }
        }

        *(ulong*)delta = lines;
        return lines == 0 ? 0 : at <= MaxBytes ? at : -1;
    }

    /// <summary>Writes the changed words into a page.</summary>
    /// <param name="delta">Bytes that may be anything.</param>
    /// <param name="page">The page as it was before.</param>
    /// <returns>False: it is no delta; the page may be partly changed.</returns>
    internal static bool TryApply(ReadOnlySpan<byte> delta, Span<byte> page)
    {
        if (delta.Length is < MinBytes or > MaxBytes)
        {
            return false;
        }

        ulong lines = BinaryPrimitives.ReadUInt64LittleEndian(delta);
        delta = delta[sizeof(ulong)..];
        for (; lines != 0; lines &= lines - 1)
        {
            if (delta.IsEmpty || delta[0] == 0)
            {
                return false;
            }

            uint changed = delta[0];
            delta = delta[1..];
            Span<byte> line = page.Slice(BitOperations.TrailingZeroCount(lines) * LineBytes, LineBytes);
            for (; changed != 0; changed &= changed - 1)
            {
                if (delta.Length < sizeof(ulong))
                {
                    return false;
                }

                delta[..sizeof(ulong)].CopyTo(line[(BitOperations.TrailingZeroCount(changed) * sizeof(ulong))..]);
                delta = delta[sizeof(ulong)..];
            }
        }

        return delta.IsEmpty;
    }
}
