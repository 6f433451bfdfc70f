using System.Runtime.InteropServices;
using PageEngine.Bitmaps;
using PageEngine.Interop;

namespace PageEngine.Memory;

// Owns: taking all pages of a memory from the kernel ahead of time, zeroed and mapped, so that nobody waits for them
// later: the first touch of a page costs several times what it costs to fill it.

/// <summary>What is known of a memory whose pages were all taken.</summary>
/// <param name="notZero">The pages that may hold something; whoever takes this object owns them.</param>
internal sealed unsafe class MemoryPopulation(DirtyBitmap notZero) : IDisposable
{
    // A piece is done before a stop or an error is seen; the kernel works on it without coming back.
    private const long PieceBytes = 32 << 20;

    /// <summary>Gets the pages that may have held something before: all others are zero, unless somebody wrote them since.</summary>
    internal DirtyBitmap NotZero => notZero;

    public void Dispose() => notZero.Dispose();

    /// <summary>Takes every page.</summary>
    /// <returns>What is known now. Null where the kernel cannot do
    /// this (before Linux 5.14): nothing was taken then.</returns>
    /// <exception cref="MigrationException">There is not enough memory.</exception>
    internal static MemoryPopulation? Populate(GuestMemory memory, CancellationToken cancellationToken)
    {
        var before = new DirtyBitmap(memory.PageCount);
        try
        {
            MemoryResidency.MarkPresent(memory, before);

            // The kernel gives what it does not have, and then ends whichever process has most.
            long missing = (memory.PageCount - before.Count()) * MemoryLayout.PageBytes;
            if (SystemMemory.AvailableBytes() is { } available && available < missing)
            {
                throw MemoryFailure.Populate(missing, Libc.ENOMEM, available);
            }

            bool supported = true;
            foreach (GuestMemoryRegion region in memory.Regions)
            {
                using GuestMemoryHold hold = region.HoldForIo();
                nint start = (nint)region.Pointer;
                long bytes = region.Bytes;
                int failed = 0;
                Parallel.For(0, (bytes + PieceBytes - 1) / PieceBytes, new ParallelOptions { CancellationToken = cancellationToken }, (piece, all) =>
                {
                    int errno = Populate(start + (nint)(piece * PieceBytes), (nuint)Math.Min(PieceBytes, bytes - (piece * PieceBytes)));
                    if (errno != 0)
                    {
                        Volatile.Write(ref failed, errno);
                        all.Stop();
                    }
                });
                if (failed is not (0 or Libc.EINVAL))
                {
                    throw MemoryFailure.Populate(bytes, failed, SystemMemory.AvailableBytes());
                }

                supported &= failed == 0;
            }

            if (supported)
            {
                return new MemoryPopulation(before);
            }

            before.Dispose();
            return null;
        }
        catch
        {
            before.Dispose();
            throw;
        }
    }

    private static int Populate(nint start, nuint bytes)
    {
        while (Libc.madvise(start, bytes, Libc.MADV_POPULATE_WRITE) != 0)
        {
            int errno = Marshal.GetLastPInvokeError();
            if (errno is not (Libc.EINTR or Libc.EAGAIN))
            {
                return errno;
            }
        }

        return 0;
    }
}
