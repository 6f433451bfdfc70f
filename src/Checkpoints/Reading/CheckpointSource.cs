using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Interop;
using PageEngine.Interop;
using PageEngine.Streaming;

namespace PageEngine.Checkpoints.Reading;

// Owns: where a checkpoint's bytes come from: a file, anywhere in it and from many threads, or a stream, in order and once.

internal abstract class CheckpointSource : IDisposable
{
    /// <summary>Gets the length in bytes; null: it is known when the end comes.</summary>
    internal abstract long? Length { get; }

    /// <summary>Gets the file's name without its directory; empty for a stream.</summary>
    internal abstract string FileName { get; }

    /// <summary>Gets whether bytes can be read anywhere and by several threads.</summary>
    internal bool CanSeek => Length is not null;

    /// <summary>Reads exactly as many bytes as the span has.</summary>
    /// <param name="offset">Where they begin.</param>
    /// <param name="target">Receives them.</param>
    /// <param name="section">Whose bytes they are, for the error.</param>
    /// <exception cref="MigrationException">It ends before that, or cannot be read.</exception>
    internal void Read(long offset, Span<byte> target, SectionName? section)
    {
        int read = ReadSome(offset, target);
        if (read < target.Length)
        {
            throw Damage.CutOff(section, offset + read, target.Length - read);
        }
    }

    /// <summary>Reads as many bytes as there are, up to the span's length.</summary>
    internal abstract int ReadSome(long offset, Span<byte> target);

    /// <summary>Reads exactly into several places. The pieces are changed by the call.</summary>
    internal virtual unsafe void Read(long offset, Span<IoVector> pieces, SectionName section)
    {
        foreach (IoVector piece in pieces)
        {
            Read(offset, new Span<byte>(piece.Start, (int)piece.Bytes), section); // SAFETY: the caller keeps it mapped.
            offset += (long)piece.Bytes;
        }
    }

    public abstract void Dispose();

    private protected static MigrationException Failed(string what, string why, Exception? inner = null) =>
        new(MigrationErrorKind.StorageFailed, $"The checkpoint {what} cannot be read: {why.TrimEnd('.')}. Check the name, the rights and the storage.", inner);
}

/// <summary>A file.</summary>
internal sealed class FileSource : CheckpointSource
{
    private readonly string _path;
    private readonly SafeFileHandle _file;
    private readonly long _length;

    internal FileSource(string path)
    {
        _path = path;
        try
        {
            _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            _length = RandomAccess.GetLength(_file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            _file?.Dispose();
            throw Failed($"'{path}'", e.Message, e);
        }
    }

    internal override long? Length => _length;

    internal override string FileName => Path.GetFileName(_path);

    internal SafeFileHandle Handle => _file;

    internal override int ReadSome(long offset, Span<byte> target)
    {
        int done = 0;
        try
        {
            while (done < target.Length)
            {
                int read = RandomAccess.Read(_file, target[done..], offset + done);
                if (read == 0)
                {
                    break;
                }

                done += read;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed($"'{_path}'", $"{e.Message} (offset {offset + done})", e);
        }

        return done;
    }

    internal override unsafe void Read(long offset, Span<IoVector> pieces, SectionName section)
    {
        fixed (IoVector* first = pieces)
        {
            IoVector* next = first;
            IoVector* end = first + pieces.Length;
            while (next < end)
            {
                // SAFETY: the pieces lie between next and end; the caller keeps what they point at mapped.
                nint read = FileCalls.preadv(_file, next, (int)Math.Min(IoVector.MaxPerCall, end - next), offset);
                if (read <= 0)
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (read < 0 && error == FileSystemCalls.EINTR)
                    {
                        continue;
                    }

                    throw read == 0 ? Damage.CutOff(section, offset, 0) : Failed($"'{_path}'", $"{Marshal.GetPInvokeErrorMessage(error)} (offset {offset})");
                }

                offset += read;
                for (; next < end && (nuint)read >= next->Bytes; next++)
                {
                    read -= (nint)next->Bytes;
                }

                if (next < end)
                {
                    next->Start += read;
                    next->Bytes -= (nuint)read;
                }
            }
        }
    }

    public override void Dispose() => _file.Dispose();
}

/// <summary>A stream, which the caller disposes.</summary>
internal sealed class StreamSource(Stream stream) : CheckpointSource
{
    private long _position;

    internal override long? Length => null;

    internal override string FileName => "";

    internal override int ReadSome(long offset, Span<byte> target)
    {
        if (offset != _position)
        {
            throw new InvalidOperationException($"A stream is read in order: {offset} was asked for at {_position}.");
        }

        try
        {
            int read = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
            _position += read;
            return read;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw Failed("stream", $"{e.Message} (offset {_position})", e);
        }
    }

    public override void Dispose()
    {
        // The caller's.
    }
}
