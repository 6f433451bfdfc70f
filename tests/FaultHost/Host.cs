using System.Globalization;
using System.Net;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Recovery;
using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport;

namespace PageEngine.FaultHost;

// Owns: one host: at most one guest, and the right to run it. One command at a time, except those that only look or that
// let a stopped step go on.
//
//   migrate HOST:PORT        moves the guest away; answers "result {...}"
//   receive                  takes one guest; answers "result {...}"
//   recover                  settles what an earlier process, or a migration in doubt, left; answers "recovered {...}"
//   cancel                   cancels what is under way
//   arm STEP EDGE N ACTION   stop or fail at the Nth of a step, from now on; N 0: every time
//   disarm, go               take it back; let the stopped step go on
//   status, verify, resources    each answers one line with its name and a document
//   quit                     ends

internal sealed class Host : IAsyncDisposable
{
    private static readonly TimeSpan _ranOnLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _recoveryInterval = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan _recoveryPeriod = TimeSpan.FromSeconds(1);

    private readonly HostOptions _options;
    private readonly HostChannel _channel;
    private readonly StepGate _steps;
    private readonly EffectLog _effects;
    private readonly FileOwnershipStore _files;
    private readonly SteppedStore _store;
    private readonly TcpAcceptor _acceptor;
    private readonly MigrationDestination _destination;
    private SteppedGuest? _guest;
    private GuestOwnership? _ownership;
    private CancellationTokenSource _cancel = new();
    private Task _working = Task.CompletedTask;

    public Host(HostOptions options, HostChannel channel)
    {
        _options = options;
        _channel = channel;
        _steps = new StepGate(channel);
        _effects = new EffectLog(options.Effects);
        _files = FileOwnershipStore.Open(options.Store);
        _store = new SteppedStore(_files, options.Store, _steps) { Guest = options.Guest ?? Guid.Empty };
        _acceptor = new TcpAcceptor(options.Listen, new TcpOptions
        {
            DataListen = options.HasDataEndPoint ? new IPEndPoint(IPAddress.Loopback, 0) : null,
            UserTimeout = options.NetworkTimeout,
        });
        _destination = new MigrationDestination(MakeShadow, new MigrationDestinationOptions
        {
            OwnershipStore = _store,
            JournalDirectory = options.Journal,
            StartTimeout = options.StartTimeout,
            ClaimTimeout = options.ClaimTimeout,
            NetworkTimeout = options.NetworkTimeout,
            RaiseGuards = RaiseGuardsAsync,
            Logger = new HostLogger(channel),
        });
    }

