// A small computer that moves while its program runs: registers are device state, ROM and RAM are two regions of guest
// memory with a hole between them. The destination's processor is faster, and the program ends there with the right sum.

using System.Net;
using System.Runtime.InteropServices;
using PageEngine;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

const int Loops = 4_000_000;
string directory = Directory.CreateTempSubdirectory().FullName; // between two hosts: on storage that both reach
using FileOwnershipStore here = FileOwnershipStore.Open(directory), there = FileOwnershipStore.Open(directory);
using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
var destination = new MigrationDestination(
    offer => offer.Description.Kind == Machine.Kind
        ? new Machine(offer.GuestId, offer.Layout, breakMilliseconds: 0)
        : throw new MigrationException(MigrationErrorKind.Refused, $"This host runs no '{offer.Description.Kind}'."),
    new MigrationDestinationOptions { OwnershipStore = there });
Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);

var layout = new MemoryLayout([new(new(0), Machine.RomPages), new(new(Machine.Ram), Machine.RamBytes / MemoryLayout.PageBytes)]);
using var machine = new Machine(Guid.NewGuid(), layout, breakMilliseconds: 1);
machine.LoadProgram(Loops);
GuestOwnership owned = await GuestOwnership.ClaimAsync(here, machine.Id);
await machine.ResumeAsync(owned.Epoch, CancellationToken.None);

WriteTracerChoice tracing = WriteTracers.Create(WriteTracerKind.Auto, machine.Memory, guestMarksWrites: true);
using IWriteTracer tracer = tracing.Tracer;
machine.MarkWritesTo = tracing.MarkWritesTo;
MigrationReport report = await new MigrationSource(machine, tracer, new MigrationSourceOptions { Ownership = owned })
    .MigrateAsync(new TcpConnector(acceptor.LocalEndPoint));
DestinationResult result = await receiving;
Directory.Delete(directory, recursive: true);
if (report.Outcome != MigrationOutcome.Completed || result.Guest is not Machine moved)
{
    Console.Error.WriteLine($"Failed: {report.Failure?.Message}");
    return 1;
}
await moved.Halted.Task;
long atSource = machine.Registers[1], sum = moved.Registers[7];
bool right = sum == (long)Loops * (Loops - 1) / 2 && moved.SumOfRam() == sum && atSource < Loops;
Console.WriteLine(
    $"Moved under epoch {result.Ownership!.Epoch} after {atSource} of {Loops} loops; blackout " +
    $"{report.Switchover!.Actual.TotalMilliseconds:0.0} ms; the sum is {sum}, {(right ? "as it must be" : "WHICH IS WRONG")}.");
moved.Dispose();
return right ? 0 : 1;

/// <summary>Registers 1 to 7 and the program counter, register 0. Instructions of eight bytes: code, three registers, number.</summary>
internal sealed class Machine : IGuest, IDisposable
{
    public const string Kind = "counter-machine";
    public const ulong Ram = 0x4000_0000;
    public const int RomPages = 16, RamBytes = 16 << 20;
    private readonly Lock _processor = new(); // held while instructions execute
    private readonly ManualResetEventSlim _mayRun = new();
    private readonly Thread _thread;
    private volatile bool _ended;

    public Machine(Guid id, MemoryLayout layout, int breakMilliseconds)
    {
        Id = id;
        Memory = new GuestMemory(layout.Regions.Select(r => GuestMemoryRegion.Anonymous(r.BaseAddress, r.PageCount * MemoryLayout.PageBytes)));
        _thread = new Thread(() => Run(breakMilliseconds)) { IsBackground = true };
        _thread.Start(); // parked until the first resume: a blackout is no time to start threads
    }

    public Guid Id { get; }
    public GuestMemory Memory { get; }
    public ExplicitWriteTracer? MarkWritesTo { get; set; }
    public long[] Registers { get; } = new long[8];
    public TaskCompletionSource Halted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    public GuestDescription Describe() => new(Kind, ReadOnlyMemory<byte>.Empty);

    public ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        _mayRun.Reset();
        lock (_processor) { return default; } // the slice under way has ended
    }

    public ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        writer.Add("cpu", 0, 1, MemoryMarshal.AsBytes(Registers.AsSpan()));
        return default;
    }

    public ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> saved = state.Require("cpu", 0, 1).Payload;
        if (saved.Length != 64) { throw new MigrationException(MigrationErrorKind.DataDamaged, $"A processor is 64 bytes, not {saved.Length}."); }
        saved.Span.CopyTo(MemoryMarshal.AsBytes(Registers.AsSpan()));
        return default;
    }

    public ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken) { _mayRun.Set(); return default; }
    public ValueTask PowerOffAsync(CancellationToken cancellationToken) { _ended = true; _mayRun.Set(); _thread.Join(); return default; }
    public void Dispose() { PowerOffAsync(CancellationToken.None).AsTask().Wait(); Memory.Dispose(); }

    /// <summary>Adds up the numbers below a limit, in register 7 and, spread over its cells, in RAM.</summary>
    public void LoadProgram(int limit)
    {
        (uint Code, uint A, uint B, uint C, int Number)[] program =
        [
            (1, 2, 4, 0, limit), (1, 6, 4, 0, (int)Ram + RamBytes), (1, 3, 4, 0, (int)Ram), // 2: limit, 6: end, 3: cell
            (3, 5, 3, 0, 0), (2, 5, 5, 1, 0), (4, 5, 3, 0, 0), (2, 7, 7, 1, 0), // cell += counter; sum += counter
            (1, 3, 3, 0, 8), (5, 3, 6, 0, 10), (1, 3, 3, 0, -RamBytes), // the next cell; after the last one, the first
            (1, 1, 1, 0, 1), (5, 1, 2, 0, 3), (0, 0, 0, 0, 0), // counter += 1; again while it is below the limit; halt
        ];
        ulong at = 0;
        foreach (var (code, a, b, c, number) in program) { Cell(at++ * 8, out _) = (long)number << 32 | code | a << 8 | b << 16 | c << 24; }
    }

    public long SumOfRam() => Enumerable.Range(0, RamBytes / 8).Sum(i => Cell(Ram + ((ulong)i * 8), out _));

    private ref long Cell(ulong address, out long page)
    {
        (int region, ulong offset) = address < Ram ? (0, address) : (1, address - Ram);
        page = Memory.FirstPageOf(region) + (long)(offset / MemoryLayout.PageBytes);
        return ref MemoryMarshal.AsRef<long>(Memory.Page(page)[(int)(offset % MemoryLayout.PageBytes)..]);
    }

    private void Run(int breakMilliseconds)
    {
        while (!_ended)
        {
            _mayRun.Wait();
            lock (_processor) { for (int i = 0; i < 4500 && _mayRun.IsSet && !_ended && !Halted.Task.IsCompleted; i++) { Step(); } }
            Thread.Sleep(breakMilliseconds);
        }
    }

    private void Step()
    {
        long word = Cell((ulong)Registers[0]++ * 8, out _), number = word >> 32, page;
        ref long a = ref Registers[word >> 8 & 7], b = ref Registers[word >> 16 & 7], c = ref Registers[word >> 24 & 7];
        switch (word & 0xFF)
        {
            case 1: a = b + number; break;
            case 2: a = b + c; break;
            case 3: a = Cell((ulong)b, out _); break;
            case 4: Cell((ulong)b, out page) = a; MarkWritesTo?.MarkDirty(page); break; // no pause between the two: the lock
            case 5: Registers[0] = a < b ? number : Registers[0]; break;
            default: Halted.TrySetResult(); break;
        }
    }
}
