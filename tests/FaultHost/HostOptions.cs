using System.Globalization;
using System.Net;

namespace PageEngine.FaultHost;

// Owns: what a process is told at its start, as NAME=VALUE. Times are in milliseconds.

internal sealed record HostOptions
{
    public required string Store { get; init; }

    public required string Journal { get; init; }

    public required string Effects { get; init; }

    public Guid? Guest { get; init; }

    /// <summary>Gets the guest's memory, of a size that nothing else in this process has: its mappings are counted by it.</summary>
    public long MemoryBytes { get; init; } = (4096 + 17) * 4096;

    public string Workload { get; init; } = "hot:2MiB@20MiB/s";

    public ulong Seed { get; init; } = 1;

    public int Streams { get; init; } = 1;

    public int Rounds { get; init; } = 3;

    public IPEndPoint Listen { get; init; } = new(IPAddress.Loopback, 0);

    public bool HasDataEndPoint { get; init; }

    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(20);

    public TimeSpan NetworkTimeout { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan ResumeTimeout { get; init; } = TimeSpan.FromSeconds(2);

    public TimeSpan ClaimTimeout { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Reads the arguments.</summary>
    /// <exception cref="ArgumentException">One is unknown, or one is missing.</exception>
    public static HostOptions Parse(string[] arguments)
    {
        HostOptions options = new() { Store = "", Journal = "", Effects = "" };
        foreach (string argument in arguments)
        {
            string[] parts = argument.Split('=', 2);
            string value = parts.Length == 2 ? parts[1] : throw new ArgumentException($"'{argument}' is not NAME=VALUE.");
            options = parts[0] switch
            {
                "store" => options with { Store = value },
                "journal" => options with { Journal = value },
                "effects" => options with { Effects = value },
                "guest" => options with { Guest = Guid.Parse(value) },
                "memory" => options with { MemoryBytes = Number(value) },
                "workload" => options with { Workload = value },
                "seed" => options with { Seed = (ulong)Number(value) },
                "streams" => options with { Streams = (int)Number(value) },
                "rounds" => options with { Rounds = (int)Number(value) },
                "data-end-point" => options with { HasDataEndPoint = bool.Parse(value) },
                "start-timeout" => options with { StartTimeout = Time(value) },
                "network-timeout" => options with { NetworkTimeout = Time(value) },
                "resume-timeout" => options with { ResumeTimeout = Time(value) },
                "claim-timeout" => options with { ClaimTimeout = Time(value) },
                _ => throw new ArgumentException($"'{parts[0]}' is not known."),
            };
        }

        return options.Store.Length > 0 && options.Journal.Length > 0 && options.Effects.Length > 0
            ? options
            : throw new ArgumentException("store, journal and effects are needed.");
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static TimeSpan Time(string text) => TimeSpan.FromMilliseconds(Number(text));
}
