using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace PageEngine.Cli.Commands;

// Owns: commands that bring examples, and the help that shows them.

/// <summary>A command whose help ends with examples; the first one is also shown beside errors.</summary>
internal sealed class ExampleCommand(string name, string description, params string[] examples) : Command(name, description)
{
    /// <summary>Gets whole command lines that work.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}

/// <summary>Writes the usual help and then the examples.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        int result = usual.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        output.WriteLine("Examples:");
        foreach (string example in ((ExampleCommand)parseResult.CommandResult.Command).Examples)
        {
            output.WriteLine("  " + example);
        }

        output.WriteLine();
        return result;
    }
}
