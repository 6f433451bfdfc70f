// An in-memory store that migrates itself: one thread keeps writing numbered entries while the store moves over TCP.
// At the new place every entry is there and the next one follows the last.

using System.Buffers.Binary;
using System.Net;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

var ownership = new MemoryOwnershipStore();
using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
var destination = new MigrationDestination(
    offer => new Store(offer.GuestId, offer.Layout.Bytes),
    new MigrationDestinationOptions { OwnershipStore = ownership });
Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);

using var store = new Store(Guid.NewGuid(), 64 << 20);
GuestOwnership owned = await GuestOwnership.ClaimAsync(ownership, store.Id);
await store.ResumeAsync(owned.Epoch, CancellationToken.None);

// The store marks its own writes, so that nothing is lost where the kernel cannot trace them.
WriteTracerChoice tracing = WriteTracers.Create(WriteTracerKind.Auto, store.Memory, guestMarksWrites: true);
using IWriteTracer tracer = tracing.Tracer;
store.MarkWritesTo = tracing.MarkWritesTo;

var source = new MigrationSource(store, tracer, new MigrationSourceOptions
{
    Ownership = owned,
    SwitchoverGoal = TimeSpan.FromMilliseconds(100),
});
MigrationReport report = await source.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint));
DestinationResult result = await receiving;
if (report.Outcome != MigrationOutcome.Completed || result.Guest is not Store moved)
{
    Console.Error.WriteLine($"Failed: {report.Failure?.Message}");
    return 1;
}

long atSwitchover = moved.Written;
await Task.Delay(200);
await moved.PauseAsync(CancellationToken.None);
bool complete = moved.IsComplete();
Console.WriteLine(
    $"Moved {report.MemoryBytes >> 20} MiB in {report.Rounds.Count} rounds; blackout {report.Switchover!.Actual.TotalMilliseconds:0.0} ms; " +
    $"{moved.Written} entries, {moved.Written - atSwitchover} of them written here; {(complete ? "none is missing" : "ENTRIES ARE MISSING")}.");
moved.Dispose();
return complete && moved.Written > atSwitchover ? 0 : 1;

/// <summary>Entry n is the number n, written at slot n modulo the number of slots.</summary>
internal sealed class Store(Guid id, long bytes) : IGuest, IDisposable
{
    private readonly ManualResetEventSlim _parked = new(initialState: true);
    private readonly ManualResetEventSlim _mayRun = new(initialState: false);
    private volatile bool _pauseWanted = true;
    private volatile bool _ended;
    private Thread? _writer;
    private long _written;

    public ExplicitWriteTracer? MarkWritesTo { get; set; }

    public long Written => Volatile.Read(ref _written);

    public Guid Id => id;

    public GuestMemory Memory { get; } = GuestMemory.Allocate(bytes);

    public GuestDescription Describe() => new("store", ReadOnlyMemory<byte>.Empty);

    public ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        _mayRun.Reset();
        _pauseWanted = true;
        _parked.Wait(cancellationToken);
        return ValueTask.CompletedTask;
    }

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        _pauseWanted = false;
        _parked.Reset();
        _mayRun.Set();
        if (_writer is null)
        {
            _writer = new Thread(Write) { IsBackground = true };
            _writer.Start();
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        Span<byte> count = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(count, _written);
        writer.Add("store", 0, 1, count);
        return ValueTask.CompletedTask;
    }

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        _written = BinaryPrimitives.ReadInt64LittleEndian(state.Require("store", 0, 1).Payload.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        _ended = true;
        _mayRun.Set();
        _writer?.Join();
        return ValueTask.CompletedTask;
    }

    public bool IsComplete()
    {
        long slots = Memory.PageCount;
        for (long entry = Math.Max(0, _written - slots); entry < _written; entry++)
        {
            if (BinaryPrimitives.ReadInt64LittleEndian(Memory.Page(entry % slots)) != entry)
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose()
    {
        PowerOffAsync(CancellationToken.None).AsTask().Wait();
        Memory.Dispose();
    }

    private void Write()
    {
        while (!_ended)
        {
            if (_pauseWanted)
            {
                _parked.Set();
                _mayRun.Wait();
                continue;
            }

            long page = _written % Memory.PageCount;
            BinaryPrimitives.WriteInt64LittleEndian(Memory.Page(page), _written);
            MarkWritesTo?.MarkDirty(page); // after the write, before anything that could pause
            Volatile.Write(ref _written, _written + 1);
            Thread.SpinWait(200);
        }

        _parked.Set();
    }
}
