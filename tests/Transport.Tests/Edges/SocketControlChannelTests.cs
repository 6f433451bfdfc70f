using PageEngine.Transport.Tests.Streams;

namespace PageEngine.Transport.Tests.Edges;

public sealed class SocketControlChannelTests : ControlChannelTests
{
    private protected override Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync() => Connections.TcpAsync();
}
