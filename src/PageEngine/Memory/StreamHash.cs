using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PageEngine.Memory;

// Owns: XxHash3 (64 bits, seed 0) of much data that comes in pieces. The values are those of System.IO.Hashing, which does the
// short ones, and all where there is no AVX2. Why not all: its vector code is compiled when it is first used, without optimization
// until it has run often; a program that copies a guest once and ends spent half of its time there.

internal sealed unsafe class StreamHash
{
    private const int StripeBytes = 64;
    private const int StripesPerBlock = 16;
    private const int SecretBytes = 192;
    private const int BufferBytes = 256;
    private const int ShortBytes = 240;
    private const ulong Prime32A = 0x9E3779B1;
    private const ulong Prime64A = 0x9E3779B185EBCA87;

    private readonly State* _state;
    private readonly byte[] _pinned = GC.AllocateArray<byte>(sizeof(State), pinned: true);
    private readonly XxHash3? _library;

    internal StreamHash()
    {
        _library = Avx2.IsSupported ? null : new XxHash3();

        // SAFETY: the array is pinned and lives as long as this object.
        fixed (byte* state = _pinned)
        {
            _state = (State*)state;
        }

        Reset();
    }

    private static ReadOnlySpan<byte> Secret =>
    [
        0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
        0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21, 0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
        0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
        0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
        0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb, 0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
        0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
    ];

    /// <summary>Gets the hash of what was appended so far.</summary>
    internal ulong Current => _library is { } library ? library.GetCurrentHashAsUInt64() : Finish(_state);

