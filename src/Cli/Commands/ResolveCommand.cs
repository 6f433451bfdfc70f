using System.CommandLine;
using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Reporting;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: `resolve`: an operator settles a migration that was left in doubt. The record is believed before him.

/// <summary>The options of resolve.</summary>
internal sealed record ResolveSettings
{
    /// <summary>Gets the migration.</summary>
    public required ulong Id { get; init; }

    /// <summary>Gets the side, when both are on this host.</summary>
    public required string? Role { get; init; }

    /// <summary>Gets what the operator says.</summary>
    public required OperatorWord Word { get; init; }

    /// <summary>Gets how long a guest that comes to run here runs; null: until Ctrl-C.</summary>
    public required TimeSpan? RunFor { get; init; }

    /// <summary>Gets for how long to try.</summary>
    public required TimeSpan TryFor { get; init; }
}

/// <summary>Settles a migration in doubt.</summary>
internal static class ResolveCommand
{
    private static readonly TimeSpan _tellLimit = TimeSpan.FromSeconds(3);

    /// <summary>Makes the command.</summary>
    public static Command Create(Host host)
    {
        Argument<ulong> id = ShowCommand.IdArgument();
        Option<string?> role = ShowCommand.RoleOption("Which side to settle, when both ran on this host. Default: the source's.");
        Option<bool> dead = new("--other-side-is-dead")
        {
            Description = "You know that the other side's process has ended and that its copy is gone, or will never be started. Is it wrong, two guests may run.",
        };
        Option<bool> runs = new("--other-side-runs")
        {
            Description = "You know that the guest runs, or is to run, on the other side: give up what is here. With a store only as far as the record allows.",
        };
        WordOption<TimeSpan?> runFor = new(
            "--run-for", "TIME", "How long the guest runs here before it is checked and the program exits. Default: until Ctrl-C.", null,
            text => OptionParsers.Duration(text) is var (time, error) ? (time, error) : default);
        WordOption<TimeSpan> tryFor = new(
            "--try-for", "TIME", "For how long to try, while the store or the other side does not answer. Default 5s.", TimeSpan.FromSeconds(5), OptionParsers.Duration);
        Option<string?> ownership = new("--ownership")
        {
            Description = "Where the migration's ownership store is now. Default: where it was.",
            HelpName = "DIR",
        };
        Option<string?> json = CommonOptions.Json();
        Option<string?> log = new("--log") { Description = "Append the log to a file, one line an event.", HelpName = "FILE" };
        Option<bool> plaintext = new("--plaintext") { Description = "Allow unencrypted connections beyond this machine, to tell the other side." };
        Option<bool> verbose = new("--verbose", "-v") { Description = "Show the log on stderr too." };
        ExampleCommand command = new(
            "resolve",
            "Settles a migration in doubt: what the record decides is done, and what it proves wrong is refused.",
            "pageengine resolve 1451061663105920",
            "pageengine resolve 1451061663105920 --run-for 5s",
            "pageengine resolve 1451061663105920 --other-side-is-dead")
        {
            id, role, dead, runs, runFor, tryFor, ownership, json, log, plaintext, verbose,
        };
        TlsOptions tls = new(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(dead) && result.GetValue(runs))
            {
                result.AddError("--other-side-is-dead and --other-side-runs contradict each other: give one of them.");
            }
        });
        command.SetAction((parsed, _) => RunAsync(
            host,
            MigrationSettings.ForResolve(
                parsed.GetValue(ownership), parsed.GetValue(json), parsed.GetValue(log), parsed.GetValue(plaintext), tls.Read(parsed), parsed.GetValue(verbose), parsed.GetValue(CommandLine.Debug)),
            new ResolveSettings
            {
                Id = parsed.GetValue(id),
                Role = parsed.GetValue(role),
                Word = parsed.GetValue(dead) ? OperatorWord.OtherSideIsDead : parsed.GetValue(runs) ? OperatorWord.OtherSideRuns : OperatorWord.None,
                RunFor = runFor.Read(parsed),
                TryFor = tryFor.Read(parsed),
            }));
        return command;
    }

    private static async Task<int> RunAsync(Host host, MigrationSettings settings, ResolveSettings resolve)
    {
        using Interrupts interrupts = new(host, "Stopping. Once more ends the program at once.");
        OpenAttempt attempt = Find(new Recoverer(host.Time, History.StateDirectory.Choose(host.Variable, host.IsRoot), NoLog, host.Error.WriteLine), host, resolve);
        using CommandRun run = new(host, settings, attempt.Role == MigrationRole.Source ? 'S' : 'D');
        run.Log.MigrationId = attempt.MigrationId;
        if (attempt.ProcessIsAlive)
        {
            string process = run.Recoverer.ProcessOf(attempt) is { } number ? $"process {number.ToString(CultureInfo.InvariantCulture)}" : "another process";
            host.Error.WriteLine($"error: {process} still runs this migration, or holds its guest. Let it end, or stop it; what it leaves can be settled then.");
            return ExitCodes.Refused;
        }

        RecoveryResult result = await run.Recoverer.SettleAsync(
            attempt,
            new RecoverySettings
            {
                Operator = resolve.Word,
                OwnershipDirectory = settings.OwnershipDirectory,
                RetryPeriod = resolve.TryFor,
                ClaimTimeout = TimeSpan.MaxValue,
            },
            interrupts.Token);
        run.Tell(attempt.MigrationId, $"{Word(result.Outcome)}: {result.Description}");
        if (resolve.Word != OperatorWord.None && result.IsSettled)
        {
            await TellPeerAsync(run, attempt, resolve.Word, result);
        }

        if (result is { Outcome: RecoveryOutcome.RunsHere, Guest: VerifiableGuest guest })
        {
            return await RunHereAsync(run, result, guest, resolve.RunFor, interrupts.Token);
        }

        // A guest in a process of its own goes on there.
        (result.Guest as IDisposable)?.Dispose();
        return End(run, result);
    }

    private static Microsoft.Extensions.Logging.ILogger NoLog => Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;

    private static OpenAttempt Find(Recoverer recoverer, Host host, ResolveSettings resolve)
    {
        OpenAttempt[] found = [.. recoverer.Find().Where(a => a.MigrationId == resolve.Id && (resolve.Role is null || History.HeldGuests.RoleOf(a) == resolve.Role))];
        return found.FirstOrDefault(a => a.Role == MigrationRole.Source) ?? found.FirstOrDefault()
            ?? throw new UsageException(
                $"Nothing is open about migration {resolve.Id.ToString(CultureInfo.InvariantCulture)} in {recoverer.JournalDirectory}. `pageengine list failed` shows what is in doubt{(host.IsRoot ? "" : ", for this user")}.");
    }

    private static int End(CommandRun run, RecoveryResult result)
    {
        if (result.IsSettled)
        {
            ReportDocument? report = run.History.FindReport(result.Attempt.MigrationId, History.HeldGuests.RoleOf(result.Attempt));
            if (report is not null)
            {
                run.WriteJson(report);
                run.Show(report);
            }
        }

        return ExitCodes.For(result.Outcome);
    }

    private static async Task<int> RunHereAsync(CommandRun run, RecoveryResult result, VerifiableGuest guest, TimeSpan? runFor, CancellationToken cancellationToken)
    {
        using (guest)
        {
            run.Step(runFor is { } time ? $"The guest runs here for {Units.FormatDuration(time)}." : "The guest runs here until Ctrl-C.");
            try
            {
                await Task.Delay(runFor ?? Timeout.InfiniteTimeSpan, run.Time, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                // Told to stop: that is what was waited for.
            }

            return await SettledGuest.CheckAsync(run, result, guest);
        }
    }

    // With or without a store an operator's word belongs into both logs.
    private static async Task TellPeerAsync(CommandRun run, OpenAttempt attempt, OperatorWord word, RecoveryResult result)
    {
        string text = $"an operator settled it at the {(attempt.Role == MigrationRole.Source ? "source" : "destination")} ({(word == OperatorWord.OtherSideIsDead ? "'the other side is dead'" : "'the other side runs'")}): {result.Description}";
        if (attempt.Role != MigrationRole.Source || OptionParsers.PeerAddress(attempt.Peer).Value is not { } address)
        {
            run.Tell(attempt.MigrationId, $"The other side ({attempt.Peer}) could not be told: it has no address that listens.");
            return;
        }

        using CancellationTokenSource late = new(_tellLimit, run.Time);
        try
        {
            await OperatorNotice.SendAsync(new TcpConnector(address, run.Settings.Tcp), attempt.MigrationId, text, late.Token);
            run.Tell(attempt.MigrationId, $"The other side ({attempt.Peer}) was told.");
        }
        catch (Exception exception) when (exception is MigrationException or OperationCanceledException)
        {
            run.Tell(attempt.MigrationId, $"The other side ({attempt.Peer}) could not be told: {exception.Message} Tell whoever looks after it.");
        }
    }

    private static string Word(RecoveryOutcome outcome) => outcome switch
    {
        RecoveryOutcome.RunsHere => "Settled, the guest runs here",
        RecoveryOutcome.RunsElsewhere => "Settled, the guest runs at the other side",
        RecoveryOutcome.Discarded => "Settled, nothing of the guest is here",
        RecoveryOutcome.Lost => "Settled, the guest is lost",
        RecoveryOutcome.Refused => "Refused",
        _ => "Still in doubt",
    };
}
