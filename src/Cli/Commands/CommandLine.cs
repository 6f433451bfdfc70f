using System.CommandLine;
using System.CommandLine.Help;
using PageEngine.Cli.Bench;
using PageEngine.Cli.Checkpoints;
using PageEngine.Cli.LogAnalysis;
using PageEngine.Cli.Qemu;

namespace PageEngine.Cli.Commands;

// Owns: the tree of commands, and what the user sees when something is wrong: one sentence, what to do next, and a stack
// trace only with --debug.

/// <summary>Parses and runs a command line.</summary>
internal static class CommandLine
{
    private static readonly string[] _rootExamples =
    [
        "pageengine demo",
        "pageengine receive --listen 0.0.0.0:4444 --once --plaintext        (on the destination)",
        "pageengine send --to 192.0.2.7:4444 --plaintext                    (on the source)",
    ];

    /// <summary>Gets the option that asks for stack traces.</summary>
    public static Option<bool> Debug { get; } = new("--debug")
    {
        Description = "Show stack traces with errors, and debug lines in the log.",
        Recursive = true,
    };

    /// <summary>Runs a command line to its end.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, Host host)
    {
        ParseResult parsed = Create(host).Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            return ReportUsage(parsed, host, parsed.Errors.Select(e => e.Message));
        }

        try
        {
            InvocationConfiguration configuration = new()
            {
                Output = host.Out,
                Error = host.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return await parsed.InvokeAsync(configuration);
        }
        catch (UsageException exception)
        {
            return ReportUsage(parsed, host, [exception.Message]);
        }
        catch (Exception exception)
        {
            return ReportFailure(exception, host, parsed.GetValue(Debug));
        }
    }

    /// <summary>Makes the tree of commands.</summary>
    internal static ExampleCommand Create(Host host)
    {
        // Not the framework's root command: that one calls itself after the assembly's file.
        HelpOption help = new();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return new ExampleCommand(
            "pageengine",
            "Moves a running guest's memory and state between processes and hosts, with a blackout of milliseconds.",
            _rootExamples)
        {
            DemoCommand.Create(host),
            SendCommand.Create(host),
            ReceiveCommand.Create(host),
            QemuCommand.Create(host),
            PredictCommand.Create(host),
            ListCommand.Create(host),
            ShowCommand.Create(host),
            ResolveCommand.Create(host),
            GuardCommand.Create(host),
            BenchCommand.Create(host),
            CheckpointCommand.Create(host),
            LogsCommand.Create(host),
            Debug,
            help,
            new VersionOption(),
        };
    }

    private static int ReportUsage(ParseResult parsed, Host host, IEnumerable<string> errors)
    {
        foreach (string error in errors.Distinct())
        {
            host.Error.WriteLine($"error: {error}");
        }

        ExampleCommand command = (ExampleCommand)parsed.CommandResult.Command;
        string name = string.Concat(PathOf(command).Select(c => $"{c.Name} "));
        host.Error.WriteLine($"example: {command.Examples[0]}");
        host.Error.WriteLine($"all options: pageengine {name}--help");
        return ExitCodes.WrongArguments;
    }

    // The commands above it and itself, without the program's own name.
    private static IEnumerable<Symbol> PathOf(Symbol command) =>
        command.Parents.FirstOrDefault() is { } parent ? PathOf(parent).Append(command) : [];

    private static int ReportFailure(Exception exception, Host host, bool debug)
    {
        host.Error.WriteLine(exception is OperationCanceledException ? "Cancelled before anything was moved." : $"error: {exception.Message}");
        if (debug)
        {
            host.Error.WriteLine(exception);
        }
        else if (exception is not (MigrationException or OperationCanceledException or IOException or UnauthorizedAccessException))
        {
            host.Error.WriteLine("This should not happen: run it again with --debug and report what it prints.");
        }

        return ExitCodes.For(exception);
    }
}
