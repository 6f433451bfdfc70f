using System.Diagnostics;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Qemu.Injection;
using PageEngine.Qemu.Ram;
using PageEngine.Tracing;

namespace PageEngine.Qemu.Machine;

// Owns: that QEMU is not touched before a migration really begins: the short-lived process is started ahead, beside the
// handshake, and does its work when the tracer is started.

internal sealed class ForeignWriteTracer : IWriteTracer
{
    private readonly QemuMachine _machine;
    private readonly GuestMemory _memory;
    private readonly IReadOnlyList<RamMapping> _ram;
    private readonly Action<ForeignTracing> _began;
    private Process? _helper;
    private KernelWriteTracer? _tracer;

    internal ForeignWriteTracer(QemuMachine machine, GuestMemory memory, IReadOnlyList<RamMapping> ram, Action<ForeignTracing> began)
    {
        _machine = machine;
        _memory = memory;
        _ram = ram;
        _began = began;
        _helper = InjectionHelper.Prepare(machine.ProcessId);
    }

    public string Name => "kernel";

    public WriteTracerCounters Counters => _tracer?.Counters ?? default;

    public void Start()
    {
        if (_tracer is null)
        {
            using Process helper = Interlocked.Exchange(ref _helper, null)!;
            ForeignTracing tracing = _machine.TraceAsync(_memory, _ram, helper, CancellationToken.None).GetAwaiter().GetResult();
            _tracer = tracing.Tracer;
            _began(tracing);
        }

        _tracer.Start();
    }

    public void MarkPresent(DirtyBitmap present) => Started.MarkPresent(present);

    public long Collect(DirtyBitmap dirty) => Started.Collect(dirty);

    public void AddPagesCopied(long pages) => Started.AddPagesCopied(pages);

    public void Stop() => _tracer?.Stop();

    public void Dispose()
    {
        _tracer?.Dispose();
        if (Interlocked.Exchange(ref _helper, null) is { } helper)
        {
            InjectionHelper.EndAsync(helper).GetAwaiter().GetResult();
            helper.Dispose();
        }
    }

    private KernelWriteTracer Started => _tracer ?? throw new InvalidOperationException("The tracer was not started.");
}
