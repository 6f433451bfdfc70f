using System.Numerics;
using System.Runtime.CompilerServices;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: the arithmetic that turns a seed into everything else. Integers only, so that every machine gets the same.

internal static class Mixer
{
    internal const ulong Golden = 0x9E3779B97F4A7C15;
    private const ulong ChainFactor = 0x9FB21C651E98DF25;

    /// <summary>A bijection of 64 bits in which every input bit moves about half of the output bits (the finalizer of
    /// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).</summary>
    internal static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    /// <summary>The key of one stream of draws of a seed.</summary>
    internal static ulong Key(ulong seed, ulong stream) => Mix(Mix(seed + Golden) ^ ((stream + 1) * 0xD1B54A32D192ED03));

    /// <summary>Appends a digest to a log's hash chain. One multiplication: the chain is the only part of a replay
    /// in which each operation waits for the one before it.</summary>
    internal static ulong Chain(ulong chain, ulong digest) => (BitOperations.RotateLeft(chain, 29) ^ digest) * ChainFactor;

    /// <summary>Maps 32 random bits to 0 .. count - 1 without a division (Lemire, "Fast random integer generation in
    /// an interval", 2019; the bias of at most count / 2^32 is the same in the run and in its replay).</summary>
    internal static long Below(uint random, long count) => (long)(((ulong)random * (ulong)count) >> 32);
}
