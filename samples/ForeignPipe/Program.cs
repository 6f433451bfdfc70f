// A migration over somebody else's connection: here two in-memory pipes, in practice a Kestrel connection, a tunnel or a
// multiplexed stream. All the engine needs is one duplex pipe for control frames and one for each page stream.

using System.IO.Pipelines;
using System.Threading.Channels;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

var wire = new InMemoryWire();
var destination = new MigrationDestination(offer => VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout));
Task<DestinationResult> receiving = destination.ReceiveAsync(wire);

using GuestMemory memory = GuestMemory.Allocate(32 << 20);
using var guest = new VerifiableGuest(Guid.NewGuid(), memory, new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("uniform@5MiB/s")] });
guest.FillMemory();
await guest.ResumeAsync(epoch: 1, CancellationToken.None);
using IWriteTracer tracer = WriteTracers.Create(WriteTracerKind.Auto, memory, guestMarksWrites: true).Tracer;
guest.AttachTracer(tracer);

MigrationReport report = await new MigrationSource(guest, tracer, new MigrationSourceOptions { Streams = 2, Verify = true }).MigrateAsync(wire);
DestinationResult result = await receiving;
if (report.Outcome != MigrationOutcome.Completed || result.Guest is not VerifiableGuest moved)
{
    Console.Error.WriteLine($"Failed: {report.Failure?.Message}");
    return 1;
}

await moved.PauseAsync(CancellationToken.None);
bool proven = report.Memory!.Identical && moved.Verify().IsConsistent;
Console.WriteLine(
    $"{report.WireBytes >> 20} MiB over {wire.Connections} pipes in {report.Rounds.Count} rounds, " +
    $"blackout {report.Switchover!.Actual.TotalMilliseconds:0.0} ms, memory and guest {(proven ? "proven equal" : "DIFFER")}");
moved.Dispose();
moved.Memory.Dispose();
return proven ? 0 : 1;

/// <summary>Both ends of a network that is two pipes for each connection.</summary>
internal sealed class InMemoryWire : IMigrationConnector, IMigrationAcceptor
{
    private readonly Channel<MigrationConnection> _incoming = Channel.CreateUnbounded<MigrationConnection>();
    private int _connections;

    public int Connections => _connections;

    public string Description => "in-memory pipes";

    public string? DataEndPoint => null;

    public ValueTask<MigrationConnection> ConnectAsync(ConnectionPurpose purpose, string? dataEndPoint, CancellationToken cancellationToken)
    {
        int number = Interlocked.Increment(ref _connections);
        var toDestination = new Pipe();
        var toSource = new Pipe();
        _incoming.Writer.TryWrite(MigrationConnection.FromPipe(new Duplex(toDestination.Reader, toSource.Writer), $"source, pipe {number}"));
        return ValueTask.FromResult(MigrationConnection.FromPipe(new Duplex(toSource.Reader, toDestination.Writer), $"destination, pipe {number} ({purpose})"));
    }

    public ValueTask<MigrationConnection> AcceptAsync(CancellationToken cancellationToken) => _incoming.Reader.ReadAsync(cancellationToken);

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
