using System.Buffers;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using PageEngine.Streaming;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the way unencrypted batches leave. Pages may go by reference: then a page's bytes are read when the network card, or
// on loopback the receiver, takes them, up to the round's barrier. What that demands is in docs/performance.md, "Sending without
// a copy"; whatever does not meet it is gathered, which copies the bytes before the call returns.

/// <summary>Sends batches by reference where that is allowed and gains, and gathered otherwise. One thread.</summary>
internal sealed unsafe class ReferenceSend : IBatchSend
{
    private readonly GatherSend _gather = new();
    private readonly bool? _force;
    private IoVector* _vectors = (IoVector*)NativeMemory.Alloc(IoVector.MaxPerCall, (nuint)sizeof(IoVector));
    private ReferenceProbe _probe;
    private SplicePipe? _pipe;
    private bool _refused;

    /// <param name="force">For tests: whether to use references wherever they are allowed; null: what the probe says.</param>
    internal ReferenceSend(bool? force = null) => _force = force;

    /// <summary>Gets the batches that went by reference.</summary>
    internal long ReferencedBatches { get; private set; }

    /// <inheritdoc/>
    public int Send(SafeSocketHandle socket, in ReadOnlySequence<byte> bytes, bool mayArriveLater)
    {
        ReadOnlySequence<byte> batch = bytes;
        if (!mayArriveLater || _refused || !CanBeReferenced(batch))
        {
            return _gather.Send(socket, batch, mayArriveLater);
        }

        if (_force is { } forced)
        {
            return forced ? SendReferences(socket, batch) : _gather.Send(socket, batch, mayArriveLater);
        }

        bool references = _probe.UseReferences;
        long cpu = ThreadCpu();
        long wall = Stopwatch.GetTimestamp();
        int errno = references ? SendReferences(socket, batch) : _gather.Send(socket, batch, mayArriveLater);
        _probe.Add(batch.Length, Stopwatch.GetTimestamp() - wall, ThreadCpu() - cpu);
        return errno;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gather.Dispose();
        _pipe?.Dispose();
        NativeMemory.Free(_vectors);
        _vectors = null;
    }

    private static bool CanBeReferenced(in ReadOnlySequence<byte> batch)
    {
        int segments = 0;
        foreach (ReadOnlyMemory<byte> _ in batch)
        {
            segments++;
        }

        // The first segment is the head: it is written anew for the next batch, and is always copied.
        return segments is > 1 and <= IoVector.MaxPerCall;
    }

    private int SendReferences(SafeSocketHandle socket, in ReadOnlySequence<byte> batch)
    {
        _pipe ??= SplicePipe.TryOpen();
        if (_pipe is null)
        {
            _refused = true;
            return _gather.Send(socket, batch, mayArriveLater: true);
        }

        int count = 0;
        foreach (ReadOnlyMemory<byte> segment in batch)
        {
            // SAFETY: the segments of a page batch are native memory that the batch's reader holds mapped.
            ReadOnlySpan<byte> span = segment.Span;
            _vectors[count++] = new IoVector
            {
                Start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(span)),
                Bytes = (nuint)span.Length,
            };
        }

        IoVector* rest = _vectors + 1;
        count--;
        int errno = GatherSend.Send(socket, _vectors, 1, Libc.MSG_MORE);
        if (errno == 0)
        {
            errno = _pipe.Send(socket, ref rest, ref count);
        }

        if (errno != 0)
        {
            return errno;
        }

        ReferencedBatches++;
        if (count == 0)
        {
            return 0;
        }

        _refused = true;
        return GatherSend.Send(socket, rest, count);
    }

    private static long ThreadCpu()
    {
        Libc.timespec now;

        // SAFETY: the kernel writes one timespec on this thread's stack.
        return Libc.clock_gettime(Libc.CLOCK_THREAD_CPUTIME_ID, &now) == 0 ? (now.tv_sec * 1_000_000_000) + now.tv_nsec : 0;
    }
}
