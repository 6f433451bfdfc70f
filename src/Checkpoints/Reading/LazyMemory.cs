using System.Runtime.InteropServices;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Interop;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Reading;

// Owns: guest memory that is a checkpoint until it is touched: runs of raw pages are mapped from their files, privately, and the
// kernel brings a page when the guest first touches it. No handler is asked, so the garbage collector waits for nobody.
// Behind the guest every chunk is read and checked, and every mapped page gets memory of its own.
//
// A process has a limited number of mappings: where there are more runs, short ones are read at once.
//
// The guest waits for what happens before it runs, in a program that was just started: code here stays clear of generic types over this
// project's own structs, which are not compiled ahead of time.

internal sealed unsafe class LazyMemory
{
    /// <summary>Of the 65,530 that the kernel allows a process unless told otherwise.</summary>
    internal const int MaxMappings = 30_000;

    private const int ShortRunPages = 16;
    private const long FillPages = 1024;

    private readonly OpenCheckpoint[] _youngestFirst;
    private readonly GuestMemory _memory;
    private readonly int _maxMappings;
    private PageRange[] _mapped = new PageRange[256];
    private int _mappedCount;
    private PageReader? _reader;
    private byte[]? _page;
    private bool _readsShortRuns;

    internal LazyMemory(IEnumerable<OpenCheckpoint> youngestFirst, GuestMemory memory, int maxMappings = MaxMappings)
    {
        _youngestFirst = [.. youngestFirst];
        _maxMappings = maxMappings;
        _memory = memory;
        if (memory.Regions.Any(r => r.IsShared))
        {
            throw new ArgumentException("Memory that is shared with others cannot be mapped from a checkpoint: it would no longer be theirs. Restore it at once.", nameof(memory));
        }
    }

    /// <summary>Gets how many pages come when they are touched; the others are there already.</summary>
    internal long MappedPages { get; private set; }

    /// <summary>Puts the mappings in place, and reads what is not mapped.</summary>
    /// <exception cref="MigrationException">What was looked at is damaged, or the file cannot be mapped.</exception>
    internal void Begin()
    {
        long runs = 0;
        foreach (OpenCheckpoint file in _youngestFirst)
        {
            runs += file.Index.Runs.Length;
        }

        _readsShortRuns = runs > _maxMappings;
        try
        {
            for (int file = 0; file < _youngestFirst.Length; file++)
            {
                var places = new ChunkPlaces(_youngestFirst[file]);
                foreach (MemoryRun run in _youngestFirst[file].Index.Runs)
                {
                    if (file == 0)
                    {
                        Bring(_youngestFirst[file], places, run);
                        continue;
                    }

                    foreach (MemoryRun part in ChainMap.NotSaidBefore(_youngestFirst, run, file))
                    {
                        Bring(_youngestFirst[file], places, part);
                    }
                }
            }
        }
        finally
        {
            _reader?.Dispose();
        }
    }

