using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints.Reading;
using PageEngine.Memory;

namespace PageEngine.Checkpoints;

// Owns: memory of another process that comes from a checkpoint as it is touched: who waits gets his page first, a thread brings the rest
// chunk by chunk. No byte is put in place before its chunk's checksum was right. Two servers of one memory do each other no harm.

/// <summary>Brings a checkpoint's pages into another process, which may run meanwhile. Safe from any thread. The process must not run
/// on without one: as long as nobody serves, what touches a missing page waits; when no copy of the descriptor is left, it
/// reads zeros.</summary>
public sealed unsafe class CheckpointPageServer : IDisposable
{
    private const int FaultsAtOnce = 64;
    private const int LookAgainMilliseconds = 20;

    private readonly ChainMap _map;
    private readonly MissingPages _missing;
    private readonly PlacedRun[] _byPage;
    private readonly bool[] _placed;
    private readonly MemoryLayout _layout;
    private readonly CancellationTokenSource _end = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ManualResetEventSlim _mayFill = new();
    private readonly Thread _serving;
    private readonly Thread _filling;
    private long _touched;

    internal CheckpointPageServer(OpenCheckpoint[] youngestFirst, SafeFileHandle userfaultfd, IEnumerable<ulong> addresses, GuestMemory? memory)
    {
        _layout = youngestFirst[0].Info.Layout;
        _missing = new MissingPages(userfaultfd, _layout, addresses);
        try
        {
            _map = new ChainMap(youngestFirst);
            if (memory is not null)
            {
                // In this order: whoever touches a page that was taken away waits already.
                _missing.Register();
                EmptyMemory.RequireHoles(memory);
            }
        }
        catch
        {
            _missing.Dispose();
            throw;
        }

        _placed = new bool[_map.ChunkCount];
        _byPage = _map.Runs.ToArray();
        var chunkOf = new int[_byPage.Length];
        var starts = new long[_byPage.Length];
        for (int chunk = 0, i = 0; chunk < _map.ChunkCount; chunk++)
        {
            for (int n = _map.RunsOf(chunk).Length; n > 0; n--, i++)
            {
                chunkOf[i] = chunk;
                starts[i] = _byPage[i].Start;
            }
        }

        int[] order = [.. Enumerable.Range(0, _byPage.Length)];
        Array.Sort(starts, order);
        _byPage = [.. order.Select(i => _map.Runs[i] with { Chunk = chunkOf[i] })]; // From here on the map's number of the chunk.
        _serving = new Thread(Serve) { Name = "checkpoint-serve", IsBackground = true };
        _filling = new Thread(Fill) { Name = "checkpoint-fill", IsBackground = true };
        _serving.Start();
        _filling.Start();
    }

    /// <summary>Gets how many pages were brought because somebody waited for them.</summary>
    public long TouchedPages => Interlocked.Read(ref _touched);

    /// <summary>Gets what ends when every page is in place and nobody can wait any more, also when the process has ended. It fails with a
    /// <see cref="MigrationException"/> when something is damaged: then what touches a page that is not there waits for good, and the
    /// process must be ended.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Begins to bring what nobody has asked for.</summary>
    public void BeginFilling() => _mayFill.Set();

    /// <summary>Ends the threads and closes the descriptor. Before <see cref="Completion"/>, the process reads zeros from then on unless
    /// another server has a copy.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _serving.Join();
        _filling.Join();
        _missing.Dispose();
        _end.Dispose();
        _mayFill.Dispose();
    }

    private void Serve()
    {
        Run(() =>
        {
            using ChainMap.Reader reader = _map.Open();
            Span<long> pages = stackalloc long[FaultsAtOnce];
            while (!_end.IsCancellationRequested && !_completion.Task.IsCompleted)
            {
                int count = _missing.Wait(LookAgainMilliseconds, pages);
                Interlocked.Add(ref _touched, count);
                foreach (long page in pages[..count])
                {
                    Bring(reader, page);
                }
            }
        });
    }

    private void Fill()
    {
        Run(() =>
        {
            _mayFill.Wait(_end.Token);
            using ChainMap.Reader reader = _map.Open();
            bool lives = true;
            for (int chunk = 0; chunk < _map.ChunkCount && lives; chunk++)
            {
                _end.Token.ThrowIfCancellationRequested();
                lives = Volatile.Read(ref _placed[chunk]) || Place(reader, chunk, first: -1);
            }

            // What is missing now is zero.
            _missing.Unregister();
            _completion.TrySetResult();
        });
    }

    private void Run(Action work)
    {
        try
        {
            work();
        }
        catch (OperationCanceledException)
        {
            _completion.TrySetCanceled();
        }
        catch (Exception e)
        {
            _completion.TrySetException(e);
            _ = _completion.Task.Exception; // Whoever does not ask does not want to know.
        }
    }

    private void Bring(ChainMap.Reader reader, long page)
    {
        int low = 0;
        int high = _byPage.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _byPage[middle].End <= page ? (middle + 1, high) : (low, middle);
        }

        if (low == _byPage.Length || _byPage[low].Start > page)
        {
            _missing.PutZero(page);
        }
        else
        {
            // Also if the chunk was placed: then the page was taken away again since, or somebody waits who must be woken.
            Place(reader, _byPage[low].Chunk, page);
        }
    }

    // The page that somebody waits for comes first.
    private bool Place(ChainMap.Reader reader, int chunk, long first)
    {
        ReadOnlySpan<byte> bytes = reader.Read(chunk);
        fixed (byte* start = bytes)
        {
            foreach (PlacedRun run in first >= 0 ? _map.RunsOf(chunk) : [])
            {
                if (run.Start <= first && first < run.End && !_missing.Put(first, 1, start + ((run.PageInChunk + (first - run.Start)) * MemoryLayout.PageBytes)))
                {
                    return false;
                }
            }

            if (Volatile.Read(ref _placed[chunk]))
            {
                return true;
            }

            foreach (PlacedRun run in _map.RunsOf(chunk))
            {
                // SAFETY: the reader has checked that the chunk has all pages of its runs. A run may go over the end of a region.
                for (long page = run.Start; page < run.End;)
                {
                    int count = (int)(Math.Min(run.End, EndOfRegion(page)) - page);
                    if (!_missing.Put(page, count, start + ((run.PageInChunk + (page - run.Start)) * MemoryLayout.PageBytes)))
                    {
                        return false;
                    }

                    page += count;
                }
            }
        }

        Volatile.Write(ref _placed[chunk], true);
        return true;
    }

    private long EndOfRegion(long page)
    {
        long end = 0;
        foreach (MemoryLayoutRegion region in _layout.Regions)
        {
            end += region.PageCount;
            if (page < end)
            {
                break;
            }
        }

        return end;
    }
}
