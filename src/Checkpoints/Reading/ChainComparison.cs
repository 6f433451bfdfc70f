using PageEngine.Devices;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: the comparison of two chains, page by page as a guest would see them. Parents that both have need no look where
// neither child says anything about a page.

internal static class ChainComparison
{
    internal static CheckpointDifference Compare(IReadOnlyList<OpenCheckpoint> one, IReadOnlyList<OpenCheckpoint> other, CancellationToken cancellationToken)
    {
        MemoryLayout layout = one[0].Info.Layout;
        if (!layout.Equals(other[0].Info.Layout))
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"The checkpoints have different memory: {layout} and {other[0].Info.Layout}. They cannot be compared page by page.");
        }

        return new CheckpointDifference
        {
            Pages = Pages(one, other, layout.PageCount, cancellationToken),
            Devices = Devices(one[0].ReadDevices(), other[0].ReadDevices()),
        };
    }

    private static List<PageRange> Pages(
        IReadOnlyList<OpenCheckpoint> one, IReadOnlyList<OpenCheckpoint> other, long pageCount, CancellationToken cancellationToken)
    {
        int common = 0;
        while (common < Math.Min(one.Count, other.Count) && one[^(common + 1)].Info.Own == other[^(common + 1)].Info.Own)
        {
            common++;
        }

        OpenCheckpoint[] speaking = [.. one.Take(one.Count - common), .. other.Take(other.Count - common)];
        using var first = new PageReader(one);
        using var second = new PageReader(other);
        byte[] mine = new byte[MemoryLayout.PageBytes];
        byte[] theirs = new byte[MemoryLayout.PageBytes];
        var found = new List<PageRange>();
        for (long page = NextSpokenOf(speaking, 0, pageCount); page < pageCount; page = NextSpokenOf(speaking, page + 1, pageCount))
        {
            if ((page & 0xFFF) == 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            long zero = Math.Min(first.ZeroUntil(page, pageCount), second.ZeroUntil(page, pageCount));
            if (zero > page)
            {
                page = zero - 1;
                continue;
            }

            bool any = first.Read(page, mine) | second.Read(page, theirs);
            if (any && !mine.AsSpan().SequenceEqual(theirs))
            {
                if (found.Count > 0 && found[^1].End == page)
                {
                    found[^1] = new PageRange(found[^1].Start, found[^1].Count + 1);
                }
                else
                {
                    found.Add(new PageRange(page, 1));
                }
            }
        }

        return found;
    }

    private static long NextSpokenOf(OpenCheckpoint[] speaking, long from, long pageCount)
    {
        long next = pageCount;
        foreach (OpenCheckpoint checkpoint in speaking)
        {
            int at = checkpoint.Lookup.IndexAtOrAfter(from);
            if (at < checkpoint.Index.Runs.Length)
            {
                next = Math.Min(next, Math.Max(from, checkpoint.Index.Runs[at].Start));
            }
        }

        return next;
    }

    private static List<string> Devices(DeviceState one, DeviceState other)
    {
        var found = new List<string>();
        foreach (DeviceStateSection section in one.Sections)
        {
            bool same = other.TryGet(section.Kind, section.Instance, out DeviceStateSection? match)
                && match.Version == section.Version && match.Payload.Span.SequenceEqual(section.Payload.Span);
            if (!same)
            {
                found.Add($"{section.Kind} {section.Instance}");
            }
        }

        found.AddRange(other.Sections.Where(s => !one.TryGet(s.Kind, s.Instance, out _)).Select(s => $"{s.Kind} {s.Instance}"));
        return found;
    }
}
