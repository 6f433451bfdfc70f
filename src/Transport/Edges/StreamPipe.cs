using System.IO.Pipelines;

namespace PageEngine.Transport.Edges;

// Owns: how a Stream is read and written as a duplex pipe: in pieces large enough that a call costs little beside its bytes.

internal sealed class StreamPipe(Stream stream) : IDuplexPipe
{
    private const int BufferBytes = 256 * 1024;

    public PipeReader Input { get; } =
        PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: BufferBytes, minimumReadSize: BufferBytes / 4, leaveOpen: true));

    public PipeWriter Output { get; } =
        PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: BufferBytes, leaveOpen: true));
}
