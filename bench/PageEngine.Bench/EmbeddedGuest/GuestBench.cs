using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using PageEngine.EmbeddedGuest;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.Verification;
using PageEngine.EmbeddedGuest.Workloads;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Bench.EmbeddedGuest;

// Owns: what an operation of the embedded guest costs on one thread, and what replaying one costs. A replay must be
// several times faster than the run, or nobody would verify a long one.
// In process and few iterations: guests of half a GiB are made once, and the cost is in the memory, not in start-up.

/// <summary>Run and replay, by workload.</summary>
[MemoryDiagnoser]
[Config(typeof(Config))]
public class GuestBench : IDisposable
{
    private const int Operations = 1_000_000;
    private const long Bytes = 512 << 20;

    private VerifiableGuest? _guest;
    private ExplicitWriteTracer? _tracer;
    private GuestMemoryMap? _map;
    private OperationStream? _stream;

    /// <summary>Gets or sets the workload.</summary>
    [Params("idle", "hot:16MiB@max", "uniform@max", "zipf:0.99@max", "seq@max")]
    public string Workload { get; set; } = "idle";

    /// <summary>Makes the guest.</summary>
    [GlobalSetup]
    public void Setup()
    {
        VerifiableGuestOptions options = new() { VirtualCpus = 1, Workloads = [WorkloadSpec.Parse(Workload)] };
        _guest = new VerifiableGuest(Guid.NewGuid(), GuestMemory.Allocate(Bytes), options);
        _guest.FillMemory();
        _map = _guest.Map;
        _stream = _guest.Streams[0];
        _tracer = new ExplicitWriteTracer(_guest.Memory);
        _tracer.Start();
    }

    /// <summary>Operations, nobody tracing.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Operations)]
    public void Run() => _guest!.Step(0, Operations);

    /// <summary>Operations that mark the pages they write.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public void RunTraced()
    {
        _guest!.AttachTracer(_tracer);
        _guest.Step(0, Operations);
        _guest.AttachTracer(null);
    }

    /// <summary>The replay of the same number of operations.</summary>
    [Benchmark(OperationsPerInvoke = Operations)]
    public object ReplayThem() => Replay.Run(_stream!, _map!, 0, Operations, CancellationToken.None);

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        _guest?.Dispose();
        _tracer?.Dispose();
        GC.SuppressFinalize(this);
    }

    private sealed class Config : ManualConfig
    {
        public Config() => AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(2).WithIterationCount(5));
    }
}

/// <summary>First content of the memory, and a full check of it.</summary>
[MemoryDiagnoser]
public class GuestMemoryBench : IDisposable
{
    private const int Pages = 16_384;

    private readonly PageFill _fill = new(1, 100);
    private GuestMemory? _memory;

    /// <summary>Makes memory whose pages are present.</summary>
    [GlobalSetup]
    public void Setup()
    {
        _memory = GuestMemory.Allocate(Pages * (long)MemoryLayout.PageBytes);
        FillPages();
    }

    /// <summary>Fills pages with incompressible bytes, on one thread.</summary>
    [Benchmark(OperationsPerInvoke = Pages)]
    public unsafe void FillPages()
    {
        for (long page = 0; page < Pages; page++)
        {
            _fill.Write((ulong*)_memory!.PagePointer(page), page);
        }
    }

    /// <inheritdoc/>
    [GlobalCleanup]
    public void Dispose()
    {
        _memory?.Dispose();
        GC.SuppressFinalize(this);
    }
}
