using System.IO.Pipelines;

namespace PageEngine.Transport.Edges;

// Owns: a foreign pipe as the control channel sees it: the same exceptions as over a socket.

internal sealed class PipeControlPipe(PipeConnection connection) : IDuplexPipe
{
    public PipeReader Input { get; } = new PipeControlReader(connection);

    public PipeWriter Output { get; } = new PipeControlWriter(connection);
}
