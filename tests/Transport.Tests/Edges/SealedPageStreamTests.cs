using PageEngine.Transport.Edges;
using PageEngine.Transport.Sealing;
using PageEngine.Transport.Tests.Streams;

namespace PageEngine.Transport.Tests.Edges;

public sealed class SealedPageStreamTests : PageStreamTests
{
    private protected override ReadOnlyMemory<byte> Secret { get; } = PageSeal.NewSecret();

    private protected override Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync() => Connections.TcpAsync();
}

public sealed class RelayedSealedPageStreamTests : PageStreamTests
{
    private protected override ReadOnlyMemory<byte> Secret { get; } = PageSeal.NewSecret();

    private protected override Task<(MigrationConnection Source, MigrationConnection Destination)> ConnectAsync() => Connections.RelayedAsync();
}
