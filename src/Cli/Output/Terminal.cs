using Spectre.Console;

namespace PageEngine.Cli.Output;

// Owns: which abilities a stream is drawn on with. A stream that is not a terminal gets plain text: no colours, no cursor.

/// <summary>Makes consoles for the streams of a host.</summary>
internal static class Terminal
{
    // Sentences in a file or a pipe are not wrapped; tables are as wide as their columns anyway.
    private const int NoWidth = 10_000;

    /// <summary>Makes the console of the results.</summary>
    public static IAnsiConsole ForResults(Host host) => Create(host.Out, host.OutIsTerminal, host);

    /// <summary>Makes the console of errors, notes and progress.</summary>
    public static IAnsiConsole ForNotes(Host host) => Create(host.Error, host.ErrorIsTerminal, host);

    private static IAnsiConsole Create(TextWriter writer, bool isTerminal, Host host)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = isTerminal ? AnsiSupport.Yes : AnsiSupport.No,
            ColorSystem = isTerminal && host.Colors ? ColorSystemSupport.Standard : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new FixedOutput(writer, isTerminal, isTerminal ? host.Width : NoWidth),
            Enrichment = new ProfileEnrichment { UseDefaultEnrichers = false },
        });
        console.Profile.Capabilities.Links = false;
        console.Profile.Capabilities.Unicode = true;
        return console;
    }

    private sealed class FixedOutput(TextWriter writer, bool isTerminal, int width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;

        public bool IsTerminal => isTerminal;

        public int Width => width;

        public int Height => 50;

        public void SetEncoding(System.Text.Encoding encoding)
        {
            // Whoever made the writer chose its encoding.
        }
    }
}
