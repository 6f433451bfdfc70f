using System.Runtime.InteropServices;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tracing;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: one memory under one tracer, the bits it reported, and the way to write a page so that the tracer learns of it.

/// <summary>A memory, its tracer, and what a check does with both.</summary>
internal sealed class TracedMemory : IDisposable
{
    private readonly Action<IWriteTracer, long>? _mark;
    private readonly int _granularity;
    private bool _tracerDisposed;

    internal TracedMemory(GuestMemory memory, IWriteTracer tracer, TracerConformanceOptions options)
    {
        Memory = memory;
        Tracer = tracer;
        Dirty = new DirtyBitmap(memory.PageCount);
        _mark = options.MarkWritten ?? (tracer is ExplicitWriteTracer ? static (marks, page) => ((ExplicitWriteTracer)marks).MarkDirty(page) : null);
        _granularity = Math.Max(1, options.GranularityPages);
    }

    internal GuestMemory Memory { get; }

    internal IWriteTracer Tracer { get; }

    internal DirtyBitmap Dirty { get; }

    /// <summary>Writes a word of a page, then marks it where the tracer needs that. Any thread.</summary>
    internal void Write(long page, int word, ulong value)
    {
        Volatile.Write(ref MemoryMarshal.Cast<byte, ulong>(Memory.Page(page))[word % (MemoryLayout.PageBytes / sizeof(ulong))], value);
        Mark(page);
    }

    internal void Mark(long page) => _mark?.Invoke(Tracer, page);

    /// <summary>Starts, and takes what the tracer has to say at the beginning: a report too many is allowed there.</summary>
    internal void StartQuietly()
    {
        Tracer.Start();
        Collect();
    }

    /// <summary>Collects into an empty bitmap.</summary>
    internal long Collect()
    {
        Dirty.Clear();
        long reported = Tracer.Collect(Dirty);
        RequireEqual(Dirty.Count(), reported, "What a collect returned beside the bits that it set");
        return reported;
    }

    /// <summary>Collects, and compares with the pages that were written.</summary>
    internal void CollectExactly(IReadOnlySet<long> written, string when)
    {
        Collect();
        for (long page = 0; page < Memory.PageCount; page++)
        {
            bool reported = Dirty.IsSet(page);
            Require(reported || !written.Contains(page), $"{when}: page {page} of {Memory.PageCount} was written and not reported.");
            Require(!reported || NearWritten(page, written), $"{when}: page {page} of {Memory.PageCount} was reported and not written.");
        }
    }

    internal void DisposeTracer()
    {
        _tracerDisposed = true;
        Tracer.Dispose();
    }

    public void Dispose()
    {
        if (!_tracerDisposed)
        {
            Tracer.Dispose();
        }

        Memory.Dispose();
        Dirty.Dispose();
    }

    private bool NearWritten(long page, IReadOnlySet<long> written)
    {
        long first = page - (page % _granularity);
        for (long near = first; near < first + _granularity; near++)
        {
            if (written.Contains(near))
            {
                return true;
            }
        }

        return false;
    }
}