    /// <summary>Checks every chunk and gives every mapped page memory of its own, while the guest runs.</summary>
    /// <exception cref="MigrationException">Damage: what the guest has done since it runs is worth nothing.</exception>
    internal void Fill(CancellationToken cancellationToken)
    {
        // Reading brings the pages into the kernel's cache too, where the mappings find them.
        foreach (OpenCheckpoint file in _youngestFirst)
        {
            CheckpointChain.ReadWhole(file.Source, null, cancellationToken);
        }

        foreach (PageRange range in _mapped.AsSpan(0, _mappedCount))
        {
            for (long page = range.Start; page < range.End; page += FillPages)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Populate(new PageRange(page, Math.Min(FillPages, range.End - page)));
            }
        }
    }

    private void Bring(OpenCheckpoint file, ChunkPlaces places, MemoryRun run)
    {
        if (run.Kind == RunKind.Zero || TryMap(file, places, run))
        {
            return;
        }

        _reader ??= new PageReader(_youngestFirst);
        _page ??= new byte[MemoryLayout.PageBytes];
        for (long i = run.Start; i < run.End; i++)
        {
            _reader.Read(i, _page);
            _page.CopyTo(_memory.Page(i));
        }
    }

    private bool TryMap(OpenCheckpoint file, ChunkPlaces places, MemoryRun run)
    {
        if (run.Kind != RunKind.Data || (_readsShortRuns && run.Count < ShortRunPages) || _mappedCount == _maxMappings
            || file.Source is not FileSource source || places.DataOf(run) is not { } offset
            || _memory.RegionIndexOf(run.Start) != _memory.RegionIndexOf(run.End - 1))
        {
            return false;
        }

        // SAFETY: the pages lie one behind the other in one region, which is private and held; what was there is replaced at once.
        nint mapped = MappingCalls.mmap(
            _memory.PagePointer(run.Start),
            (nuint)run.Count * MemoryLayout.PageBytes,
            MappingCalls.PROT_READ_WRITE,
            MappingCalls.MAP_PRIVATE | MappingCalls.MAP_FIXED | MappingCalls.MAP_NORESERVE,
            source.Handle,
            offset);
        if (mapped == -1)
        {
            throw new MigrationException(
                MigrationErrorKind.StorageFailed,
                $"The checkpoint '{source.FileName}' cannot be mapped: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}. Restore it at once instead.");
        }

        if (_mappedCount == _mapped.Length)
        {
            var larger = new PageRange[2 * _mapped.Length];
            Array.Copy(_mapped, larger, _mappedCount);
            _mapped = larger;
        }

        _mapped[_mappedCount++] = new PageRange(run.Start, run.Count);
        MappedPages += run.Count;
        return true;
    }

    private void Populate(PageRange range)
    {
        // SAFETY: mapped and held.
        if (MappingCalls.madvise(_memory.PagePointer(range.Start), (nuint)(range.Count * MemoryLayout.PageBytes), MappingCalls.MADV_POPULATE_WRITE) == 0)
        {
            return;
        }

        int error = Marshal.GetLastPInvokeError();
        if (error is MappingCalls.EFAULT or MappingCalls.EHWPOISON)
        {
            throw new MigrationException(MigrationErrorKind.StorageFailed, $"The pages {range} can no longer be read from their checkpoint: {Marshal.GetPInvokeErrorMessage(error)}. The guest cannot go on from it.");
        }

        // An older kernel: the pages stay the file's until they are written, and that is as good.
    }

    /// <summary>Where the data of each chunk begins in the file, for one that is asked in order.</summary>
    private sealed class ChunkPlaces(OpenCheckpoint file)
    {
        private readonly byte[] _bytes = new byte[CheckpointFormat.SectionHeaderBytes];
        private long _chunk = -1;
        private long? _dataAt;
        private int _pages;

        /// <summary>Gets the offset of a run's first page; null: its chunk is compressed.</summary>
        internal long? DataOf(MemoryRun run)
        {
            if (_chunk != run.Chunk)
            {
                Read(file.Index.Chunks[(int)run.Chunk]);
                _chunk = run.Chunk;
            }

            return run.PageInChunk + run.Count <= _pages
                ? _dataAt + ((long)run.PageInChunk * MemoryLayout.PageBytes)
                : throw Damage.At(SectionName.Index, file.End.IndexOffset, $"page {run.Start} is said to be in a chunk that does not have it");
        }

        private void Read(long offset)
        {
            // The header and the head alone: with the padding between them most of the time went into copying zeros.
            file.Source.Read(offset, _bytes, SectionName.Memory);
            SectionHeader header = SectionHeader.Read(_bytes, offset);
            if (header.Name != SectionName.Memory || !header.IsForUs(offset) || header.TotalBytes > file.End.IndexOffset - offset)
            {
                throw Damage.At(SectionName.Memory, offset, "a chunk should begin here");
            }

            Span<byte> head = _bytes.AsSpan(0, MemoryChunk.HeadBytes);
            file.Source.Read(header.PayloadAt(offset), head, SectionName.Memory);
            MemoryChunk chunk = MemoryChunk.Read(head, header, offset);
            _pages = chunk.PageCount;
            _dataAt = chunk.Compression == CheckpointCompression.None ? header.PayloadAt(offset) + chunk.DataAt : null;
        }
    }
}
