using System.Text.RegularExpressions;
using PageEngine.Qemu.Preflight;

namespace PageEngine.Qemu.Launch;

// Owns: the way from the source's command line to the one of a QEMU here that can take its machine. Pure. The source is
// not trusted with this host: every path and everything that names a file must be covered by a pair that the operator gave.

/// <summary>The command line of a QEMU that is to be started for a machine that arrives.</summary>
public sealed partial class LaunchPlan
{
    private LaunchPlan(string program, IReadOnlyList<string> arguments, IReadOnlyList<string> memoryFiles)
    {
        Program = program;
        Arguments = arguments;
        MemoryFiles = memoryFiles;
    }

    /// <summary>Gets the program's name, to be found as this host's programs are, or a mapped path.</summary>
    public string Program { get; }

    /// <summary>Gets the program's arguments.</summary>
    public IReadOnlyList<string> Arguments { get; }

    /// <summary>Gets the files that QEMU will make for memory: none may exist yet.</summary>
    public IReadOnlyList<string> MemoryFiles { get; }

    /// <summary>Makes a plan.</summary>
    /// <param name="sourceArguments">The source's command line, the program first; empty where it is not known.</param>
    /// <param name="mappings">What the source's names are here.</param>
    /// <param name="monitor">Where the new QEMU's monitor will be.</param>
    /// <returns>The plan, or everything that stands in its way.</returns>
    public static (LaunchPlan? Plan, IReadOnlyList<Finding> Findings) Make(
        IReadOnlyList<string> sourceArguments, IReadOnlyCollection<ValueMapping> mappings, string monitor)
    {
        ArgumentNullException.ThrowIfNull(sourceArguments);
        ArgumentNullException.ThrowIfNull(mappings);
        ArgumentException.ThrowIfNullOrEmpty(monitor);
        var findings = new List<Finding>();
        if (sourceArguments.Count == 0 || sourceArguments[0].Length == 0)
        {
            findings.Add(new Finding(
                "The command line of the source's QEMU is not known (it is longer than 16 KiB, or /proc hides it).", "Start a QEMU here by hand, with -incoming defer -S, and leave out --launch."));
            return (null, findings);
        }

        var map = new ValueMap(mappings);
        var values = new ArgumentMapper(map, findings);
        string program = ProgramOf(sourceArguments[0], map, findings);
        var arguments = new List<string>();
        for (int i = 1; i < sourceArguments.Count; i++)
        {
            string option = sourceArguments[i];
            string name = option.StartsWith("--", StringComparison.Ordinal) ? option[2..] : option.StartsWith('-') ? option[1..] : "";
            OptionKind? kind = name.Length > 0 ? OptionTable.Find(name) : null;
            if (kind is null)
            {
                findings.Add(new Finding(
                    name.Length > 0 ? $"The source's QEMU has the option '{option}', which is not one that can be carried over." : $"The source's QEMU has the argument '{option}' without an option.",
                    "Start the source without it, or start a QEMU here by hand, with -incoming defer -S, and leave out --launch."));

                // Whether the next word is its value is not known: it is one unless it looks like an option.
                i += i + 1 < sourceArguments.Count && !sourceArguments[i + 1].StartsWith('-') ? 1 : 0;
                continue;
            }

            if (kind is OptionKind.Flag or OptionKind.DroppedFlag)
            {
                if (kind == OptionKind.Flag)
                {
                    arguments.Add(option);
                }

                continue;
            }

            if (++i == sourceArguments.Count)
            {
                findings.Add(new Finding($"The source's command line ends after '{option}'.", "Start a QEMU here by hand, with -incoming defer -S, and leave out --launch."));
                break;
            }

            string value = sourceArguments[i];
            if (kind != OptionKind.DroppedValue)
            {
                arguments.AddRange([option, kind switch
                {
                    OptionKind.Path => values.Path(option, value),
                    OptionKind.Device => values.Device(option, value),
                    OptionKind.List => values.List(option, value),
                    _ => value,
                }]);
            }
        }

        arguments.AddRange(["-qmp", $"unix:{ArgumentMapper.Escape(monitor)},server=on,wait=off", "-incoming", "defer", "-S", "-daemonize"]);
        return findings.Count > 0 ? (null, findings) : (new LaunchPlan(program, arguments, values.MemoryFiles), []);
    }

    private static string ProgramOf(string program, ValueMap map, List<Finding> findings)
    {
        if (map.Path(program) is { } mapped)
        {
            return mapped;
        }

        string name = Path.GetFileName(program);
        if (!ProgramName().IsMatch(name))
        {
            findings.Add(new Finding($"The source's QEMU is the program '{program}', which is no name of QEMU that this host would start.", $"Give --map {program}=PATH with the QEMU to use here."));
        }

        return name;
    }

    [GeneratedRegex("^(qemu-system-[a-z0-9_]+|qemu-kvm|kvm)$")]
    private static partial Regex ProgramName();
}
