using System.CommandLine;
using System.Security.Cryptography;
using PageEngine.Cli.Commands;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Cli.Checkpoints;

// Owns: the options about the guest that `checkpoint save` runs: the same words as those of demo and send.

/// <summary>The options of one command.</summary>
internal sealed class CheckpointGuestOptions
{
    private readonly WordOption<long> _memory = new(
        "--memory", "SIZE", "The guest's memory, a multiple of 4096 bytes. Default 1GiB.", 1L << 30, CommonOptions.MemorySize);

    private readonly WordOption<int> _vcpus = new(
        "--vcpus", "N", $"The guest's virtual CPUs, 1 to {VerifiableGuestOptions.MaxVirtualCpus}. Default 2.", 2,
        OptionParsers.Integer(1, VerifiableGuestOptions.MaxVirtualCpus));

    private readonly Option<string[]> _workload = new("--workload")
    {
        Description = "What the guest writes: idle, hot:SIZE@RATE, uniform@RATE, zipf:SKEW@RATE, seq@RATE; several are combined. Default hot:64MiB@200MiB/s.",
        HelpName = "SPEC",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly WordOption<int> _fill = new(
        "--fill", "PERCENT", "The share of pages filled with incompressible bytes before the run. Default 100.", 100, OptionParsers.Integer(0, 100));

    private readonly WordOption<Guid?> _guest = new(
        "--guest", "UUID", "The guest's identity; it names the ownership record. Default random.", null, OptionParsers.Uuid);

    private readonly WordOption<ulong?> _seed = new(
        "--seed", "N", "The seed of everything the guest does. Default random.", null, OptionParsers.Seed);

    /// <summary>Adds the options to a command.</summary>
    public CheckpointGuestOptions(Command command)
    {
        foreach (Option option in (ReadOnlySpan<Option>)[_memory, _vcpus, _workload, _fill, _guest, _seed])
        {
            command.Options.Add(option);
        }

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

    /// <summary>Makes the option that names a tracer.</summary>
    public static WordOption<WriteTracerKind> Tracer() => new(
        "--tracer", "auto|kernel|explicit", "Who sees the guest's writes. Default auto: the kernel where it can, else the guest itself.",
        WriteTracerKind.Auto,
        OptionParsers.OneOf(("auto", WriteTracerKind.Auto), ("kernel", WriteTracerKind.Kernel), ("explicit", WriteTracerKind.Explicit)));

    /// <summary>Finds options that mean nothing for a guest that comes from a checkpoint.</summary>
    public string? FirstGiven(ParseResult parsed) => FirstGivenButIdentity(parsed) ?? (_guest.IsGiven(parsed) ? _guest.Name : null);

    /// <summary>Finds options that mean nothing for a guest that is there already, and may be given a name.</summary>
    public string? FirstGivenButIdentity(ParseResult parsed) => _memory.IsGiven(parsed) ? _memory.Name
        : _vcpus.IsGiven(parsed) ? _vcpus.Name
        : parsed.GetResult(_workload) is not null ? _workload.Name
        : _fill.IsGiven(parsed) ? _fill.Name
        : _seed.IsGiven(parsed) ? _seed.Name
        : null;

    /// <summary>Gets the identity that was given.</summary>
    public Guid? Identity(ParseResult parsed) => _guest.Read(parsed);

    /// <summary>Makes the guest, with its first content.</summary>
    public VerifiableGuest Create(ParseResult parsed)
    {
        long bytes = _memory.Read(parsed);
        string[] workloads = parsed.GetValue(_workload) ?? [];
        GuestMemory memory = GuestMemory.Allocate(bytes);
        VerifiableGuest guest;
        try
        {
            guest = new VerifiableGuest(
                _guest.Read(parsed) ?? Guid.NewGuid(),
                memory,
                new VerifiableGuestOptions
                {
                    VirtualCpus = _vcpus.Read(parsed),
                    Seed = _seed.Read(parsed) ?? BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))),
                    Workloads = workloads.Length > 0 ? [.. workloads.Select(WorkloadSpec.Parse)] : [SourceRun.DefaultWorkload(bytes)],
                    FillPercent = _fill.Read(parsed),
                });
        }
        catch (ArgumentException exception)
        {
            memory.Dispose();
            throw new UsageException(exception.Message);
        }

        guest.FillMemory();
        return guest;
    }
}
