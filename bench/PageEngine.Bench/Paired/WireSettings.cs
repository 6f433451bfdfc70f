using System.Globalization;

namespace PageEngine.Bench.Paired;

// Owns: what both ends of a wire measurement must agree on, as arguments of their processes.

/// <summary>One measurement over the wire.</summary>
internal sealed record WireSettings
{
    /// <summary>Gets what carries the pages: engine (a round of a running guest), copied (a last pass), sealed, tls, pipe.</summary>
    internal required string Method { get; init; }

    /// <summary>Gets the pages of each memory.</summary>
    internal required int Pages { get; init; }

    /// <summary>Gets the pages of a run; as many are left out between two runs.</summary>
    internal required int Run { get; init; }

    /// <summary>Gets how many measured passes there are, after those that warm up.</summary>
    internal required int Passes { get; init; }

    /// <summary>Gets how many passes warm up.</summary>
    internal required int Warmup { get; init; }

    internal required int Streams { get; init; }

    /// <summary>Gets whether the measured passes go where the receiver's memory was never touched.</summary>
    internal required bool Fresh { get; init; }

    /// <summary>Gets the receiver's port; 0 at the receiver.</summary>
    internal int Port { get; init; }

    internal static WireSettings Parse(string[] args) => new()
    {
        Method = args[0],
        Pages = Number(args[1]),
        Run = Number(args[2]),
        Passes = Number(args[3]),
        Warmup = Number(args[4]),
        Streams = Number(args[5]),
        Fresh = args[6] == "fresh",
        Port = args.Length > 7 ? Number(args[7]) : 0,
    };

    internal string[] ToArguments() =>
    [
        Method, Text(Pages), Text(Run), Text(Passes), Text(Warmup), Text(Streams), Fresh ? "fresh" : "populated", Text(Port),
    ];

    internal static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
