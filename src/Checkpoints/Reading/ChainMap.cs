using PageEngine.Checkpoints.Format;

namespace PageEngine.Checkpoints.Reading;

// Owns: what a chain of checkpoints says about each page: the youngest file that speaks of it is right, and a page that equals another
// one has that one's bytes. Ordered by where the bytes are, so that each chunk is read once. Pages that are not here are zero.

/// <summary>Pages whose bytes stand one behind the other in one chunk.</summary>
/// <param name="Start">The first page.</param>
/// <param name="Count">How many.</param>
/// <param name="File">The file, 0 the youngest.</param>
/// <param name="Chunk">The chunk's number in it.</param>
/// <param name="PageInChunk">The first page's number in the chunk's data.</param>
internal readonly record struct PlacedRun(long Start, int Count, int File, int Chunk, int PageInChunk)
{
    internal long End => Start + Count;
}

internal sealed class ChainMap
{
    private readonly OpenCheckpoint[] _youngestFirst;
    private readonly PlacedRun[] _runs;
    private readonly int[] _chunks;

    /// <exception cref="MigrationException">An index names pages whose bytes are not there.</exception>
    internal ChainMap(OpenCheckpoint[] youngestFirst)
    {
        _youngestFirst = youngestFirst;
        var runs = new List<PlacedRun>();
        for (int file = 0; file < youngestFirst.Length; file++)
        {
            foreach (MemoryRun run in youngestFirst[file].Index.Runs)
            {
                foreach (MemoryRun part in NotSaidBefore(youngestFirst, run, file))
                {
                    Place(runs, file, part);
                }
            }
        }

        _runs = [.. runs];
        Array.Sort(_runs, static (a, b) => a.File != b.File ? a.File.CompareTo(b.File) : a.Chunk != b.Chunk ? a.Chunk.CompareTo(b.Chunk) : a.Start.CompareTo(b.Start));
        var chunks = new List<int>();
        for (int i = 0; i < _runs.Length; i++)
        {
            if (i == 0 || _runs[i].File != _runs[i - 1].File || _runs[i].Chunk != _runs[i - 1].Chunk)
            {
                chunks.Add(i);
            }
        }

        _chunks = [.. chunks, _runs.Length];
    }

    /// <summary>Gets how many chunks have bytes that are still true.</summary>
    internal int ChunkCount => _chunks.Length - 1;

    /// <summary>Gets all runs.</summary>
    internal ReadOnlySpan<PlacedRun> Runs => _runs;

    /// <summary>Gets the runs whose bytes one of the chunks has.</summary>
    internal ReadOnlySpan<PlacedRun> RunsOf(int chunk) => _runs.AsSpan(_chunks[chunk].._chunks[chunk + 1]);

    /// <summary>Makes what reads the chunks; one thread uses it.</summary>
    internal Reader Open() => new(this);

    /// <summary>Finds the parts of a run of one file that no younger file says anything about.</summary>
    internal static IEnumerable<MemoryRun> NotSaidBefore(OpenCheckpoint[] youngestFirst, MemoryRun run, int file)
    {
        long from = run.Start;
        while (from < run.End)
        {
            long end = run.End;
            long covered = from;
            for (int younger = 0; younger < file; younger++)
            {
                OpenCheckpoint other = youngestFirst[younger];
                int at = other.Lookup.IndexAtOrAfter(from);
                if (at < other.Index.Runs.Length)
                {
                    MemoryRun said = other.Index.Runs[at];
                    covered = said.Start <= from ? Math.Max(covered, said.End) : covered;
                    end = said.Start > from ? Math.Min(end, said.Start) : end;
                }
            }

            if (covered > from)
            {
                from = covered;
                continue;
            }

            yield return run.Part(from, end);
            from = end;
        }
    }

    private void Place(List<PlacedRun> runs, int file, MemoryRun part)
    {
        if (part.Kind == RunKind.Data)
        {
            runs.Add(new PlacedRun(part.Start, part.Count, file, (int)part.Chunk, part.PageInChunk));
        }

        // In the same file, whether or not a younger one replaces the page that has the bytes.
        OpenCheckpoint checkpoint = _youngestFirst[file];
        for (long page = part.Start; part.Kind == RunKind.Equal && page < part.End;)
        {
            long other = part.Target + (page - part.Start);
            MemoryRun has = checkpoint.Lookup.Find(other);
            if (has.Kind != RunKind.Data)
            {
                throw Damage.At(SectionName.Index, checkpoint.End.IndexOffset, $"page {page} is said to equal page {other}, whose bytes are not here");
            }

            int count = (int)Math.Min(part.End - page, has.End - other);
            runs.Add(new PlacedRun(page, count, file, (int)has.Chunk, has.PageInChunk + (int)(other - has.Start)));
            page += count;
        }
    }

    /// <summary>Reads whole chunks, checked.</summary>
    internal sealed class Reader(ChainMap map) : IDisposable
    {
        private readonly ChunkReader?[] _readers = new ChunkReader?[map._youngestFirst.Length];

        private ChunkReader? _last;
        private int _loaded = -1;

        /// <summary>Reads the bytes of one of the chunks; they stand until the next call. The same one again costs nothing.</summary>
        /// <exception cref="MigrationException">It is damaged, or is not what the index says.</exception>
        internal ReadOnlySpan<byte> Read(int chunk)
        {
            if (chunk == _loaded)
            {
                return _last!.Pages;
            }

            _loaded = -1;
            PlacedRun first = map._runs[map._chunks[chunk]];
            OpenCheckpoint file = map._youngestFirst[first.File];
            ChunkReader reader = _readers[first.File] ??= new ChunkReader(file.Source, file.Info.Layout.PageCount);
            long offset = file.Index.Chunks[first.Chunk];
            reader.ReadPages(file.ReadHeader(offset, SectionName.Memory), offset);
            foreach (PlacedRun run in map.RunsOf(chunk))
            {
                if (run.PageInChunk + run.Count > reader.Chunk.PageCount)
                {
                    throw Damage.At(SectionName.Index, file.End.IndexOffset, $"page {run.Start} is said to be in a chunk that does not have it");
                }
            }

            _last = reader;
            _loaded = chunk;
            return reader.Pages;
        }

        public void Dispose()
        {
            foreach (ChunkReader? reader in _readers)
            {
                reader?.Dispose();
            }
        }
    }
}
