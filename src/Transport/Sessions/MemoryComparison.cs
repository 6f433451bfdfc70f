using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Reporting;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: verification at the source: the frozen memory against the hashes that the destination kept of each page as it
// was applied. Runs after the switchover and costs the guest nothing.

/// <summary>Takes the destination's hashes in page order and compares them.</summary>
internal sealed class MemoryComparison : IDisposable
{
    private readonly Lock _gate = new();
    private readonly GuestMemory _memory;
    private readonly DirtyBitmap _present;
    private readonly TaskCompletionSource<MemoryVerification> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _next;
    private bool _disposed;
    private long _different;
    private long _firstDifferent = -1;

    /// <param name="memory">The source's memory; nothing writes it any more.</param>
    internal MemoryComparison(GuestMemory memory)
    {
        _memory = memory;
        _present = new DirtyBitmap(memory.PageCount);

        // A hole is zero and must not be read: reading an empty memory file would allocate it.
        MemoryResidency.MarkPresent(memory, _present);
    }

    internal Task<MemoryVerification> Completion => _done.Task;

    /// <summary>Compares one frame's pages.</summary>
    /// <exception cref="MigrationException">The pages are out of order.</exception>
    internal void Take(ReadOnlyMemory<byte> payload)
    {
        lock (_gate)
        {
            if (!_disposed)
            {
                Compare(payload);
            }
        }
    }

    /// <summary>Gets the page that is due next: it grows while the destination sends.</summary>
    internal long NextPage => Volatile.Read(ref _next);

    // Nobody waits any more after this, but a frame may just be compared: the bitmap must not be freed under it.
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _present.Dispose();
        }
    }

    private unsafe void Compare(ReadOnlyMemory<byte> payload)
    {
        long first = HashesMessage.Read(payload.Span, _memory.PageCount, out int count, out ReadOnlySpan<byte> hashes);
        if (first != _next || count == 0)
        {
            throw ControlFrameCodec.Violation($"hashes from page {first} came where page {_next} was due");
        }

        for (int i = 0; i < count; i++)
        {
            long page = first + i;

            // SAFETY: page is below PageCount (HashesMessage.Read), and the memory outlives this object.
            ulong own = _present.IsSet(page) ? PageHash.Of(_memory.PagePointer(page)) : PageHash.ZeroPageHash;
            if (own != HashesMessage.At(hashes, i))
            {
                _different++;
                _firstDifferent = _firstDifferent < 0 ? page : _firstDifferent;
            }
        }

        _next = first + count;
        if (_next == _memory.PageCount)
        {
            _done.TrySetResult(new MemoryVerification(_next, _different, _firstDifferent));
        }
    }
}
