using System.Diagnostics;
using System.Net.Sockets;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: what the link takes, seen from the sending thread: what left the socket's buffer between two sends, by the kernel's
// own count of what the other end has not acknowledged yet.

/// <summary>What the link took in a while.</summary>
/// <param name="Bytes">Bytes that the other end acknowledged.</param>
/// <param name="Nanoseconds">In this time.</param>
/// <param name="WasBusy">Whether there was something to send all the time.</param>
internal readonly record struct LinkSample(long Bytes, double Nanoseconds, bool WasBusy);

/// <summary>Measures one socket's link. One thread; two short system calls a batch.</summary>
internal unsafe struct SocketLinkMeter
{
    // Shorter spans say more about the scheduler than about the link.
    private static readonly long _minTicks = Stopwatch.Frequency / 1000;

    private long _since;
    private long _queuedThen;
    private long _sent;
    private bool _wasBusy;

    /// <summary>Forgets: the link had nothing to do meanwhile.</summary>
    internal void Restart() => _since = 0;

    /// <summary>Looks whether the link still had something to do while the batch was made.</summary>
    internal void BeforeSend(SafeSocketHandle socket)
    {
        if (_since != 0)
        {
            _wasBusy &= Queued(socket) > 0;
        }
    }

    /// <summary>Takes note of a batch that was handed over.</summary>
    /// <returns>Whether there is a sample.</returns>
    internal bool AfterSend(SafeSocketHandle socket, long bytes, out LinkSample sample)
    {
        sample = default;
        long now = Stopwatch.GetTimestamp();
        _sent += bytes;
        if (_since != 0 && now - _since < _minTicks)
        {
            return false;
        }

        long queued = Queued(socket);
        if (_since != 0)
        {
            long left = _sent - (queued - _queuedThen);
            sample = new LinkSample(left, Stopwatch.GetElapsedTime(_since, now).TotalNanoseconds, _wasBusy);
        }

        _since = now;
        _queuedThen = queued;
        _sent = 0;
        _wasBusy = true;
        return sample.Bytes > 0;
    }

    private static long Queued(SafeSocketHandle socket)
    {
        int queued = 0;

        // SAFETY: the kernel writes one int on this thread's stack. A socket that is gone has nothing queued.
        return Libc.ioctl(socket, Libc.SIOCOUTQ, &queued) == 0 ? queued : 0;
    }
}
