using System.Numerics;

namespace PageEngine.EmbeddedGuest.Operations;

// Owns: the words that a page write leaves in its page. They lie in four cache lines spread over the page, the last
// word among them, and all of them depend on the operation and on how many writes the page has had: a copy that is
// torn, old or ahead is told from the right one.

/// <param name="Number">The operation that wrote the page last.</param>
/// <param name="Count">How many writes the page has had.</param>
/// <param name="Digest">The digest of that operation.</param>
internal readonly record struct PageStamp(long Number, ulong Count, ulong Digest)
{
    /// <summary>Operation number + 1; 0 in a page never written.</summary>
    internal const int NumberWord = 0;

    /// <summary>Virtual CPU + 1 in the upper 16 bits, the count of writes below; 0 in a page never written.</summary>
    internal const int CountWord = 1;

    internal const ulong CountMask = (1UL << 48) - 1;

    private const int DigestWord = 2;
    private const int SecondWord = 170;
    private const int ThirdWord = 341;
    private const int LastWord = GuestMemoryMap.PageWords - 1;

    /// <summary>Writes the stamp. The words are volatile, and the number comes last: what an observer of the mark
    /// that follows reads is never older than the mark.</summary>
    internal unsafe void Write(ulong* page, int virtualCpu)
    {
        ulong seal = Digest + (Count * Mixer.Golden);
        Volatile.Write(ref page[CountWord], ((ulong)(virtualCpu + 1) << 48) | (Count & CountMask));
        Volatile.Write(ref page[DigestWord], Digest);
        Volatile.Write(ref page[SecondWord], BitOperations.RotateLeft(seal, 13));
        Volatile.Write(ref page[ThirdWord], BitOperations.RotateLeft(seal, 31));
        Volatile.Write(ref page[LastWord], BitOperations.RotateLeft(seal, 47));
        Volatile.Write(ref page[NumberWord], (ulong)Number + 1);
    }
}