    public async Task<int> RunAsync()
    {
        if (_options.Guest is { } id)
        {
            _guest = MakeGuest(id);
            _ownership = await GuestOwnership.ClaimAsync(_store, id);
            await _guest.ResumeAsync(_ownership.Epoch, CancellationToken.None);
        }

        _channel.Say($"listening {_acceptor.LocalEndPoint}");
        while (await _channel.ReadAsync() is { } line && line != "quit")
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            switch (words[0])
            {
                case "migrate":
                    Begin(() => MigrateAsync(IPEndPoint.Parse(words[1])));
                    break;
                case "receive":
                    Begin(ReceiveAsync);
                    break;
                case "recover":
                    Begin(RecoverAsync);
                    break;
                case "cancel":
                    await _cancel.CancelAsync();
                    break;
                case "arm":
                    _steps.Arm(words[1], words[2], int.Parse(words[3], CultureInfo.InvariantCulture), words[4] == "fail" ? StepAction.Fail : StepAction.Stop);
                    _channel.Say("armed");
                    break;
                case "disarm":
                    _steps.Disarm();
                    _channel.Say("disarmed");
                    break;
                case "go":
                    _steps.Go();
                    break;
                case "status":
                    _channel.Say("status", new StatusDocument(State, _guest?.Inner.Epoch ?? 0, _guest?.Inner.Operations ?? 0, true));
                    break;
                case "verify":
                    await VerifyAsync();
                    break;
                case "resources":
                    _channel.Say("resources", Resources.Count([_options.Store, _options.Journal], _options.MemoryBytes));
                    break;
                default:
                    throw new ArgumentException($"'{line}' is not a command.");
            }
        }

        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        await _cancel.CancelAsync();
        _steps.Disarm();
        _steps.Go();
        await _working;
        _guest?.Dispose();
        _effects.Dispose();
        _acceptor.Dispose();
        _files.Dispose();
        _cancel.Dispose();
    }

    private string State => _guest is null ? "none" : _guest.IsRunning ? "running" : "held";

    private void Begin(Func<Task> work)
    {
        if (!_working.IsCompleted)
        {
            throw new InvalidOperationException("A migration is under way.");
        }

        _cancel.Dispose();
        _cancel = new CancellationTokenSource();
        _working = Task.Run(work);
    }

    private SteppedGuest MakeGuest(Guid id)
    {
        var guest = new VerifiableGuest(id, GuestMemory.Allocate(_options.MemoryBytes), new VerifiableGuestOptions
        {
            VirtualCpus = 2,
            Seed = _options.Seed,
            Workloads = [WorkloadSpec.Parse(_options.Workload)],
        });
        guest.FillMemory();
        return new SteppedGuest(guest, _steps, _effects);
    }

    private SteppedGuest MakeShadow(GuestOffer offer)
    {
        if (_guest is not null)
        {
            throw new MigrationException(MigrationErrorKind.Refused, "A guest is here already.");
        }

        _store.Guest = offer.GuestId;
        return new SteppedGuest(VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout), _steps, _effects);
    }

    private async ValueTask RaiseGuardsAsync(Guid guest, ulong epoch, CancellationToken cancellationToken)
    {
        await _steps.BeforeAsync("raise");
        await _steps.AfterAsync("raise");
    }

    private async Task MigrateAsync(IPEndPoint destination)
    {
        SteppedGuest guest = _guest ?? throw new InvalidOperationException("There is no guest here.");
        WriteTracerChoice choice = WriteTracers.Create(WriteTracerKind.Auto, guest.Memory, guestMarksWrites: true);
        MigrationReport report;
        using (IWriteTracer tracer = choice.Tracer)
        {
            guest.Inner.AttachTracer(tracer);
            var source = new MigrationSource(guest, tracer, new MigrationSourceOptions
            {
                Streams = _options.Streams,
                Policy = new RoundLimitPolicy(_options.Rounds, 0),
                Ownership = _ownership,
                JournalDirectory = _options.Journal,
                Verify = true,
                StartTimeout = _options.StartTimeout,
                ResumeTimeout = _options.ResumeTimeout,
                NetworkTimeout = _options.NetworkTimeout,
                Logger = new HostLogger(_channel),
            });
            var connector = new TcpConnector(destination, new TcpOptions { UserTimeout = _options.NetworkTimeout });
            report = await source.MigrateAsync(connector, _cancel.Token);
            if (report.Outcome is MigrationOutcome.Completed || report.Failure?.Guest == GuestWhereabouts.RunningAtDestination)
            {
                guest.Dispose();
                (_guest, _ownership) = (null, null);
            }
            else
            {
                guest.Inner.AttachTracer(null);
                _ownership = _ownership! with { Epoch = report.Epoch };
            }
        }

        SayResult(report);
    }

    private async Task ReceiveAsync()
    {
        DestinationResult result;
        try
        {
            result = await _destination.ReceiveAsync(_acceptor, _cancel.Token);
        }
        catch (OperationCanceledException)
        {
            _channel.Say("cancelled");
            return;
        }

        if (result.Guest is SteppedGuest guest)
        {
            (_guest, _ownership) = (guest, result.Ownership);
        }

        SayResult(result.Report);
    }

    // A copy that is held is in this process, as a guest that lives in a process of its own would be.
    private async Task RecoverAsync()
    {
        var outcomes = new List<string>();
        foreach (OpenAttempt attempt in MigrationRecovery.Find(_options.Journal))
        {
            _store.Guest = attempt.GuestId;
            SteppedGuest? held = State == "held" ? _guest : null;
            RecoveryResult result = await MigrationRecovery.SettleAsync(attempt, new RecoveryOptions
            {
                Store = _store,
                FindCopy = held is null ? null : (_, _) => new(new KeptCopy(held)),
                RaiseGuards = RaiseGuardsAsync,
                RetryInterval = _recoveryInterval,
                RetryPeriod = _recoveryPeriod,
                ClaimTimeout = _options.ClaimTimeout,
                Logger = new HostLogger(_channel),
            });
            outcomes.Add($"{result.Outcome}: {result.Description}");
            if (result.Outcome == RecoveryOutcome.RunsHere)
            {
                // No guest comes with it where it runs here already.
                (_guest, _ownership) = ((SteppedGuest?)result.Guest ?? _guest, result.Ownership);
            }
            else if (result.IsSettled && held is not null)
            {
                held.Dispose();
                (_guest, _ownership) = (null, null);
            }
        }

        _channel.Say("recovered", new RecoveredDocument([.. outcomes], State));
    }

    private void SayResult(MigrationReport report) => _channel.Say("result", new ResultDocument(
        report.Role.ToString(),
        report.Outcome.ToString(),
        report.Failure?.Kind.ToString(),
        report.Failure?.Phase.ToString(),
        report.Failure?.DetectedBy.ToString(),
        report.Failure?.Message,
        report.Failure?.Guest.ToString(),
        report.Epoch,
        report.Memory?.Identical,
        State));

    // A guest that runs is stopped for it, and goes on afterwards under the epoch it had.
    private async Task VerifyAsync()
    {
        if (_guest is not { } guest)
        {
            _channel.Say("verified", new VerifiedDocument("none", 0, 0, 0, 0, 0, 0, null, false));
            return;
        }

        string state = State;
        ulong epoch = guest.Inner.Epoch;
        await guest.PauseAsync(CancellationToken.None);
        GuestVerification found = guest.Inner.Verify();
        bool ranOn = false;
        if (state == "running")
        {
            await guest.ResumeAsync(epoch, CancellationToken.None);
            long began = TimeProvider.System.GetTimestamp();
            while (!(ranOn = guest.Inner.Operations > found.Operations) && TimeProvider.System.GetElapsedTime(began) < _ranOnLimit)
            {
                await Task.Delay(1);
            }
        }

        _channel.Say("verified", new VerifiedDocument(
            state, epoch, found.Operations, found.LostOperations, found.RepeatedOperations, found.CorruptedPages, found.InvariantViolations, found.FirstFinding, ranOn));
    }
}
