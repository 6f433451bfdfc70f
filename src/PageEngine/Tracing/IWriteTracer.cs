using PageEngine.Bitmaps;

namespace PageEngine.Tracing;

// Owns: the seam between whoever sees writes and the rounds.

/// <summary>What a tracer has done since <see cref="IWriteTracer.Start"/>.</summary>
/// <param name="TracesInstalled">Pages armed: once at the start, and again each time a dirty page is re-armed.</param>
/// <param name="TracesFired">Pages reported dirty.</param>
/// <param name="PagesCopied">Pages that the engine read after collecting them; the engine counts these.</param>
public readonly record struct WriteTracerCounters(long TracesInstalled, long TracesFired, long PagesCopied);

/// <summary>
/// Reports which pages of a guest's memory were written. The contract that every migration rests on: a write that
/// happens after <see cref="Start"/> returned is reported by a <see cref="Collect"/> that begins after the write
/// ended, or by an earlier one that overlapped it, and the page's bytes read after that collect contain the write or
/// the page is reported again by a later collect.
/// </summary>
/// <remarks>
/// One thread at a time calls <see cref="Start"/>, <see cref="Collect"/> and <see cref="Stop"/>; writers run
/// concurrently with all three.
/// </remarks>
public interface IWriteTracer : IDisposable
{
    /// <summary>Gets the short name that reports show, such as "kernel" or "explicit".</summary>
    string Name { get; }

    /// <summary>Gets the counters since the start.</summary>
    WriteTracerCounters Counters { get; }

    /// <summary>Arms every page. Writes are reported from the moment this returns.</summary>
    /// <exception cref="MigrationException">Tracing is not available; the message says why and what to do.</exception>
    void Start();

    /// <summary>Marks every page that may have held something other than zeros when <see cref="Start"/> returned. A page
    /// that is not marked was a hole then: round 0 may announce it as zero without reading it, because a write since the
    /// start is reported by <see cref="Collect"/>. Call it after <see cref="Start"/> and before round 0. The default
    /// marks every page.</summary>
    /// <param name="present">Receives the bits; those already set stay set.</param>
    void MarkPresent(DirtyBitmap present)
    {
        ArgumentNullException.ThrowIfNull(present);
        present.SetAll();
    }

    /// <summary>Reads which pages were written since they were last armed and re-arms them, in one step for each page.
    /// After it returns, the bytes of the reported pages may be read.</summary>
    /// <param name="dirty">Receives the written pages; bits already set there stay set.</param>
    /// <returns>How many pages were reported (pages whose bit was already set count too).</returns>
    long Collect(DirtyBitmap dirty);

    /// <summary>Adds to the number of pages read after a collect.</summary>
    /// <param name="pages">How many.</param>
    void AddPagesCopied(long pages);

    /// <summary>Disarms every page and gives writers back their full speed. Harmless when not started.</summary>
    void Stop();
}
