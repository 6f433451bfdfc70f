using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Tracing;

namespace PageEngine.Simulation.Conformance;

// Owns: what the guest suite must be told about a guest, and how hard it tries.

/// <summary>Settings of <see cref="GuestConformance"/>.</summary>
public sealed record GuestConformanceOptions
{
    /// <summary>Gets how a guest's writes are traced: makes the tracer, not started, and tells the guest of it where the
    /// guest marks its own writes. Null: the kernel's tracer; where there is none, what needs one is skipped. The suite
    /// disposes it when the guest was powered off.</summary>
    public Func<IGuest, IWriteTracer>? Trace { get; init; }

    /// <summary>Gets the guest's own proof: called while it is paused, it returns what is wrong, or null. Null: the suite
    /// only compares bytes.</summary>
    public Func<IGuest, string?>? Inspect { get; init; }

    /// <summary>Gets how two saved states are compared: returns what differs, or null. Null: section by section and byte by
    /// byte, but for bytes that differ between two saves of a guest that stands still (a clock) and the seven on either
    /// side of them.</summary>
    public Func<DeviceState, DeviceState, string?>? CompareStates { get; init; }

    /// <summary>Gets whether a running guest changes its memory by itself. Default true: an idle guest proves little. False
    /// skips what needs it.</summary>
    public bool WritesByItself { get; init; } = true;

    /// <summary>Gets how long memory is watched for standing still after each pause. Default 20 ms.</summary>
    public TimeSpan StillFor { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Gets how long a guest that was let run may take until its memory changes. Default 10 s.</summary>
    public TimeSpan ProgressWithin { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Gets how often the guest is paused and resumed. Default 25.</summary>
    public int Cycles { get; init; } = 25;

    /// <summary>Gets the seed of what is random. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Gets how long a check may take before it counts as hanging. Default 60 s.</summary>
    public TimeSpan CheckLimit { get; init; } = TimeSpan.FromSeconds(60);
}
