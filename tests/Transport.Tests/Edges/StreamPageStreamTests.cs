using PageEngine.Transport.Tests.Streams;

namespace PageEngine.Transport.Tests.Edges;

public sealed class StreamPageStreamTests : PageStreamTests
{
    private protected override Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync() => Connections.StreamsAsync();
}
