using System.CommandLine;
using System.Net;
using PageEngine.Compression;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Planning;
using PageEngine.Tracing;

namespace PageEngine.Cli.Commands;

// Owns: the options that demo, send and receive share: names, limits, defaults. One instance belongs to one command.

/// <summary>The common options of one command.</summary>
internal sealed class CommonOptions
{
    private readonly WordOption<long> _memory = new(
        "--memory", "SIZE", "The guest's memory, a multiple of 4096 bytes. Default 1GiB.", 1L << 30, MemorySize);

    private readonly WordOption<int> _vcpus = new(
        "--vcpus", "N", $"The guest's virtual CPUs, 1 to {VerifiableGuestOptions.MaxVirtualCpus}. Default 2.", 2,
        OptionParsers.Integer(1, VerifiableGuestOptions.MaxVirtualCpus));

    private readonly Option<string[]> _workload = new("--workload")
    {
        Description = "What the guest writes: idle, hot:SIZE@RATE, uniform@RATE, zipf:SKEW@RATE, seq@RATE; several are combined. "
            + "RATE counts 4096 bytes for every page write, again each time; max is unthrottled. Default hot:64MiB@200MiB/s.",
        HelpName = "SPEC",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly WordOption<int> _fill = new(
        "--fill", "PERCENT", "The share of pages filled with incompressible bytes before the run. Default 100.", 100, OptionParsers.Integer(0, 100));

    private readonly WordOption<Guid?> _guest = new(
        "--guest", "UUID", "The guest's identity; it names the ownership record. Default random.", null, OptionParsers.Uuid);

    private readonly WordOption<int> _streams = new(
        "--streams", "N", "Page streams; 0 lets the engine choose. Default 0.", 0, OptionParsers.Integer(0, 64));

    private readonly WordOption<TimeSpan> _goal = new(
        "--goal", "TIME", "The longest blackout that is acceptable. Default 500ms.", TimeSpan.FromMilliseconds(500), PositiveDuration);

    private readonly WordOption<int> _maxRounds = new(
        "--max-rounds", "N", "The most pre-copy rounds. Default 30.", 30, OptionParsers.Integer(1, 10_000));

    private readonly WordOption<TimeSpan> _abortAfter = new(
        "--abort-after", "TIME", "From this remaining copy time on a switchover is not forced. Default 100s.", TimeSpan.FromSeconds(100), PositiveDuration);

    private readonly WordOption<TimeSpan> _startTimeout = Timer(
        "--start-timeout", "How long a start may take until the first page moves. Default 90s.", 90);

    private readonly WordOption<TimeSpan> _resumeTimeout = Timer(
        "--resume-timeout", "How long the source waits for the destination at the switchover; it tries for twice as long to settle a doubt. Default 120s.", 120);

    private readonly WordOption<TimeSpan> _claimTimeout = Timer(
        "--claim-timeout", "How long a prepared destination waits for a silent source before it claims the guest; longer than the source's --resume-timeout. Default 240s.", 240);

    private readonly WordOption<TimeSpan> _networkTimeout = Timer(
        "--network-timeout", "How long the peer may be silent before the connection counts as lost. Default 20s.", 20);

    private readonly WordOption<StallResponse> _ifStalled = new(
        "--if-stalled", "give-up|force",
        "When the guest writes faster than can be sent: give up, or switch over at the local minimum of remaining pages. Default give-up.",
        StallResponse.GiveUp,
        OptionParsers.OneOf(("give-up", StallResponse.GiveUp), ("force", StallResponse.Force)));

    private readonly WordOption<long> _bandwidth = new(
        "--bandwidth", "RATE", "The most that all page streams together may use, such as 1Gbit/s. Default no limit.", 0, OptionParsers.PositiveRate);

    private readonly WordOption<PageCompression> _compress = new(
        "--compress", "auto|none|lz4|zstd",
        "How pages are made smaller on the wire. Default auto: by what the link and the encoders are measured to do.",
        PageCompression.Auto,
        OptionParsers.OneOf(("auto", PageCompression.Auto), ("none", PageCompression.None), ("lz4", PageCompression.Lz4), ("zstd", PageCompression.Zstd)));

    private readonly WordOption<long> _pageCache = new(
        "--page-cache", "SIZE", "Memory for pages as they were sent last, so that only differences are sent again; 0 for none. Default 64MiB.",
        64L << 20, OptionParsers.SizeOrZero);

    private readonly WordOption<WriteTracerKind> _tracer = new(
        "--tracer", "auto|kernel|explicit", "Who sees the guest's writes. Default auto: the kernel where it can, else the guest itself.",
        WriteTracerKind.Auto,
        OptionParsers.OneOf(("auto", WriteTracerKind.Auto), ("kernel", WriteTracerKind.Kernel), ("explicit", WriteTracerKind.Explicit)));

    private readonly Option<string?> _ownership = new("--ownership")
    {
        Description = "A directory on storage that both hosts share; it decides who may run the guest.",
        HelpName = "DIR",
    };

    private readonly WordOption<EndPoint?> _guard = new(
        "--guard", "HOST:PORT", "A guard (`pageengine guard`) on which the guest has effects; both sides name the same one.", null, OptionParsers.PeerAddress);

    private readonly WordOption<IPAddress?> _bind = new(
        "--bind", "ADDR", "The local address to connect from.", null, OptionParsers.LocalAddress);

    private readonly WordOption<IPEndPoint?> _dataListen = new(
        "--data-listen", "HOST:PORT", "Where the destination takes page streams, when not where it listens.", null, OptionParsers.ListenAddress);

    private readonly WordOption<string?> _congestion = new(
        "--congestion", "NAME", "The congestion control of what this side sends, for example cubic. Default the system's.", null, OptionParsers.CongestionControl);

    private readonly Option<bool> _plaintext = new("--plaintext")
    {
        Description = "Allow unencrypted connections beyond this machine.",
    };

    private readonly Option<bool> _verify = new("--verify")
    {
        Description = "Compare both memories page by page, without lengthening the blackout.",
    };

    private readonly WordOption<ulong?> _seed = new(
        "--seed", "N", "The seed of everything the guest does. Default random.", null, OptionParsers.Seed);

    private readonly Option<string?> _json = Json();

    private readonly Option<string?> _log = new("--log")
    {
        Description = "Append the log to a file, one line an event.",
        HelpName = "FILE",
    };

    private readonly WordOption<ulong?> _id = new(
        "--id", "N", "The migration's id. Default microseconds since 1970.", null, OptionParsers.MigrationId);

    private readonly Option<bool> _verbose = new("--verbose", "-v")
    {
        Description = "Show the log on stderr too.",
    };

    private readonly TlsOptions _tls;
    private readonly bool _verifyByDefault;

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="destination">True: the guest comes from elsewhere; options about it are accepted, so that both sides
    /// can be called with the same ones, and only those that mean something here are shown.</param>
    /// <param name="verifyByDefault">Whether memories are compared unless `--verify false` says otherwise.</param>
    /// <param name="ownGuest">False: the guest is not this program's; options about what it does or how it is traced are left out.</param>
    public CommonOptions(Command command, bool destination = false, bool verifyByDefault = false, bool ownGuest = true)
    {
        _verifyByDefault = verifyByDefault;
        (Option Option, bool SourceOnly)[] options =
        [
            (_memory, false), (_vcpus, true), (_workload, true), (_fill, true), (_guest, false), (_streams, true), (_goal, true),
            (_maxRounds, true), (_abortAfter, true), (_startTimeout, false), (_resumeTimeout, true), (_claimTimeout, false), (_networkTimeout, false), (_ifStalled, true), (_bandwidth, true), (_compress, true), (_pageCache, true), (_tracer, true),
            (_ownership, false), (_guard, false), (_bind, true), (_dataListen, false), (_congestion, true), (_plaintext, false), (_verify, false), (_seed, true),
            (_json, false), (_log, false), (_id, true), (_verbose, false),
        ];
        if (destination)
        {
            _memory.Description = "The most memory a guest may have. Default no limit.";
            _guest.Description = "Take this guest only. Default any.";
            _verify.Description = "Check the guest against a replay of its run before exiting; --run-for does so anyway.";
        }
        else if (verifyByDefault)
        {
            _verify.Description += " Default here; --verify false leaves it out.";
        }

        if (!ownGuest)
        {
            _verify.Description = "Compare both memories page by page, without lengthening the blackout.";
            _guest.Description = destination ? "Take this guest only. Default any." : "The guest's identity; it names the ownership record. Default QEMU's -uuid.";
            options = [.. options.Where(o => !Array.Exists<Option>([_memory, _vcpus, _workload, _fill, _seed, _guard, _tracer], o.Option.Equals))];
        }

        foreach ((Option option, bool sourceOnly) in options)
        {
            option.Hidden = destination && sourceOnly;
            command.Options.Add(option);
        }

        _tls = new TlsOptions(command, destination);

        _workload.Validators.Add(result =>
        {
            foreach (string word in result.Tokens.Select(t => t.Value))
            {
                try
                {
                    WorkloadSpec.Parse(word);
                }
                catch (FormatException exception)
                {
                    result.AddError($"--workload: {exception.Message}");
                }
            }
        });
    }

    /// <summary>Makes the option that every command with a result has.</summary>
    public static Option<string?> Json() => new("--json")
    {
        Description = "Write the result as JSON to a file, or to stdout for - (everything else then goes to stderr).",
        HelpName = "FILE",
    };

    /// <summary>Reads the values.</summary>
    public MigrationSettings Read(ParseResult parsed) => new()
    {
        MemoryBytes = _memory.Read(parsed),
        MemoryIsGiven = _memory.IsGiven(parsed),
        Vcpus = _vcpus.Read(parsed),
        Workloads = [.. (parsed.GetValue(_workload) ?? []).Select(WorkloadSpec.Parse)],
        FillPercent = _fill.Read(parsed),
        GuestId = _guest.Read(parsed),
        Streams = _streams.Read(parsed),
        Goal = _goal.Read(parsed),
        MaxRounds = _maxRounds.Read(parsed),
        AbortAfter = _abortAfter.Read(parsed),
        StartTimeout = _startTimeout.Read(parsed),
        ResumeTimeout = _resumeTimeout.Read(parsed),
        ClaimTimeout = _claimTimeout.Read(parsed),
        NetworkTimeout = _networkTimeout.Read(parsed),
        IfStalled = _ifStalled.Read(parsed),
        BandwidthBytesPerSecond = _bandwidth.Read(parsed),
        Compression = _compress.Read(parsed),
        PageCacheBytes = _pageCache.Read(parsed),
        Tracer = _tracer.Read(parsed),
        OwnershipDirectory = parsed.GetValue(_ownership),
        Guard = _guard.Read(parsed),
        Bind = _bind.Read(parsed),
        DataListen = _dataListen.Read(parsed),
        Congestion = _congestion.Read(parsed),
        Plaintext = parsed.GetValue(_plaintext),
        Tls = _tls.Read(parsed),
        Verify = parsed.GetResult(_verify) is { Implicit: false } ? parsed.GetValue(_verify) : _verifyByDefault,
        Seed = _seed.Read(parsed),
        Json = parsed.GetValue(_json),
        Log = parsed.GetValue(_log),
        MigrationId = _id.Read(parsed),
        Verbose = parsed.GetValue(_verbose),
        Debug = parsed.GetValue(CommandLine.Debug),
    };

    internal static (long Value, string? Error) MemorySize(string text)
    {
        (long bytes, string? error) = OptionParsers.Size(text);
        return error is not null ? (0, error)
            : bytes == 0 || bytes % MemoryLayout.PageBytes != 0 ? (0, $"is not a multiple of {MemoryLayout.PageBytes} bytes; for example 64MiB or 1GiB")
            : bytes / MemoryLayout.PageBytes > MemoryLayout.MaxPages ? (0, "is more memory than a guest can have; for example 1GiB")
            : (bytes, null);
    }

    internal static (TimeSpan Value, string? Error) PositiveDuration(string text)
    {
        (TimeSpan time, string? error) = OptionParsers.Duration(text);
        return error is null && time == TimeSpan.Zero ? (time, "is no time to wait for; for example 500ms or 90s") : (time, error);
    }

    private static WordOption<TimeSpan> Timer(string name, string description, int seconds) => new(
        name, "TIME", description, TimeSpan.FromSeconds(seconds), TimerDuration);

    // Below it the one-second sign of life would count as silence; above it a typing error is likelier than a wish.
    private static (TimeSpan Value, string? Error) TimerDuration(string text)
    {
        (TimeSpan time, string? error) = PositiveDuration(text);
        return error is not null ? (time, error)
            : time < TimeSpan.FromMilliseconds(100) || time > TimeSpan.FromDays(1) ? (time, "is not between 100ms and 24h; for example 90s")
            : (time, null);
    }
}
