using PageEngine.EmbeddedGuest.Interop;

namespace PageEngine.EmbeddedGuest.Running;

// Owns: the guest's view of time and the short sleeps of its virtual CPUs.

internal sealed unsafe class GuestClock(TimeProvider time)
{
    private const string BootIdFile = "/proc/sys/kernel/random/boot_id";

    private readonly double _nanosecondsPerTick = 1e9 / time.TimestampFrequency;

    internal long Frequency { get; } = time.TimestampFrequency;

    /// <summary>Names the boot of this host: timestamps compare between processes that read the same one. Empty where
    /// the kernel does not say.</summary>
    internal Guid BootId { get; } = ReadBootId();

    internal long Now() => time.GetTimestamp();

    internal DateTimeOffset UtcNow() => time.GetUtcNow();

    internal TimeSpan Span(long ticks) => TimeSpan.FromTicks((long)(ticks * ((double)TimeSpan.TicksPerSecond / Frequency)));

    /// <summary>Sleeps. An interruption by a signal ends it early, which is harmless: the caller asks its pacer again.</summary>
    internal void Sleep(long ticks)
    {
        long nanoseconds = (long)(ticks * _nanosecondsPerTick);
        Libc.Timespec request = new() { tv_sec = (nint)(nanoseconds / 1_000_000_000), tv_nsec = (nint)(nanoseconds % 1_000_000_000) };

        // SAFETY: the structure lives on this stack for the whole call; no remainder is asked for.
        _ = Libc.nanosleep(&request, null);
    }

    private static Guid ReadBootId()
    {
        try
        {
            return Guid.TryParse(File.ReadAllText(BootIdFile).AsSpan().Trim(), out Guid id) ? id : Guid.Empty;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Guid.Empty;
        }
    }
}
