using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace PageEngine.Bench.Paired;

// Owns: the ways over the wire that are compared, and how each is run once: two processes, loopback, cubic.

/// <summary>A way over the wire.</summary>
/// <param name="Name">Its name in tables.</param>
/// <param name="RunAsync">Runs it once.</param>
internal sealed record WireMethod(string Name, Func<Task<Measurement>> RunAsync);

/// <summary>Makes them.</summary>
internal static class WireMethods
{
    private const int GuestPages = 512 << 8; // 512 MiB

    /// <param name="tools">Where the programs of bench/baseline were built.</param>
    /// <param name="seconds">About how long a run of the fast ones takes.</param>
    internal static IReadOnlyList<WireMethod> All(string tools, double seconds)
    {
        int fast = Math.Max(3, (int)(16 * seconds));
        int slow = Math.Max(2, (int)(4 * seconds));
        WireSettings engine = new() { Method = "engine", Pages = GuestPages, Run = 1, Passes = fast, Warmup = 16, Streams = 1, Fresh = false };
        return
        [
            new("iperf3", () => IperfAsync(1, seconds)),
            new("engine 4k", () => EngineAsync(engine)),
            new("C 4k", () => BaselineAsync(tools, engine)),
            new("engine 64k", () => EngineAsync(engine with { Run = 16 })),
            new("C 64k", () => BaselineAsync(tools, engine with { Run = 16 })),
            new("copied 64k", () => EngineAsync(engine with { Method = "copied", Run = 16 })),
            new("copied 1m", () => EngineAsync(engine with { Method = "copied", Run = 256 })),
            new("engine 1m", () => EngineAsync(engine with { Run = 256 })),
            new("engine 64k fresh", () => EngineAsync(engine with { Run = 16, Fresh = true, Passes = 1, Pages = GuestPages * 2, Warmup = 2 })),
            new("C 64k fresh", () => BaselineAsync(tools, engine with { Run = 16, Fresh = true, Passes = 1, Pages = GuestPages * 2, Warmup = 2 })),
            new("iperf3 2 streams", () => IperfAsync(2, seconds)),
            new("engine 4k 2 streams", () => EngineAsync(engine with { Streams = 2 })),
            new("engine 64k 2 streams", () => EngineAsync(engine with { Run = 16, Streams = 2 })),
            new("Pipe 4k", () => EngineAsync(engine with { Method = "pipe", Passes = slow, Warmup = 12 })),
            new("Pipe 64k", () => EngineAsync(engine with { Method = "pipe", Run = 16, Passes = slow, Warmup = 12 })),
            new("sealed 4k", () => EngineAsync(engine with { Method = "sealed", Passes = fast / 2, Warmup = 8 })),
            new("sealed 64k", () => EngineAsync(engine with { Method = "sealed", Run = 16, Passes = fast / 2, Warmup = 8 })),
            new("sealed 4k 2 streams", () => EngineAsync(engine with { Method = "sealed", Streams = 2, Passes = fast / 2, Warmup = 8 })),
            new("sealed 64k 2 streams", () => EngineAsync(engine with { Method = "sealed", Run = 16, Streams = 2, Passes = fast / 2, Warmup = 8 })),
            new("SslStream 4k 2 streams", () => EngineAsync(engine with { Method = "tls", Streams = 2, Passes = slow, Warmup = 4 })),
            new("SslStream 64k 2 streams", () => EngineAsync(engine with { Method = "tls", Run = 16, Streams = 2, Passes = slow, Warmup = 4 })),
            new("SslStream 4k", () => EngineAsync(engine with { Method = "tls", Passes = slow, Warmup = 4 })),
            new("SslStream 64k", () => EngineAsync(engine with { Method = "tls", Run = 16, Passes = slow, Warmup = 4 })),
        ];
    }

    // A virtual machine may give free memory back to its host after two seconds. Whoever begins sooner than that after the program before
    // it has ended gets memory that costs a tenth: both are to begin later.
    private static Task AgeFreeMemoryAsync(WireSettings settings) => settings.Fresh ? Task.Delay(TimeSpan.FromSeconds(4)) : Task.CompletedTask;

    private static async Task<Measurement> EngineAsync(WireSettings settings)
    {
        await AgeFreeMemoryAsync(settings);
        using ChildProcess receiver = ChildProcess.StartSelf(["wire-receive", .. settings.ToArguments()]);
        string port = await receiver.ReadAsync("port ");
        settings = settings with { Port = int.Parse(port, CultureInfo.InvariantCulture) };
        using ChildProcess sender = ChildProcess.StartSelf(["wire-send", .. settings.ToArguments()]);
        return Parse(await sender.ReadAsync("bytes="), await receiver.ReadAsync("bytes="));
    }

    private static async Task<Measurement> BaselineAsync(string tools, WireSettings settings)
    {
        await AgeFreeMemoryAsync(settings);
        string program = Path.Combine(tools, "wire");
        string[] common = [WireSettings.Text(settings.Pages), WireSettings.Text(settings.Run), WireSettings.Text(settings.Passes), WireSettings.Text(settings.Warmup), settings.Fresh ? "fresh" : "populated"];
        using ChildProcess receiver = ChildProcess.Start(program, ["receive", .. common]);
        string port = await receiver.ReadAsync("port ");
        using ChildProcess sender = ChildProcess.Start(program, ["send", port, .. common]);
        return Parse(await sender.ReadAsync("bytes="), await receiver.ReadAsync("bytes="));
    }

    private static async Task<Measurement> IperfAsync(int streams, double seconds)
    {
        string port = WireSettings.Text(FreePort());
        using ChildProcess server = ChildProcess.Start("iperf3", ["-s", "-1", "-B", "127.0.0.1", "-p", port, "--forceflush"]);
        await server.ReadAsync("Server listening");
        string time = WireSettings.Text(Math.Max(1, (long)Math.Ceiling(seconds)));
        using ChildProcess client = ChildProcess.Start("iperf3",
            ["-c", "127.0.0.1", "-p", port, "-t", time, "-C", "cubic", "-P", WireSettings.Text(streams), "--json"]);
        using JsonDocument answer = JsonDocument.Parse(await client.ReadToEndAsync());
        JsonElement end = answer.RootElement.GetProperty("end");
        JsonElement received = end.GetProperty("sum_received");
        double rate = received.GetProperty("bits_per_second").GetDouble() / 8;
        JsonElement cpu = end.GetProperty("cpu_utilization_percent");
        double busy = (cpu.GetProperty("host_total").GetDouble() + cpu.GetProperty("remote_total").GetDouble()) / 100;
        return new Measurement(rate, busy / (rate / 1e9));
    }

    // The receiver's rate is what counts; CPU time is both sides', each over the bytes that it counted itself.
    private static Measurement Parse(string sender, string receiver)
    {
        (_, double sent) = Line(sender);
        (double rate, double received) = Line(receiver);
        return new Measurement(rate, sent + received);
    }

    // "N seconds=S cpu=C"
    private static (double Rate, double CpuPerGigabyte) Line(string line)
    {
        double[] values = [.. line.Split(' ').Select(part => double.Parse(part[(part.IndexOf('=', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture))];
        return (values[0] / values[1], values[2] / (values[0] / 1e9));
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
