using PageEngine.Checkpoints.Format;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: single pages of a chain of checkpoints, by their indexes: the youngest file that says something about a page is right.
// One thread uses one object; the chunk that was read last is kept, because pages are asked for in order.

internal sealed class PageReader : IDisposable
{
    private readonly OpenCheckpoint[] _youngestFirst;
    private readonly ChunkReader[] _readers;
    private readonly long[] _loaded;

    internal PageReader(IEnumerable<OpenCheckpoint> youngestFirst)
    {
        _youngestFirst = [.. youngestFirst];
        _readers = [.. _youngestFirst.Select(c => new ChunkReader(c.Source, c.Info.Layout.PageCount))];
        _loaded = new long[_readers.Length];
        Array.Fill(_loaded, -1);
    }

    /// <summary>Reads a page.</summary>
    /// <returns>False: it is zero, and the target was cleared.</returns>
    /// <exception cref="MigrationException">Its chunk is damaged.</exception>
    internal bool Read(long page, Span<byte> target)
    {
        for (int file = 0; file < _youngestFirst.Length; file++)
        {
            MemoryRun run = _youngestFirst[file].Lookup.Find(page);
            if (run.Kind == RunKind.Equal)
            {
                long other = run.Target + (page - run.Start);
                run = _youngestFirst[file].Lookup.Find(other);
                if (run.Kind != RunKind.Data)
                {
                    throw Damage.At(SectionName.Index, _youngestFirst[file].End.IndexOffset, $"page {page} is said to equal page {other}, whose bytes are not here");
                }

                page = other;
            }

            switch (run.Kind)
            {
                case RunKind.Data:
                    PageOf(file, run, page).CopyTo(target);
                    return true;
                case RunKind.Zero:
                    target.Clear();
                    return false;
            }
        }

        target.Clear();
        return false;
    }

    /// <summary>Gets the end of the pages from this one on that are zero, without reading any; the page itself if it may not be.</summary>
    internal long ZeroUntil(long page, long pageCount)
    {
        long end = pageCount;
        foreach (OpenCheckpoint file in _youngestFirst)
        {
            int at = file.Lookup.IndexAtOrAfter(page);
            MemoryRun run = at < file.Index.Runs.Length ? file.Index.Runs[at] : new MemoryRun(pageCount, 0, RunKind.None, 0);
            if (run.Start <= page && run.Kind != RunKind.None)
            {
                return run.Kind == RunKind.Zero ? Math.Min(end, run.End) : page;
            }

            end = Math.Min(end, run.Start);
        }

        return end;
    }

    public void Dispose()
    {
        foreach (ChunkReader reader in _readers)
        {
            reader.Dispose();
        }
    }

    private ReadOnlySpan<byte> PageOf(int file, MemoryRun run, long page)
    {
        OpenCheckpoint checkpoint = _youngestFirst[file];
        if (_loaded[file] != run.Chunk)
        {
            _loaded[file] = -1;
            long offset = checkpoint.Index.Chunks[(int)run.Chunk];
            _readers[file].ReadPages(checkpoint.ReadHeader(offset, SectionName.Memory), offset);
            _loaded[file] = run.Chunk;
        }

        int inChunk = run.PageInChunk + (int)(page - run.Start);
        ReadOnlySpan<byte> pages = _readers[file].Pages;
        long at = (long)inChunk * MemoryLayout.PageBytes;
        return at + MemoryLayout.PageBytes <= pages.Length
            ? pages.Slice((int)at, MemoryLayout.PageBytes)
            : throw Damage.At(SectionName.Index, checkpoint.End.IndexOffset, $"page {page} is said to be in a chunk that does not have it");
    }
}
