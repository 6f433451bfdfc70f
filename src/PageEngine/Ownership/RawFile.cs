using Microsoft.Win32.SafeHandles;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: reads and writes of small files through plain descriptors. The framework's own streams take an flock on
// everything they open: beside a file whose lock means something, they would keep out the owner or be kept out by it.

internal static unsafe class RawFile
{
    /// <summary>Reads from the start until the buffer is full or the file ends.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer, string path)
    {
        int total = 0;

        // SAFETY: the span is pinned for the calls, and no call may write beyond what is left of it.
        fixed (byte* bytes = buffer)
        {
            while (total < buffer.Length)
            {
                nint read = FileSystemCalls.pread(file, bytes + total, (nuint)(buffer.Length - total), total);
                if (read < 0)
                {
                    throw FileCallException.FromLastCall("read", path);
                }

                if (read == 0)
                {
                    break;
                }

                total += (int)read;
            }
        }

        return total;
    }

    /// <summary>Reads a file by name, at most so many bytes.</summary>
    public static byte[] Read(string path, int maxBytes)
    {
        using SafeFileHandle file = FileSystemCalls.open(path, FileSystemCalls.O_RDONLY | FileSystemCalls.O_CLOEXEC, 0);
        if (file.IsInvalid)
        {
            throw FileCallException.FromLastCall("open", path);
        }

        byte[] content = new byte[maxBytes];
        return content[..Read(file, content, path)];
    }

    /// <summary>Writes all of it; not yet durable.</summary>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> content, long offset, string path)
    {
        // SAFETY: the span is pinned for the call, and no more than its length is read.
        fixed (byte* bytes = content)
        {
            nint written = FileSystemCalls.pwrite(file, bytes, (nuint)content.Length, offset);
            if (written != content.Length)
            {
                // These files are a few blocks at most: a short write means that the disk is full.
                throw written < 0
                    ? FileCallException.FromLastCall("write", path)
                    : new FileCallException("write", path, FileSystemCalls.ENOSPC);
            }
        }
    }
}
