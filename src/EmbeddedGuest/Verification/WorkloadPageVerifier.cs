using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Verification;

// Owns: comparing workload pages, every byte of them, with what the fill and the last write must have left. Reads
// guest memory, but no hole: reading an empty page of a shared file would allocate it. Safe on many threads at once.

internal sealed unsafe class WorkloadPageVerifier(GuestPages pages, GuestMemoryMap map, PageFill fill, OperationStream[] streams, Findings findings)
{
    /// <summary>Checks one workload page.</summary>
    /// <param name="index">Which page of the workload area.</param>
    /// <param name="history">Its last write.</param>
    /// <param name="mayHoldData">False when the kernel says that the page is a hole.</param>
    /// <param name="expected">Scratch memory of one page.</param>
    internal void Check(long index, Replay.PageHistory history, bool mayHoldData, ulong* expected)
    {
        bool filled = fill.IsFilled(index);
        if (!mayHoldData && !filled && history.Count == 0)
        {
            return;
        }

        long page = map.FirstWorkloadPage + index;

        // SAFETY: a page has PageWords words and stays mapped: the guest holds its memory while it verifies.
        ReadOnlySpan<ulong> actual = new(pages.Words(page), GuestMemoryMap.PageWords);
        Regenerate(index, filled, history, expected);
        if (!actual.SequenceEqual(new ReadOnlySpan<ulong>(expected, GuestMemoryMap.PageWords)))
        {
            findings.CorruptedPage();
            Classify(index, page, filled, history, actual, expected);
        }
    }

    private void Regenerate(long index, bool filled, Replay.PageHistory history, ulong* target)
    {
        if (filled)
        {
            fill.Write(target, index);
        }
        else
        {
            new Span<ulong>(target, GuestMemoryMap.PageWords).Clear();
        }

        if (history.Count > 0)
        {
            int owner = map.OwnerOf(map.FirstWorkloadPage + index);
            ulong digest = streams[owner].Draw(history.Number).Digest;
            new PageStamp(history.Number, history.Count, digest).Write(target, owner);
        }
    }

    // A page that is right for another moment of the same run is old (writes are lost) or ahead (they will be
    // repeated); any other is damaged.
    private void Classify(long index, long page, bool filled, Replay.PageHistory history, ReadOnlySpan<ulong> actual, ulong* scratch)
    {
        int owner = map.OwnerOf(page);
        Replay.PageHistory claimed = new()
        {
            Number = unchecked((long)actual[PageStamp.NumberWord] - 1),
            Count = actual[PageStamp.CountWord] & PageStamp.CountMask,
        };
        string wanted = history.Count == 0 ? "no write" : $"write {history.Count}, by operation {history.Number} of virtual CPU {owner}";
        if (ClaimIsPossible(owner, page, claimed))
        {
            Regenerate(index, filled, claimed, scratch);
            long difference = unchecked((long)(claimed.Count - history.Count));
            if (difference != 0 && actual.SequenceEqual(new ReadOnlySpan<ulong>(scratch, GuestMemoryMap.PageWords)))
            {
                findings.Pages(Math.Max(-difference, 0), Math.Max(difference, 0));
                findings.Say($"Page {page} is as after {claimed.Count} writes; the replay gives {wanted}.");
                return;
            }
        }

        Regenerate(index, filled, history, scratch);
        int word = actual.CommonPrefixLength(new ReadOnlySpan<ulong>(scratch, GuestMemoryMap.PageWords));
        findings.Say($"Page {page} is damaged from byte {word * sizeof(ulong)} on: {actual[word]:x16} where the replay, after {wanted}, gives {scratch[word]:x16}.");
    }

    private bool ClaimIsPossible(int owner, long page, Replay.PageHistory claimed) =>
        claimed.Count == 0
            ? claimed.Number == -1
            : claimed.Number >= 0 && streams[owner].Draw(claimed.Number).LocalPage == map.LocalPageOf(page);
}
