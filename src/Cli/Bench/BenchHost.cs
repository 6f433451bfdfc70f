using System.Runtime.InteropServices;

namespace PageEngine.Cli.Bench;

// Owns: what a reader of a figure has to know of the machine it was measured on.

/// <summary>One end of a measurement.</summary>
internal sealed record BenchHost
{
    public required string Name { get; init; }
    public required string System { get; init; }
    public required string Runtime { get; init; }
    public required int Processors { get; init; }
    public required string CongestionControl { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>Describes this machine.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="congestionControl">What was asked for; null: the system's choice.</param>
    public static BenchHost This(TimeProvider time, string? congestionControl) => new()
    {
        Name = Environment.MachineName,
        System = RuntimeInformation.OSDescription.Trim(),
        Runtime = RuntimeInformation.FrameworkDescription,
        Processors = Environment.ProcessorCount,
        CongestionControl = congestionControl ?? Default(),
        At = time.GetUtcNow(),
    };

    private static string Default()
    {
        try
        {
            return File.ReadAllText("/proc/sys/net/ipv4/tcp_congestion_control").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "unknown";
        }
    }
}
