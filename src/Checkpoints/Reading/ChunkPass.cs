using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: all chunks of a file, side by side within a round and round after round, into guest memory or only checked; then the
// pages that equal others; then whether the index says the same as the chunks.

internal sealed class ChunkPass
{
    private readonly CheckpointSource _source;
    private readonly long _pageCount;
    private readonly List<(SectionHeader Header, long Offset, uint Round)> _chunks = [];
    private readonly LiveMap _live = new();
    private readonly GuestMemory? _memory;
    private readonly HugePageAdvice? _advice;
    private ChunkReader? _inOrder;

    /// <param name="source">From where.</param>
    /// <param name="pageCount">Pages of the layout.</param>
    /// <param name="memory">Where to; held mapped by the caller. Null: only checked.</param>
    internal ChunkPass(CheckpointSource source, long pageCount, GuestMemory? memory)
    {
        _source = source;
        _pageCount = pageCount;
        _memory = memory;
        _advice = memory is null ? null : new HugePageAdvice(memory);
    }

    /// <summary>Takes a chunk of a walk: notes it where it can be read later, else reads it now.</summary>
    internal void Take(SectionHeader header, long offset)
    {
        _inOrder ??= new ChunkReader(_source, _pageCount);
        uint round;
        if (_source.CanSeek)
        {
            round = _inOrder.ReadHead(header, offset).Round;
        }
        else
        {
            _inOrder.ReadInto(header, offset, _memory, _advice);
            round = _inOrder.Chunk.Round;
        }

        if (_chunks.Count > 0 && round < _chunks[^1].Round)
        {
            throw Damage.At(SectionName.Memory, offset, "a chunk of an earlier round follows a later one");
        }

        if (!_source.CanSeek && _chunks.Count > 0 && round != _chunks[^1].Round)
        {
            _live.EndRound();
        }

        _chunks.Add((header, offset, round));
        if (!_source.CanSeek)
        {
            Note(_inOrder.Runs, offset);
        }
    }

    /// <summary>Finishes: reads what was noted, and compares with the index.</summary>
    internal void Finish(SectionWalk walk, int workers, CancellationToken cancellationToken)
    {
        try
        {
            if (_source.CanSeek)
            {
                ReadAll(workers, cancellationToken);
            }

            _live.EndRound();
            CheckIndex(walk);
            if (_memory is not null)
            {
                CopyEqual(_memory);
            }
        }
        finally
        {
            Abandon();
        }
    }

    /// <summary>Gives back what is held, also when a walk failed.</summary>
    internal void Abandon()
    {
        _inOrder?.Dispose();
        _advice?.Dispose();
    }

    private void Note(ReadOnlySpan<MemoryRun> runs, long offset)
    {
        if (_live.LastPageOfRound >= runs[0].Start)
        {
            throw Damage.At(SectionName.Memory, offset, "within a round its pages come after those of the chunk before");
        }

        _live.Add(offset, runs);
    }

    private void ReadAll(int workers, CancellationToken cancellationToken)
    {
        var tables = new MemoryRun[_chunks.Count][];
        for (int begin = 0; begin < _chunks.Count;)
        {
            int end = begin;
            while (end < _chunks.Count && _chunks[end].Round == _chunks[begin].Round)
            {
                end++;
            }

            ReadRound(begin, end, tables, workers, cancellationToken);
            if (begin > 0)
            {
                _live.EndRound();
            }

            for (int i = begin; i < end; i++)
            {
                Note(tables[i], _chunks[i].Offset);
                tables[i] = [];
            }

            begin = end;
        }
    }

    private void ReadRound(int begin, int end, MemoryRun[][] tables, int workers, CancellationToken cancellationToken)
    {
        SideBySide.Run(
            "checkpoint-read",
            end - begin,
            workers,
            () => new ChunkReader(_source, _pageCount),
            (reader, i) =>
            {
                reader.ReadInto(_chunks[begin + i].Header, _chunks[begin + i].Offset, _memory, _advice);
                tables[begin + i] = reader.Runs.ToArray();
            },
            cancellationToken);
    }

    private void CheckIndex(SectionWalk walk)
    {
        IndexSection index = walk.Index;
        bool same = index.Chunks.SequenceEqual(_live.Chunks) && index.Runs.SequenceEqual(_live.Runs);
        EndSection end = walk.End;
        if (!same
            || end.DataPages != _live.CountPages(RunKind.Data)
            || end.EqualPages != _live.CountPages(RunKind.Equal)
            || end.ZeroPages != _live.CountPages(RunKind.Zero))
        {
            throw Damage.At(SectionName.Index, end.IndexOffset, "it does not say what the chunks say");
        }

        var lookup = new RunLookup(index.Runs);
        foreach (MemoryRun run in index.Runs)
        {
            if (run.Kind == RunKind.Equal && !lookup.HasData(run.Target, run.Target + run.Count))
            {
                throw Damage.At(SectionName.Index, end.IndexOffset, $"page {run.Start} is said to equal page {run.Target}, and not all of its bytes are here");
            }
        }
    }

    private void CopyEqual(GuestMemory memory)
    {
        foreach (MemoryRun run in _live.Runs)
        {
            for (int i = 0; run.Kind == RunKind.Equal && i < run.Count; i++)
            {
                memory.Page(run.Target + i).CopyTo(memory.Page(run.Start + i));
            }
        }
    }
}
