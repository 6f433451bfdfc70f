using System.Diagnostics;
using System.Globalization;
using System.Net;
using PageEngine.Compression;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Tracing;
using PageEngine.Transport;

namespace PageEngine.Bench.Migrations;

// Owns: what a guest's writers lose while pre-copy runs on a capped link: operations per second before it and during it, in one
// process, by one virtual CPU that is never slowed on purpose. Each run is a new guest.

/// <summary>Measures `slowdown [--runs N] [--rate BYTES/S] [--memory BYTES] [--hot SIZE] [--differences]`.</summary>
internal static class WriterSlowdown
{
    private const long CacheBytes = 64 << 20;
    private static readonly TimeSpan _watched = TimeSpan.FromSeconds(4);

    internal static async Task RunAsync(string[] args)
    {
        int runs = int.Parse(Option(args, "--runs", "5"), CultureInfo.InvariantCulture);
        long rate = long.Parse(Option(args, "--rate", "125000000"), CultureInfo.InvariantCulture);
        long memory = long.Parse(Option(args, "--memory", "536870912"), CultureInfo.InvariantCulture);
        string hot = Option(args, "--hot", "16MiB");
        bool differences = args.Contains("--differences");
        var lost = new List<double>();
        for (int run = 0; run < runs; run++)
        {
            (double before, double during, int rounds) = await OnceAsync(memory, rate, hot, differences);
            lost.Add(1 - (during / before));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"run {run + 1}: {before / 1e6:0.00} million operations/s before, {during / 1e6:0.00} during {rounds} rounds: {100 * lost[^1]:0.0} % lost"));
        }

        lost.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"hot set {hot}, {rate / 1e6:0} MB/s: lost {100 * lost[0]:0.0} / {100 * lost[lost.Count / 2]:0.0} / {100 * lost[^1]:0.0} %"));
    }

    private static async Task<(double Before, double During, int Rounds)> OnceAsync(long memoryBytes, long rate, string hot, bool differences)
    {
        using var guest = new VerifiableGuest(
            Guid.NewGuid(), GuestMemory.Allocate(memoryBytes), new VerifiableGuestOptions { VirtualCpus = 1, Workloads = [WorkloadSpec.Parse($"hot:{hot}@max")] });
        guest.FillMemory();
        using IWriteTracer tracer = WriteTracers.Create(WriteTracerKind.Auto, guest.Memory, guestMarksWrites: true).Tracer;
        guest.AttachTracer(tracer);
        await guest.ResumeAsync(1, CancellationToken.None);
        await Task.Delay(1000);
        double before = await OperationsPerSecondAsync(guest, _watched);

        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        VerifiableGuest? copy = null;
        var destination = new MigrationDestination(offer =>
            copy = VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout, null));
        using var cancel = new CancellationTokenSource();
        int rounds = 0;
        var source = new MigrationSource(guest, tracer, new MigrationSourceOptions
        {
            BandwidthBytesPerSecond = rate,
            Policy = new Endless(() => rounds++),
            Streams = 1,

            // Otherwise whole pages: as differences a hot set takes next to no time, and the rounds are as short as they are let be.
            PageCacheBytes = differences ? CacheBytes : 0,
            Compression = differences ? PageCompression.Auto : PageCompression.None,
        });
        Task receiving = destination.ReceiveAsync(acceptor, cancel.Token);
        Task sending = source.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint), cancel.Token);

        // The whole of round 0 and what follows; handshake and rehearsals are over in a moment.
        await Task.Delay(500);
        double during = await OperationsPerSecondAsync(guest, TimeSpan.FromSeconds(memoryBytes / (double)rate) + _watched);
        await cancel.CancelAsync();
        await sending;
        await receiving;
        copy?.Dispose();
        await guest.PauseAsync(CancellationToken.None);
        return (before, during, rounds);
    }

    private static async Task<double> OperationsPerSecondAsync(VerifiableGuest guest, TimeSpan time)
    {
        long began = Stopwatch.GetTimestamp();
        long operations = guest.Operations;
        await Task.Delay(time);
        return (guest.Operations - operations) / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static string Option(string[] args, string name, string otherwise)
    {
        int at = Array.IndexOf(args, name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : otherwise;
    }

    // Round after round: the guest is watched, not moved.
    private sealed class Endless(Action onRound) : IMigrationPolicy
    {
        public MigrationDecision Decide(PlanningState state)
        {
            onRound();
            return new MigrationDecision(DecisionKind.NextRound, "It is only measured.");
        }
    }
}
