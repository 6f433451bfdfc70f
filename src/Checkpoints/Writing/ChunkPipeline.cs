using System.Collections.Concurrent;
using PageEngine.Checkpoints.Compression;
using PageEngine.Memory;

namespace PageEngine.Checkpoints.Writing;

// Owns: the threads between the pages and the file: the caller plans chunks in page order, workers encode them side by side,
// one thread writes them in order. A fixed number of jobs goes round: that is the back-pressure, and nothing is allocated
// once they are made. The first failure ends it: what is still under way is dropped, and the caller gets the exception.

internal sealed class ChunkPipeline : IDisposable
{
    private readonly GuestMemory _memory;
    private readonly SectionWriter _writer;
    private readonly LiveMap _live;
    private readonly BlockingCollection<ChunkJob> _free = [];
    private readonly BlockingCollection<ChunkJob> _toEncode = [];
    private readonly BlockingCollection<ChunkJob> _toWrite = [];
    private readonly List<ChunkJob> _jobs = [];
    private readonly List<Thread> _threads = [];
    private readonly int _maxPages;
    private readonly int _maxJobs;
    private volatile Exception? _failure;

    internal ChunkPipeline(GuestMemory memory, SectionWriter writer, LiveMap live, CheckpointCompression compression, int workers, int chunkPages)
    {
        _memory = memory;
        _writer = writer;
        _live = live;
        _maxPages = chunkPages;
        _maxJobs = (2 * workers) + 2;
        for (int i = 0; i < workers; i++)
        {
            Start($"checkpoint-encode-{i}", () => EncodeAll(compression));
        }

        Start("checkpoint-write", WriteAll);
    }

    /// <summary>Gets an empty chunk to plan; waits for one that is written.</summary>
    internal ChunkJob Begin(uint round, bool copies, int limit)
    {
        ThrowIfFailed();
        if (!_free.TryTake(out ChunkJob? job))
        {
            if (_jobs.Count < _maxJobs)
            {
                job = new ChunkJob(_memory, _maxPages);
                _jobs.Add(job);
            }
            else
            {
                job = _free.Take();
                ThrowIfFailed();
            }
        }

        job.Begin(round, copies, limit);
        return job;
    }

    /// <summary>Hands a planned chunk on; an empty one is put back.</summary>
    internal void Submit(ChunkJob job)
    {
        if (job.IsEmpty)
        {
            _free.Add(job);
            return;
        }

        _toWrite.Add(job);
        _toEncode.Add(job);
    }

    /// <summary>Waits until everything is written.</summary>
    internal void Drain()
    {
        var idle = new List<ChunkJob>();
        while (idle.Count < _jobs.Count)
        {
            idle.Add(_free.Take());
        }

        idle.ForEach(_free.Add);
        ThrowIfFailed();
    }

    public void Dispose()
    {
        _toEncode.CompleteAdding();
        _toWrite.CompleteAdding();
        _threads.ForEach(t => t.Join());
        _jobs.ForEach(j => j.Dispose());
        _free.Dispose();
        _toEncode.Dispose();
        _toWrite.Dispose();
    }

    private void Start(string name, ThreadStart work)
    {
        var thread = new Thread(work) { Name = name, IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    private void EncodeAll(CheckpointCompression compression)
    {
        using var compressor = new PageCompressor(compression);
        foreach (ChunkJob job in _toEncode.GetConsumingEnumerable())
        {
            job.Encode(compressor);
        }
    }

    private void WriteAll()
    {
        foreach (ChunkJob job in _toWrite.GetConsumingEnumerable())
        {
            job.WaitEncoded();
            _failure ??= job.Failure;
            if (_failure is null)
            {
                try
                {
                    _live.Add(_writer.Position, job.Runs);
                    _writer.Write(job);
                }
                catch (Exception e)
                {
                    _failure = e;
                }
            }

            _free.Add(job);
        }
    }

    private void ThrowIfFailed()
    {
        if (_failure is { } failure)
        {
            throw failure as MigrationException ?? new MigrationException(MigrationErrorKind.Internal, $"The checkpoint could not be made: {failure.Message} ({failure.GetType().Name}).", failure);
        }
    }
}
