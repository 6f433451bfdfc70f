using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.EmbeddedGuest.Fencing;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: the source's part of demo and send: a guest that runs here, its migration, and the proof that it is unharmed
// when it stays.

/// <summary>What a migration left at the source.</summary>
/// <param name="Report">The session's report.</param>
/// <param name="Findings">What checking the guest found, when it stayed; null when it left, or is held.</param>
/// <param name="Document">Both as a document.</param>
internal sealed record SourceResult(MigrationReport Report, GuestFindings? Findings, ReportDocument Document);

/// <summary>Runs a guest and moves it away.</summary>
internal sealed class SourceRun : IDisposable
{
    // Long enough to show that a guest that stays does run on.
    private static readonly TimeSpan _afterFailure = TimeSpan.FromMilliseconds(200);

    private readonly CommandRun _run;
    private readonly VerifiableGuest _guest;
    private readonly GuardedEffects? _guard;
    private readonly ulong _migrationId;
    private GuestOwnership? _ownership;
    private bool _isInMemory;

    /// <summary>Makes the guest; its memory is empty yet.</summary>
    /// <exception cref="UsageException">The options do not fit together.</exception>
    /// <exception cref="MigrationException">The memory cannot be had.</exception>
    public SourceRun(CommandRun run)
    {
        _run = run;
        MigrationSettings settings = run.Settings;
        _migrationId = SessionOptions.MigrationId(run);
        run.Log.MigrationId = _migrationId;
        VerifiableGuestOptions options = new()
        {
            VirtualCpus = settings.Vcpus,
            Seed = settings.Seed ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
            Workloads = settings.Workloads.Count > 0 ? settings.Workloads : [DefaultWorkload(settings.MemoryBytes)],
            FillPercent = settings.FillPercent,
        };
        _guest = CreateGuest(settings.GuestId ?? Guid.NewGuid(), settings.MemoryBytes, options);
        if (settings.Guard is { } guard)
        {
            _guard = new GuardedEffects(guard);
            _guest.AttachEffects(_guard);
        }
    }

    /// <summary>Gives the guest's memory its content.</summary>
    public void Fill()
    {
        VerifiableGuestOptions options = _guest.Options;
        _run.Step(string.Create(
            CultureInfo.InvariantCulture,
            $"Guest {_guest.Id}: {Units.FormatBytes(_guest.Memory.Layout.Bytes)}, {options.VirtualCpus} virtual CPUs, workload {string.Join(" + ", options.Workloads)}, {options.FillPercent} % filled, seed {options.Seed}."));
        _guest.FillMemory();
    }

    /// <summary>Lets the guest run for a while, under the ownership of a new run.</summary>
    /// <param name="store">Decides who may run it; null: nobody.</param>
    /// <param name="warmup">How long.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task WarmUpAsync(IOwnershipStore? store, TimeSpan warmup, CancellationToken cancellationToken)
    {
        _ownership = await GuestOwnership.ClaimAsync(store, _guest.Id, cancellationToken);
        if (_guard is not null)
        {
            await _guard.RaiseAsync(_guest.Id, _ownership.Epoch, cancellationToken);
        }

        await _guest.ResumeAsync(_ownership.Epoch, cancellationToken);
        _run.Step($"The guest runs here for {Units.FormatDuration(warmup)}.");
        await Task.Delay(warmup, _run.Time, cancellationToken);
    }

    /// <summary>Moves the guest. Failures are in the result.</summary>
    /// <param name="destination">Where the destination listens.</param>
    /// <param name="journalDirectory">Where this side's journals are.</param>
    /// <param name="cancellationToken">Before the commit: the guest stays.</param>
    /// <exception cref="MigrationException">Its writes cannot be traced here.</exception>
    public async Task<SourceResult> MigrateAsync(EndPoint destination, string journalDirectory, CancellationToken cancellationToken)
    {
        MigrationSettings settings = _run.Settings;
        WriteTracerChoice choice = WriteTracers.Create(settings.Tracer, _guest.Memory, guestMarksWrites: true);
        using IWriteTracer tracer = choice.Tracer;
        _guest.AttachTracer(tracer);
        _run.Step($"Tracer {tracer.Name}: {choice.Reason}");
        TcpConnector connector = new(destination, settings.Tcp);
        _run.Begin(_migrationId, ReportMapping.Word(MigrationRole.Source), _guest.Id, settings.MemoryBytes, connector.Description);
        _run.Step($"Migration {_migrationId.ToString(CultureInfo.InvariantCulture)} to {connector.Description}.");
        MigrationSource source = new(_guest, tracer, SessionOptions.Source(_run, _migrationId, _ownership, journalDirectory));
        MigrationReport report;
        using (_run.ShowProgress(settings.Goal))
        {
            report = await source.MigrateAsync(connector, cancellationToken);
        }

        if (HeldRun.IsHeld(report))
        {
            // The journals say whose it is; where they are is the caller's choice.
            _run.Recoverer.JournalDirectory = journalDirectory;
            _isInMemory = !await HeldRun.TrySaveAsync(_run, report, _guest);
        }

        GuestFindings? findings = Stays(report) ? await CheckAsync() : null;
        return new SourceResult(report, findings, ReportMapping.ToDocument(report, findings, _guest.LongestStall));
    }

    /// <summary>Puts the result where it goes.</summary>
    public void Publish(SourceResult result) => HeldRun.Publish(_run, result.Report, result.Document, !_isInMemory);

    /// <summary>Ends the run: a guest that is held and could not be saved keeps this process alive.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndAsync(SourceResult result, CancellationToken cancellationToken) => _isInMemory
        ? await HeldRun.WaitAsync(_run, result.Report, cancellationToken)
        : ExitCodes.For(result.Report, result.Findings);

    /// <inheritdoc/>
    public void Dispose()
    {
        _guest.Dispose();
        _guard?.Dispose();
    }

    /// <summary>Gets the workload of a guest that was given none: a quarter of a small memory is hot, 64 MiB of a large one.</summary>
    internal static WorkloadSpec DefaultWorkload(long memoryBytes)
    {
        const long Most = 64L << 20;
        long hot = Math.Min(Most, memoryBytes / 4 / MemoryLayout.PageBytes * MemoryLayout.PageBytes);
        return hot == 0 ? WorkloadSpec.Idle : WorkloadSpec.Parse($"hot:{hot.ToString(CultureInfo.InvariantCulture)}@200MiB/s");
    }

    private static VerifiableGuest CreateGuest(Guid id, long memoryBytes, VerifiableGuestOptions options)
    {
        GuestMemory memory = GuestMemory.Allocate(memoryBytes);
        try
        {
            return new VerifiableGuest(id, memory, options);
        }
        catch (ArgumentException exception)
        {
            memory.Dispose();
            throw new UsageException(exception.Message);
        }
    }

    private static bool Stays(MigrationReport report) =>
        report.Outcome == MigrationOutcome.Cancelled || report.Failure?.Guest == GuestWhereabouts.RunningAtSource;

    // A guest that stays must go on, and must have lost nothing by the attempt.
    private async Task<GuestFindings> CheckAsync()
    {
        long before = _guest.Operations;
        await Task.Delay(_afterFailure, _run.Time);
        bool ran = _guest.Operations > before;
        await _guest.PauseAsync(CancellationToken.None);
        GuestFindings findings = GuestFindings.From(_guest.Verify());
        return ran ? findings : findings with { Consistent = false, Problem = findings.Problem ?? "it does not run on after the attempt" };
    }
}
