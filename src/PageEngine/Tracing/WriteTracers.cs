using PageEngine.Memory;

namespace PageEngine.Tracing;

// Owns: the choice of a tracer. It falls back only where no write can be lost, and always says what it took and why.

/// <summary>Finds out which tracers are to be had here, and makes one. Safe from any thread.</summary>
public static class WriteTracers
{
    private const string ExplicitWorks = "needs nothing from the kernel; the guest must mark every write";

    /// <summary>Finds out which kinds of tracing are to be had here.</summary>
    /// <param name="memory">The memory to be traced, which is put under tracing for a moment (do not ask while a tracer
    /// is in use on it); null: whether this host and user can trace at all.</param>
    public static IReadOnlyList<WriteTracerAvailability> Probe(GuestMemory? memory = null) =>
    [
        ProbeKernel(memory),
        new WriteTracerAvailability(WriteTracerKind.Explicit, true, ExplicitWorks),
    ];

    /// <summary>Makes a tracer.</summary>
    /// <param name="kind">Which one. <see cref="WriteTracerKind.Auto"/> takes the kernel's where it is to be had, and the
    /// explicit one otherwise, but only for a guest that marks its writes.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="guestMarksWrites">Whether every path that writes this guest's memory marks its writes when it is given
    /// an <see cref="ExplicitWriteTracer"/>. A guest that does not would lose them without a word.</param>
    /// <exception cref="MigrationException">No such tracer is to be had (<see cref="MigrationErrorKind.TracingFailed"/>);
    /// the message says why and what to do.</exception>
    public static WriteTracerChoice Create(WriteTracerKind kind, GuestMemory memory, bool guestMarksWrites) =>
        Create(kind, memory, guestMarksWrites, KernelWriteTracer.Create);

    /// <summary>As the public one, with the kernel's part replaceable.</summary>
    internal static WriteTracerChoice Create(
        WriteTracerKind kind, GuestMemory memory, bool guestMarksWrites, Func<GuestMemory, IWriteTracer> createKernel)
    {
        ArgumentNullException.ThrowIfNull(memory);
        switch (kind)
        {
            case WriteTracerKind.Kernel:
                return new WriteTracerChoice(createKernel(memory), kind, "Kernel tracing was asked for.");
            case WriteTracerKind.Explicit when guestMarksWrites:
                return new WriteTracerChoice(new ExplicitWriteTracer(memory), kind, "Explicit tracing was asked for.");
            case WriteTracerKind.Explicit:
                throw new MigrationException(
                    MigrationErrorKind.TracingFailed,
                    "Explicit tracing was asked for, but this guest does not mark its writes: they would be lost. Use kernel tracing.");
            case WriteTracerKind.Auto:
                try
                {
                    return new WriteTracerChoice(createKernel(memory), WriteTracerKind.Kernel, "The kernel can trace writes here.");
                }
                catch (MigrationException e) when (e.Kind == MigrationErrorKind.TracingFailed && guestMarksWrites)
                {
                    return new WriteTracerChoice(
                        new ExplicitWriteTracer(memory),
                        WriteTracerKind.Explicit,
                        $"The guest marks its own writes, so nothing is lost without the kernel. {e.Message}");
                }

            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of tracing.");
        }
    }

    private static WriteTracerAvailability ProbeKernel(GuestMemory? memory)
    {
        GuestMemory? own = memory is null ? GuestMemory.Allocate(MemoryLayout.PageBytes) : null;
        try
        {
            using KernelWriteTracer tracer = KernelWriteTracer.Create(memory ?? own!);
            string way = tracer.Access switch
            {
                UserfaultAccess.SystemCall => "by the system call",
                UserfaultAccess.Device => "by /dev/userfaultfd",
                _ => "as an ordinary user",
            };
            return new WriteTracerAvailability(WriteTracerKind.Kernel, true, $"userfaultfd {way}, PAGEMAP_SCAN; a trial write was reported");
        }
        catch (MigrationException e) when (e.Kind == MigrationErrorKind.TracingFailed)
        {
            return new WriteTracerAvailability(WriteTracerKind.Kernel, false, e.Message);
        }
        finally
        {
            own?.Dispose();
        }
    }
}