    /// <summary>Gets the hash of one piece. Allocates nothing.</summary>
    internal static ulong Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= ShortBytes || !Avx2.IsSupported)
        {
            return XxHash3.HashToUInt64(bytes);
        }

        State state;
        Begin(&state);
        fixed (byte* start = bytes)
        {
            long stripes = (bytes.Length - 1) / StripeBytes;
            Consume(&state, start, stripes);
            return Merge(&state, start + bytes.Length - StripeBytes, (ulong)bytes.Length);
        }
    }

    /// <summary>Gets the same hash of one piece by plain code, which is compiled ahead of time: for the few kilobytes that a program
    /// reads before the guest runs, a tenth of what compiling the vector code takes. Allocates nothing.</summary>
    internal static ulong OfFew(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length <= ShortBytes)
        {
            return XxHash3.HashToUInt64(bytes);
        }

        State state;
        Begin(&state);
        fixed (byte* start = bytes)
        fixed (byte* secret = Secret)
        {
            // SAFETY: whole stripes of the span; the secret has 64 bytes behind each place that is read.
            long stripes = (bytes.Length - 1) / StripeBytes;
            ulong* sums = state.Accumulators;
            for (long stripe = 0; stripe < stripes; stripe++)
            {
                long inBlock = stripe % StripesPerBlock;
                Accumulate(sums, start + (stripe * StripeBytes), secret + (8 * inBlock));
                for (int i = 0; i < 8 && inBlock == StripesPerBlock - 1; i++)
                {
                    sums[i] = (sums[i] ^ (sums[i] >> 47) ^ Word(secret + SecretBytes - StripeBytes + (8 * i))) * Prime32A;
                }
            }

            return Merge(&state, start + bytes.Length - StripeBytes, (ulong)bytes.Length);
        }
    }

    internal void Reset()
    {
        _library?.Reset();
        Begin(_state);
    }

    /// <summary>Adds a piece behind those before.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        if (_library is { } library)
        {
            library.Append(bytes);
            return;
        }

        fixed (byte* start = bytes)
        {
            Append(_state, start, bytes.Length);
        }
    }

    private static void Begin(State* state)
    {
        state->Total = 0;
        state->Pending = 0;
        state->Stripe = 0;
        ReadOnlySpan<ulong> initial =
        [
            0xC2B2AE3D, 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x85EBCA77, 0x27D4EB2F165667C5, 0x9E3779B1,
        ];
        initial.CopyTo(new Span<ulong>(state->Accumulators, 8)); // SAFETY: it has eight.
    }

    // At least one byte always stays pending: the last stripe is treated in another way, and which one is the last shows at the end.
    private static void Append(State* state, byte* bytes, long length)
    {
        state->Total += (ulong)length;
        if (state->Pending + length <= BufferBytes)
        {
            Unsafe.CopyBlockUnaligned(state->Buffer + StripeBytes + state->Pending, bytes, (uint)length); // SAFETY: it fits: see the condition.
            state->Pending += (int)length;
            return;
        }

        if (state->Pending > 0)
        {
            int missing = BufferBytes - state->Pending;
            Unsafe.CopyBlockUnaligned(state->Buffer + StripeBytes + state->Pending, bytes, (uint)missing);
            Consume(state, state->Buffer + StripeBytes, BufferBytes / StripeBytes);
            Unsafe.CopyBlockUnaligned(state->Buffer, state->Buffer + BufferBytes, StripeBytes);
            bytes += missing;
            length -= missing;
        }

        long stripes = (length - 1) / StripeBytes;
        if (stripes > 0)
        {
            Consume(state, bytes, stripes);
            bytes += stripes * StripeBytes;
            length -= stripes * StripeBytes;
            Unsafe.CopyBlockUnaligned(state->Buffer, bytes - StripeBytes, StripeBytes); // The last stripe may need a part of it.
        }

        Unsafe.CopyBlockUnaligned(state->Buffer + StripeBytes, bytes, (uint)length);
        state->Pending = (int)length;
    }

    private static ulong Finish(State* state)
    {
        byte* pending = state->Buffer + StripeBytes;
        if (state->Total <= ShortBytes)
        {
            return XxHash3.HashToUInt64(new ReadOnlySpan<byte>(pending, (int)state->Total)); // SAFETY: nothing that short was consumed.
        }

        State copy = *state;
        int stripes = (state->Pending - 1) / StripeBytes;
        Consume(&copy, pending, stripes);
        return Merge(&copy, pending + state->Pending - StripeBytes, state->Total);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Consume(State* state, byte* bytes, long stripes)
    {
        fixed (byte* secret = Secret)
        {
            // SAFETY: whole stripes of the caller's; the secret has 64 bytes behind each place that is read.
            Vector256<ulong> low = Avx.LoadVector256(state->Accumulators);
            Vector256<ulong> high = Avx.LoadVector256(state->Accumulators + 4);
            Vector256<ulong> scrambleLow = Avx.LoadVector256((ulong*)(secret + SecretBytes - StripeBytes));
            Vector256<ulong> scrambleHigh = Avx.LoadVector256((ulong*)(secret + SecretBytes - 32));
            int stripe = state->Stripe;
            while (stripes > 0)
            {
                int count = (int)Math.Min(stripes, StripesPerBlock - stripe);
                stripes -= count;
                byte* key = secret + (stripe * 8);
                stripe += count;
                for (; count > 0; count--, bytes += StripeBytes, key += 8)
                {
                    low = Accumulate(low, Avx.LoadVector256((ulong*)bytes), Avx.LoadVector256((ulong*)key));
                    high = Accumulate(high, Avx.LoadVector256((ulong*)(bytes + 32)), Avx.LoadVector256((ulong*)(key + 32)));
                }

                if (stripe == StripesPerBlock)
                {
                    low = Scramble(low, scrambleLow);
                    high = Scramble(high, scrambleHigh);
                    stripe = 0;
                }
            }

            state->Stripe = stripe;
            Avx.Store(state->Accumulators, low);
            Avx.Store(state->Accumulators + 4, high);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Accumulate(Vector256<ulong> sum, Vector256<ulong> data, Vector256<ulong> key)
    {
        Vector256<ulong> mixed = data ^ key;
        Vector256<ulong> product = Avx2.Multiply(mixed.AsUInt32(), Avx2.ShiftRightLogical(mixed, 32).AsUInt32());
        return product + (sum + Avx2.Shuffle(data.AsUInt32(), 0b01_00_11_10).AsUInt64());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Scramble(Vector256<ulong> sum, Vector256<ulong> key)
    {
        Vector256<ulong> mixed = sum ^ Avx2.ShiftRightLogical(sum, 47) ^ key;
        Vector256<uint> prime = Vector256.Create((uint)Prime32A);
        Vector256<ulong> lowProduct = Avx2.Multiply(mixed.AsUInt32(), prime);
        Vector256<ulong> highProduct = Avx2.Multiply(Avx2.ShiftRightLogical(mixed, 32).AsUInt32(), prime);
        return lowProduct + Avx2.ShiftLeftLogical(highProduct, 32);
    }

    private static void Accumulate(ulong* sums, byte* stripe, byte* secret)
    {
        for (int i = 0; i < 8; i++)
        {
            ulong data = Word(stripe + (8 * i));
            ulong mixed = data ^ Word(secret + (8 * i));
            sums[i ^ 1] += data;
            sums[i] += (uint)mixed * (mixed >> 32);
        }
    }

    private static ulong Merge(State* state, byte* last, ulong total)
    {
        fixed (byte* secret = Secret)
        {
            ulong* sums = state->Accumulators;
            Accumulate(sums, last, secret + SecretBytes - StripeBytes - 7);
            ulong hash = total * Prime64A;
            for (int i = 0; i < 4; i++)
            {
                ulong upper = Math.BigMul(sums[2 * i] ^ Word(secret + 11 + (16 * i)), sums[(2 * i) + 1] ^ Word(secret + 19 + (16 * i)), out ulong lower);
                hash += upper ^ lower;
            }

            hash ^= hash >> 37;
            hash *= 0x165667919E3779F9;
            return hash ^ (hash >> 32);
        }
    }

    private static ulong Word(byte* at) => BinaryPrimitives.ReadUInt64LittleEndian(new ReadOnlySpan<byte>(at, sizeof(ulong))); // SAFETY: the callers' places have eight bytes.

    /// <summary>What is between two pieces. The buffer has the stripe that was consumed last, then what is pending.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct State
    {
        internal fixed ulong Accumulators[8];
        internal fixed byte Buffer[StripeBytes + BufferBytes];
        internal ulong Total;
        internal int Pending;
        internal int Stripe;
    }
}
