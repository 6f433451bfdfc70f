using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Guests;

// Owns: the pipe through which QEMU's device state comes here, or goes there. One end is QEMU's. Each transfer has a thread
// of its own: pipes block, and the thread pool is not to wait for QEMU.

internal sealed unsafe class StatePipe : IDisposable
{
    /// <summary>Room in the pipe, so that QEMU need not wait for a reader; a wish.</summary>
    private const int PipeBytes = 1 << 20;

    private readonly SafeFileHandle _read;
    private readonly SafeFileHandle _write;

    private StatePipe(SafeFileHandle read, SafeFileHandle write)
    {
        _read = read;
        _write = write;
    }

    /// <summary>Gets the end that bytes come out of.</summary>
    internal SafeFileHandle ReadEnd => _read;

    /// <summary>Gets the end that bytes go into.</summary>
    internal SafeFileHandle WriteEnd => _write;

    /// <summary>Makes a pipe.</summary>
    /// <exception cref="MigrationException">Too many files are open.</exception>
    internal static StatePipe Create()
    {
        int* ends = stackalloc int[2];

        // SAFETY: room for the two numbers that the kernel writes.
        if (Libc.pipe2(ends, Libc.O_CLOEXEC) != 0)
        {
            throw new MigrationException(
                MigrationErrorKind.GuestFailed, $"A pipe for the device state cannot be made: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}. Raise the limit on open files (ulimit -n).");
        }

        var pipe = new StatePipe(new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
        _ = Libc.fcntl(pipe._write, Libc.F_SETPIPE_SZ, PipeBytes);
        return pipe;
    }

    /// <summary>Reads until the other side closes its end. Close the own write end first.</summary>
    /// <param name="buffer">Where the bytes go as far as they fit; what is returned may lie in it.</param>
    /// <param name="maxBytes">More is an error.</param>
    /// <returns>What came; fails with <see cref="MigrationException"/>.</returns>
    internal Task<ReadOnlyMemory<byte>> ReadToEndAsync(byte[] buffer, int maxBytes) => OnThread("pageengine-state-out", () => ReadToEnd(buffer, maxBytes));

    /// <summary>Writes everything, then closes the write end. Close the own read end first.</summary>
    /// <returns>Fails with <see cref="MigrationException"/> when the other side stopped reading.</returns>
    internal Task WriteAsync(ReadOnlyMemory<byte> bytes) => OnThread("pageengine-state-in", () =>
    {
        Write(bytes.Span);
        return 0;
    });

    public void Dispose()
    {
        _read.Dispose();
        _write.Dispose();
    }

    private static Task<T> OnThread<T>(string name, Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        { Name = name, IsBackground = true }.Start();
        return done.Task;
    }

    private ReadOnlyMemory<byte> ReadToEnd(byte[] buffer, int maxBytes)
    {
        byte[] bytes = buffer;
        int length = 0;
        while (true)
        {
            if (length == bytes.Length)
            {
                if (length >= maxBytes)
                {
                    throw new MigrationException(
                        MigrationErrorKind.GuestFailed, $"QEMU saved more than {maxBytes} bytes of device state. Memory that is not shared travels in it: give every memory backend share=on.");
                }

                Array.Resize(ref bytes, (int)Math.Min((long)bytes.Length * 2, maxBytes));
            }

            fixed (byte* room = &bytes[length])
            {
                // SAFETY: the array is pinned from `length` on for what the call may write.
                nint read = Libc.read(_read, room, (nuint)(bytes.Length - length));
                if (read == 0)
                {
                    return bytes.AsMemory(0, length);
                }

                length += read > 0 ? (int)read : RetryOrThrow("read from");
            }
        }
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            fixed (byte* first = bytes)
            {
                // SAFETY: the bytes are pinned for the call.
                nint written = Libc.write(_write, first, (nuint)bytes.Length);
                bytes = bytes[(written >= 0 ? (int)written : RetryOrThrow("given to"))..];
            }
        }

        _write.Dispose();
    }

    private static int RetryOrThrow(string verb)
    {
        int errno = Marshal.GetLastPInvokeError();
        return errno == Libc.EINTR
            ? 0
            : throw new MigrationException(MigrationErrorKind.GuestFailed, $"The device state could not be {verb} QEMU: {Marshal.GetPInvokeErrorMessage(errno)}.");
    }
}
