using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Running;

// Owns: what the guest tells its running virtual CPUs.

internal sealed class GuestControls
{
    private double _throttleFraction;

    /// <summary>Gets or sets where written pages are marked; null: nowhere. Set only while the gate is closed, and read
    /// again by each virtual CPU when it goes inside: no write is left unmarked by a stale reading.</summary>
    internal ExplicitWriteTracer? Tracer { get; set; }

    /// <summary>Gets or sets the share of time that virtual CPUs sleep, 0 to 1; at any time.</summary>
    internal double ThrottleFraction
    {
        get => Volatile.Read(ref _throttleFraction);
        set => Volatile.Write(ref _throttleFraction, value);
    }
}
