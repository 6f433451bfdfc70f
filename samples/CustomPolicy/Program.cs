// A policy of one's own: switch over as soon as a round leaves fewer pages than wanted, or when rounds stop helping.
// A policy is a pure function, so it is tried here on made-up rounds first and on a real migration afterwards.

using System.Net;
using PageEngine;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

var policy = new FewPagesLeftPolicy(enoughPages: 2000, maxRounds: 8);
Console.WriteLine($"made up, 512 pages left:    {policy.Decide(MadeUp(offered: 16384, left: 512)).Kind}");
Console.WriteLine($"made up, 8192 pages left:   {policy.Decide(MadeUp(offered: 16384, left: 8192)).Kind}");
Console.WriteLine($"made up, 20000 pages left:  {policy.Decide(MadeUp(offered: 16384, left: 20000)).Kind}");

using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
var destination = new MigrationDestination(offer => VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout));
Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);

using GuestMemory memory = GuestMemory.Allocate(64 << 20);
using var guest = new VerifiableGuest(Guid.NewGuid(), memory, new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("hot:4MiB@20MiB/s")] });
guest.FillMemory();
await guest.ResumeAsync(epoch: 1, CancellationToken.None);
using IWriteTracer tracer = WriteTracers.Create(WriteTracerKind.Auto, memory, guestMarksWrites: true).Tracer;
guest.AttachTracer(tracer);

MigrationReport report = await new MigrationSource(guest, tracer, new MigrationSourceOptions { Policy = policy })
    .MigrateAsync(new TcpConnector(acceptor.LocalEndPoint));
DestinationResult result = await receiving;
if (report.Outcome != MigrationOutcome.Completed || result.Guest is not VerifiableGuest moved)
{
    Console.Error.WriteLine($"Failed: {report.Failure?.Message}");
    return 1;
}

await moved.PauseAsync(CancellationToken.None);
bool consistent = moved.Verify().IsConsistent;
Console.WriteLine(
    $"real: {report.Rounds.Count} rounds, {report.Switchover!.RemainingPages} pages left for the switchover, " +
    $"blackout {report.Switchover.Actual.TotalMilliseconds:0.0} ms, guest {(consistent ? "consistent" : "DAMAGED")}");
moved.Dispose();
moved.Memory.Dispose();
return consistent ? 0 : 1;

static PlanningState MadeUp(long offered, long left) => SwitchoverEstimator.Assess(
    [
        new RoundStatistics
        {
            Index = 0,
            DirtyPages = offered,
            SentPages = offered,
            ZeroPages = 0,
            WireBytes = offered * MemoryLayout.PageBytes,
            Duration = TimeSpan.FromMilliseconds(100),
            HarvestDuration = TimeSpan.FromMilliseconds(1),
            DirtiedPages = left,
        },
    ],
    remainingPages: left,
    guestPages: 16384,
    fixedCosts: new SwitchoverFixedCosts { Commit = TimeSpan.FromMilliseconds(2) },
    elapsed: TimeSpan.FromMilliseconds(101));

/// <summary>Knows two numbers: how few pages are few, and how many rounds are too many.</summary>
internal sealed class FewPagesLeftPolicy(long enoughPages, int maxRounds) : IMigrationPolicy
{
    public MigrationDecision Decide(PlanningState state)
    {
        if (state.RemainingPages <= enoughPages)
        {
            return new MigrationDecision(DecisionKind.SwitchOver, $"{state.RemainingPages} pages left, {enoughPages} are few enough.");
        }

        bool stillShrinking = state.RemainingPages < state.Rounds[^1].DirtyPages;
        if (stillShrinking && state.Rounds.Count < maxRounds)
        {
            return new MigrationDecision(DecisionKind.NextRound, $"{state.RemainingPages} pages left, fewer than the {state.Rounds[^1].DirtyPages} before.");
        }

        return new MigrationDecision(
            DecisionKind.GiveUp,
            $"{state.RemainingPages} pages left after {state.Rounds.Count} rounds; {enoughPages} were wanted.",
            Error: MigrationErrorKind.NotConverging);
    }
}
