using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using static PageEngine.MigrationErrorKind;
using static PageEngine.Transport.Tests.Failures.Expected;

namespace PageEngine.Transport.Tests.Failures;

// Owns: the faults of the failure table, phase by phase, and how each is brought about.

internal static class FailureRows
{
    // Long for a machine that is busy, short for one that waits.
    private static readonly TimeSpan _short = TimeSpan.FromMilliseconds(600);

    internal static IReadOnlyList<FailureRow> All { get; } =
    [
        // The handshake: nothing has moved.
        new("the destination cannot be reached", MigrationPhase.Handshake, Failed(ConnectionLost, DetectedBy.Transport), null, Runs.AtSource,
            s => s.Edge.BeforeConnect = _ => throw new IOException("no route to host")),
        new("the destination does not get ready", MigrationPhase.Handshake, Failed(MigrationErrorKind.Timeout, DetectedBy.Supervisor), null, Runs.AtSource, s =>
        {
            s.Receives = false;
            s.Source = s.Source with { StartTimeout = _short };
        }),
        new("the destination refuses the guest", MigrationPhase.Handshake, Failed(Refused, DetectedBy.Supervisor), Failed(Refused, DetectedBy.Supervisor), Runs.AtSource,
            s => s.Shadow = _ => throw new MigrationException(Refused, "No room.")),
        new("the record names another run", MigrationPhase.Handshake, Failed(OwnershipFailed, DetectedBy.Supervisor), null, Runs.AtSource,
            s => s.Store.CreateAsync(new OwnershipRecord(s.Guest.Id, 2, RunId.NewRandom(), default), default).AsTask().Wait()),
        new("only one side has a store", MigrationPhase.Handshake, Failed(OwnershipFailed, DetectedBy.Supervisor), Failed(OwnershipFailed, DetectedBy.Supervisor), Runs.AtSource,
            s => s.DestinationHasStore = false),
        new("the store does not answer", MigrationPhase.Handshake, Failed(OwnershipFailed, DetectedBy.Supervisor), null, Runs.AtSource, s =>
        {
            s.SourceStore.Reading = () => Task.Delay(TimeSpan.FromSeconds(30), s.CancelDestination.Token);
            s.Source = s.Source with { NetworkTimeout = _short };
        }),
        new("the connection is lost in the handshake", MigrationPhase.Handshake, Failed(ConnectionLost, DetectedBy.Transport), Failed(ConnectionLost, DetectedBy.Transport), Runs.AtSource,
            s => s.Shadow = _ => s.Edge.CutAtSource()),
        new("the attempt cannot be noted", MigrationPhase.Handshake, Failed(OwnershipFailed, DetectedBy.Supervisor), Failed(OwnershipFailed, DetectedBy.Supervisor), Runs.AtSource,
            s => s.SourceStore.Staging = () => throw new MigrationException(OwnershipFailed, "The disk is full.")) { Epoch = 1 },
        new("cancelled in the handshake", MigrationPhase.Handshake, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.Shadow = _ => s.CancelSource.Cancel()),

        // Pre-copy: the guest runs, nothing is at stake.
        new("the connection is lost between rounds", MigrationPhase.PreCopy, Failed(ConnectionLost, DetectedBy.Transport), Failed(ConnectionLost, DetectedBy.Transport), Runs.AtSource,
            s => s.AfterRound = _ => Then(s.Edge.CutAtSource)),
        new("the peer falls silent", MigrationPhase.PreCopy, Failed(MigrationErrorKind.Timeout, DetectedBy.Transport), Failed(MigrationErrorKind.Timeout, DetectedBy.Transport), Runs.AtSource, s =>
        {
            s.Source = s.Source with { NetworkTimeout = TimeSpan.FromSeconds(2) };
            s.Destination = s.Destination with { NetworkTimeout = TimeSpan.FromSeconds(2) };
            s.AfterRound = _ => Then(() => s.Edge.SwallowControl = true);
        }),
        new("a round does not get on", MigrationPhase.PreCopy, Failed(MigrationErrorKind.Timeout, DetectedBy.Monitor), Failed(MigrationErrorKind.Timeout, DetectedBy.Monitor), Runs.AtSource, s =>
        {
            s.Source = s.Source with { StallTimeout = TimeSpan.FromSeconds(2) };
            s.AfterRound = _ => Then(() => s.Edge.SwallowPages = true);
        }),
        new("the control channel carries garbage", MigrationPhase.PreCopy, Failed(ProtocolViolation, DetectedBy.Transport), Failed(ProtocolViolation, DetectedBy.Transport), Runs.AtSource,
            s => s.AfterRound = _ => Then(() => s.Edge.DamageControl = true)),
        new("tracing does not start", MigrationPhase.PreCopy, Failed(TracingFailed, DetectedBy.Monitor), Failed(TracingFailed, DetectedBy.Monitor), Runs.AtSource,
            s => s.Tracer.Starting = () => throw new MigrationException(TracingFailed, "No descriptor is left.")),
        new("collecting fails between rounds", MigrationPhase.PreCopy, Failed(TracingFailed, DetectedBy.Monitor), Failed(TracingFailed, DetectedBy.Monitor), Runs.AtSource,
            s => s.Tracer.Collecting = () => throw new MigrationException(TracingFailed, "The scan failed.")),
        new("it does not converge", MigrationPhase.PreCopy, Failed(NotConverging, DetectedBy.Monitor), Failed(NotConverging, DetectedBy.Monitor), Runs.AtSource,
            s => s.AfterRound = _ => new MigrationDecision(DecisionKind.GiveUp, "It writes faster than it is copied.")),
        new("the remaining copy time is too long", MigrationPhase.PreCopy, Failed(AbortTimeReached, DetectedBy.Monitor), Failed(AbortTimeReached, DetectedBy.Monitor), Runs.AtSource,
            s => s.AfterRound = _ => new MigrationDecision(DecisionKind.GiveUp, "100 s to go.", Error: AbortTimeReached)),
        new("the policy fails", MigrationPhase.PreCopy, Failed(Internal, DetectedBy.Monitor), Failed(Internal, DetectedBy.Monitor), Runs.AtSource,
            s => s.AfterRound = _ => throw new InvalidOperationException("a bug in a policy")),
        new("cancelled between rounds", MigrationPhase.PreCopy, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.AfterRound = _ => Then(s.CancelSource.Cancel)),
        new("the destination is stopped between rounds", MigrationPhase.PreCopy, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.AfterRound = _ => Then(s.CancelDestination.Cancel)),

        // The pause: the guest stands still, and nobody else has it.
        new("the guest does not pause", MigrationPhase.Pause, Failed(GuestFailed, DetectedBy.Guest), Failed(GuestFailed, DetectedBy.Guest), Runs.AtSource,
            s => s.Guest.Pausing = () => throw new InvalidOperationException("it is busy")) { Epoch = 1 },
        new("the last collect fails", MigrationPhase.Pause, Failed(TracingFailed, DetectedBy.Monitor), Failed(TracingFailed, DetectedBy.Monitor), Runs.AtSource,
            s => s.Guest.Pausing = () => Done(() => s.Tracer.Collecting = () => throw new MigrationException(TracingFailed, "The scan failed."))) { Epoch = 1 },
        new("the state is not saved", MigrationPhase.Pause, Failed(GuestFailed, DetectedBy.Guest), Failed(GuestFailed, DetectedBy.Guest), Runs.AtSource,
            s => s.Guest.Saving = () => throw new InvalidOperationException("a device is stuck")) { Epoch = 1 },
        new("the connection is lost in the last pass", MigrationPhase.Pause, Failed(ConnectionLost, DetectedBy.Transport), Failed(ConnectionLost, DetectedBy.Transport), Runs.AtSource,
            s => s.Guest.Saving = () => Done(s.Edge.CutAtSource)) { Epoch = 1 },
        new("the last pass does not get on", MigrationPhase.Prepare, Failed(MigrationErrorKind.Timeout, DetectedBy.Supervisor), Failed(MigrationErrorKind.Timeout, DetectedBy.Supervisor), Runs.AtSource, s =>
        {
            s.Source = s.Source with { ResumeTimeout = TimeSpan.FromSeconds(2) };
            s.Guest.Pausing = () => Done(() => s.Edge.SwallowPages = true);
        }) { Epoch = 2 },
        new("cancelled while the guest stands still", MigrationPhase.Pause, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.Guest.Pausing = () => Done(s.CancelSource.Cancel)) { Epoch = 1 },

        // Prepare: the destination may be prepared, so the source goes on only under an epoch of its own.
        new("the state does not load", MigrationPhase.Prepare, Failed(GuestFailed, DetectedBy.Guest), Failed(GuestFailed, DetectedBy.Guest), Runs.AtSource,
            s => s.Shadow = g => g.Loading = () => throw new InvalidOperationException("a device is unknown here")) { Epoch = 2 },
        new("the connection is lost while the destination restores", MigrationPhase.Prepare, Failed(ConnectionLost, DetectedBy.Transport), Failed(ConnectionLost, DetectedBy.Transport), Runs.AtSource,
            s => s.Shadow = g => g.Loading = () => Done(s.Edge.CutAtSource)) { Epoch = 2 },
        new("the destination does not answer", MigrationPhase.Prepare, Failed(MigrationErrorKind.Timeout, DetectedBy.Supervisor), Failed(MigrationErrorKind.Timeout, DetectedBy.Supervisor), Runs.AtSource, s =>
        {
            s.Source = s.Source with { ResumeTimeout = _short };
            s.Shadow = g => g.Loading = () => UntilAsync(() => s.SourceLog.Lines.Any(line => line.Contains("RunsHere", StringComparison.Ordinal)));
        }) { Epoch = 2 },
        new("cancelled while the destination restores", MigrationPhase.Prepare, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.Shadow = g => g.Loading = async () =>
            {
                await s.CancelSource.CancelAsync();
                await UntilAsync(() => s.SourceLog.Lines.Any(line => line.Contains("RunsHere", StringComparison.Ordinal)));
            }) { Epoch = 2 },
        new("the destination is stopped while it restores", MigrationPhase.Prepare, Cancelled(), Cancelled(), Runs.AtSource,
            s => s.Shadow = g => g.Loading = async () =>
            {
                await s.CancelDestination.CancelAsync();
                s.CancelDestination.Token.ThrowIfCancellationRequested();
            }) { Epoch = 2 },

        // The commit: the record decides.
        new("the commit happened and nobody said so", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination,
            s => s.SourceStore.Creating = async (_, create) =>
            {
                await create();
                throw new MigrationException(OwnershipFailed, "The store's answer was lost.");
            }) { Epoch = 2 },
        new("the commit did not happen", MigrationPhase.Commit, Failed(OwnershipFailed, DetectedBy.Supervisor), Failed(OwnershipFailed, DetectedBy.Supervisor), Runs.AtSource, s =>
        {
            int tries = 0;
            s.SourceStore.Creating = (_, create) => tries++ == 0 ? throw new MigrationException(OwnershipFailed, "The store was full.") : create();
        }) { Epoch = 2 },
        new("the commit lands late", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination, s =>
        {
            Func<ValueTask<CreateOutcome>>? late = null;
            s.SourceStore.Creating = async (_, create) =>
            {
                if (late is { } first)
                {
                    await first();
                    return await create();
                }

                late = create;
                throw new MigrationException(OwnershipFailed, "The store did not answer.");
            };
        }) { Epoch = 2 },
        new("the store is gone after prepare", MigrationPhase.Commit, Held, Held, Runs.Nobody, s =>
        {
            s.Source = s.Source with { ResumeTimeout = _short };
            s.Destination = s.Destination with { ClaimTimeout = TimeSpan.FromSeconds(1) };
            s.Shadow = g => g.Loading = () => Done(() =>
            {
                s.SourceStore.Creating = s.DestinationStore.Creating = (_, _) => throw new MigrationException(OwnershipFailed, "The store is gone.");
                s.SourceStore.Reading = s.DestinationStore.Reading = () => throw new MigrationException(OwnershipFailed, "The store is gone.");
            });
        }) { Epoch = 1 },
        new("another run took the epoch", MigrationPhase.Commit, Held, Failed(ConnectionLost, DetectedBy.Transport), Runs.Nobody,
            s => s.SourceStore.Creating = async (record, create) =>
            {
                await s.Store.CreateAsync(record with { Holder = RunId.NewRandom(), Attempt = AttemptId.NewRandom() }, default);
                return await create();
            }) { Epoch = 2 },
        new("the connection is lost before the commit message", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination,
            s => s.SourceStore.Creating = async (_, create) =>
            {
                CreateOutcome outcome = await create();
                s.Edge.CutAtSource();
                return outcome;
            }) { Epoch = 2 },
        new("cancelled after the commit", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination,
            s => s.SourceStore.Creating = async (_, create) =>
            {
                CreateOutcome outcome = await create();
                await s.CancelSource.CancelAsync();
                return outcome;
            }) { Epoch = 2 },

        // The destination takes over.
        new("a guard cannot be raised", MigrationPhase.Resume, Failed(GuestFailed, DetectedBy.Supervisor), Failed(GuestFailed, DetectedBy.Supervisor), Runs.AtSource,
            s => s.Destination = s.Destination with
            {
                RaiseGuards = (_, _, _) => throw new MigrationException(GuestFailed, "The disk's guard does not answer.") { DetectedBy = DetectedBy.Supervisor },
            }) { Epoch = 3 },
        new("the mark fails once", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination, s =>
        {
            int tries = 0;
            s.DestinationStore.Marking = _ => tries++ == 0 ? throw new MigrationException(OwnershipFailed, "The store was full.") : Task.CompletedTask;
        }) { Epoch = 2 },
        new("the guest resumes at the second try", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination, s =>
        {
            int tries = 0;
            s.Shadow = g => g.Resuming = () => tries++ == 0 ? throw new InvalidOperationException("a device was busy") : Task.CompletedTask;
        }) { Epoch = 2 },
        new("the guest does not resume at the destination", MigrationPhase.Resume, Held, Held, Runs.Nobody, s =>
        {
            s.Source = s.Source with { ResumeTimeout = _short };
            s.Destination = s.Destination with { ClaimTimeout = TimeSpan.FromSeconds(1) };
            s.Shadow = g => g.Resuming = () => throw new InvalidOperationException("a device is broken");
        }) { Epoch = 2 },
        new("the connection is lost while the guest resumes", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination,
            s => s.Shadow = g => g.Resuming = () => Done(s.Edge.CutAtSource)) { Epoch = 2 },
        new("the last mark fails for good", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination, s =>
        {
            s.Destination = s.Destination with { ClaimTimeout = TimeSpan.FromSeconds(1) };
            s.Source = s.Source with { ResumeTimeout = _short, Verify = false };
            s.DestinationStore.Marking = mark => mark == OwnershipMark.Running ? throw new MigrationException(OwnershipFailed, "The store is full.") : Task.CompletedTask;
        }) { Epoch = 2 },

        // Without a store a message decides, and in doubt nobody does.
        new("no store: the connection is lost before the answer", MigrationPhase.Prepare, Failed(ConnectionLost, DetectedBy.Transport), Held, Runs.AtSource, s =>
        {
            s.HasStore = false;
            s.Shadow = g => g.Loading = () => Done(s.Edge.CutAtSource);
        }),
        new("no store: the connection is lost after the commit message", MigrationPhase.Resume, Held, Completed, Runs.AtDestination, s =>
        {
            s.HasStore = false;
            s.Shadow = g => g.Resuming = () => Done(s.Edge.CutAtSource);
        }),

        // After the guest runs at the destination a failure costs the verification, not the guest.
        new("the connection is lost in the verification", MigrationPhase.Complete, Completed, Completed, Runs.AtDestination,
            s => s.DestinationStore.Marking = mark => Done(mark == OwnershipMark.Running ? s.Edge.CutAtSource : static () => { })) { Epoch = 2 },
    ];


    private static MigrationDecision? Then(Action action)
    {
        action();
        return new MigrationDecision(DecisionKind.NextRound, "on and on");
    }

    private static Task Done(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (int i = 0; i < 3000 && !condition(); i++)
        {
            await Task.Delay(10);
        }
    }
}
