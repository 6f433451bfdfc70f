using System.Buffers.Binary;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Simulation.Conformance;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Simulation.Tests.Conformance;

public sealed class GuestConformanceTests
{
    private static readonly (string Part, GuestFlaw Flaw, string[] Checks)[] Table =
    [
        ("never runs", GuestFlaw.NeverRuns, ["resume-runs"]),
        ("runs on after a pause", GuestFlaw.RunsOnAfterPause, ["pause-is-complete"]),
        ("counts its pauses", GuestFlaw.CountsPauses, ["pause-when-paused"]),
        ("belongs to one thread", GuestFlaw.BelongsToOneThread, ["cycles-on-any-thread"]),
        ("knows one epoch", GuestFlaw.KnowsOneEpoch, ["resume-higher-epoch"]),
        ("breaks when cancelled", GuestFlaw.BreaksWhenCancelled, ["cancelled-calls"]),
        ("is let run by a save", GuestFlaw.SaveLetsRun, ["save-leaves-paused"]),
        ("saves without a mark", GuestFlaw.SaveWritesUnmarked, ["save-writes-are-traced", "migration-is-identical"]),
        ("loses a part of its state", GuestFlaw.SaveLosesState, ["state-round-trips", "migration-is-identical"]),
        ("is let run by a load", GuestFlaw.LoadLetsRun, ["load-runs-nothing"]),
        ("takes a state that lacks a section", GuestFlaw.TakesMissing, ["load-refuses-missing"]),
        ("takes a newer state", GuestFlaw.TakesNewer, ["load-refuses-newer"]),
        ("takes a damaged state", GuestFlaw.TakesDamaged, ["load-refuses-damaged"]),
        ("has another id where it arrives", GuestFlaw.TwinIsAnother, ["identity"]),
        ("describes its counter", GuestFlaw.DescribesItsCounter, ["description"]),
        ("runs after a power-off", GuestFlaw.RunsAfterPowerOff, ["power-off-is-final"]),
        ("can be powered off once", GuestFlaw.PowersOffOnce, ["power-off-again"]),
        ("writes when it rehearses", GuestFlaw.RehearsalWrites, ["rehearse-has-no-effect"]),
        ("takes a throttle and ignores it", GuestFlaw.IgnoresThrottle, ["throttle"]),
        ("forgets marks", GuestFlaw.WritesUnmarked, ["migration-is-identical"]),
        ("ends with its save", GuestFlaw.EndsWithSave, ["migration-undone"]),
    ];

    private static readonly (string Part, string[] Checks)[] Rules = [.. Table.Select(entry => (entry.Part, entry.Checks))];

    public static TheoryData<string> Checks => BrokenParts.Names(GuestConformance.Checks);

    public static TheoryData<string, string> Broken => BrokenParts.Pairs(Rules);

    [Theory]
    [MemberData(nameof(Checks))]
    public async Task VerifiableGuest_keeps_the_rule(string check)
    {
        var options = new GuestConformanceOptions
        {
            StillFor = TimeSpan.FromMilliseconds(10),
            Inspect = static guest => ((VerifiableGuest)guest).Verify() is { IsConsistent: false } found ? found.FirstFinding : null,
            Trace = static guest =>
            {
                var tracer = new ExplicitWriteTracer(guest.Memory);
                ((VerifiableGuest)guest).AttachTracer(tracer);
                return tracer;
            },
        };
        ConformanceResult result = await GuestConformance.RunCheckAsync(check, () => Verifiable(throttle: true), Twin, options);
        Assert.True(result.Status == ConformanceStatus.Passed, result.ToString());
    }

    [Fact]
    public async Task VerifiableGuest_under_the_kernels_tracer_moves_identically()
    {
        if (!WriteTracers.Probe()[0].IsAvailable)
        {
            return;
        }

        (await GuestConformance.RunCheckAsync("migration-is-identical", () => Verifiable(throttle: false), Twin)).ThrowIfFailed();
    }

    [Fact]
    public async Task A_right_double_breaks_no_rule() =>
        (await GuestConformance.RunAsync(() => new CountingGuest(GuestFlaw.None), guest => new CountingGuest(GuestFlaw.None, guest.Id), Options with { ProgressWithin = TimeSpan.FromSeconds(20) })).ThrowIfFailed();

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Broken_guest_is_caught(string part, string check)
    {
        GuestFlaw flaw = Table.Single(entry => entry.Part == part).Flaw;
        BrokenParts.Catches(await GuestConformance.RunCheckAsync(check, () => new CountingGuest(flaw), guest => new CountingGuest(flaw, guest.Id), Options));
    }

    [Fact]
    public async Task The_guests_own_proof_is_asked()
    {
        GuestConformanceOptions options = Options with { Inspect = static _ => "two and two are five" };
        ConformanceResult result = await GuestConformance.RunCheckAsync("migration-is-identical", () => new CountingGuest(GuestFlaw.None), guest => new CountingGuest(GuestFlaw.None, guest.Id), options);
        BrokenParts.Catches(result);
        Assert.Contains("two and two are five", result.Observed, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_check_catches_a_broken_guest() => BrokenParts.EveryCheckCatchesOne(GuestConformance.Checks, Rules);

    private static GuestConformanceOptions Options => new()
    {
        StillFor = TimeSpan.FromMilliseconds(20),
        ProgressWithin = TimeSpan.FromSeconds(1),
        CheckLimit = TimeSpan.FromSeconds(20),
        Trace = static guest => ((CountingGuest)guest).Trace(),
        Inspect = static guest => Read((CountingGuest)guest),
    };

    // The newest entry is the counter's; nothing is asked of a guest that never ran.
    private static string? Read(CountingGuest guest)
    {
        ulong entry = BinaryPrimitives.ReadUInt64LittleEndian(guest.Memory.Page((long)(guest.Counter % 63)));
        return guest.Counter == 1 || entry == guest.Counter ? null : $"the counter is {guest.Counter}, and its entry {entry}";
    }

    private static VerifiableGuest Verifiable(bool throttle)
    {
        var guest = new VerifiableGuest(
            Guid.NewGuid(),
            GuestMemory.Allocate(2 << 20),
            new VerifiableGuestOptions { VirtualCpus = 2, Seed = 5, SupportsThrottle = throttle, Workloads = [WorkloadSpec.Parse("uniform@max")] });
        guest.FillMemory();
        return guest;
    }

    private static VerifiableGuest Twin(IGuest guest) => VerifiableGuest.FromDescription(guest.Id, guest.Describe(), guest.Memory.Layout);
}
