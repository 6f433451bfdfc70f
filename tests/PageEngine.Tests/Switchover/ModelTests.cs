using System.Text.RegularExpressions;
using PageEngine.Switchover;
using Xunit;

namespace PageEngine.Tests.Switchover;

// Owns: the promise that the checked model (docs/models) is a model of this code: its tables are the shipped ones, row
// by row, and its README says what each state of the implementation is in the model.

public sealed class ModelTests
{
    private static readonly string s_models = Path.Combine(SourceTree.Root, "docs", "models");

    [Theory]
    [InlineData((int)OwnershipMode.Store)]
    [InlineData((int)OwnershipMode.NoStore)]
    public void SourceTableOfTheModel_isTheShippedOne(int mode) => Assert.Equal(
        Shipped<SourceState, SourceEvent, SourceEffect>(SourceSwitchover.Next, (OwnershipMode)mode),
        Modelled("source-table.pml", (OwnershipMode)mode));

    [Theory]
    [InlineData((int)OwnershipMode.Store)]
    [InlineData((int)OwnershipMode.NoStore)]
    public void DestinationTableOfTheModel_isTheShippedOne(int mode) => Assert.Equal(
        Shipped<DestinationState, DestinationEvent, DestinationEffect>(DestinationSwitchover.Next, (OwnershipMode)mode),
        Modelled("destination-table.pml", (OwnershipMode)mode));

    [Theory]
    [InlineData((int)OwnershipMode.Store)]
    [InlineData((int)OwnershipMode.NoStore)]
    public void MessagesThatTheModelSaysNeverCome_areThoseThatTheTablesRefuse(int mode)
    {
        foreach ((string state, string e) in Never("source-table.pml", (OwnershipMode)mode))
        {
            Assert.True(SourceSwitchover.Next(Enum.Parse<SourceState>(state), Enum.Parse<SourceEvent>(e), (OwnershipMode)mode).IsUnexpected, $"{state}, {e}");
        }

        foreach ((string state, string e) in Never("destination-table.pml", (OwnershipMode)mode))
        {
            Assert.True(DestinationSwitchover.Next(Enum.Parse<DestinationState>(state), Enum.Parse<DestinationEvent>(e), (OwnershipMode)mode).IsUnexpected, $"{state}, {e}");
        }
    }

    [Fact]
    public void Readme_saysWhatEachStateIsInTheModel()
    {
        string readme = File.ReadAllText(Path.Combine(s_models, "README.md"));
        Assert.Equal(Names<SourceState>(), Mapped(readme, "Source"));
        Assert.Equal(Names<DestinationState>(), Mapped(readme, "Destination"));
    }

    [Fact]
    public void Model_hasEachState()
    {
        string model = File.ReadAllText(Path.Combine(s_models, "switchover.pml"));
        foreach (string state in Names<SourceState>())
        {
            Assert.Matches($@"\bS_{state}\b", model);
        }

        foreach (string state in Names<DestinationState>())
        {
            Assert.Matches($@"\bD_{state}\b", model);
        }
    }

    private static List<string> Names<TState>()
        where TState : struct, Enum => [.. Enum.GetNames<TState>().Where(name => name != "None").Order(StringComparer.Ordinal)];

    // The first column of the README's table under the heading: | `State` | ... |
    private static List<string> Mapped(string readme, string heading)
    {
        Match section = Regex.Match(readme, $@"^### {heading}\n(.*?)(?=^##)", RegexOptions.Multiline | RegexOptions.Singleline);
        Assert.True(section.Success, $"README.md of the model has no table '{heading}'.");
        return
        [
            .. Regex.Matches(section.Groups[1].Value, @"^\| ((?:`\w+`(?:, )?)+) \| \S", RegexOptions.Multiline)
                .SelectMany(row => Regex.Matches(row.Groups[1].Value, @"\w+").Select(name => name.Value))
                .Order(StringComparer.Ordinal),
        ];
    }

    private static List<string> Shipped<TState, TEvent, TEffect>(Func<TState, TEvent, OwnershipMode, Transition<TState, TEffect>> next, OwnershipMode mode)
        where TState : struct, Enum
        where TEvent : struct, Enum
        where TEffect : struct, Enum
    {
        var rows = new List<string>();
        foreach (TState state in Enum.GetValues<TState>())
        {
            foreach (TEvent e in Enum.GetValues<TEvent>())
            {
                Transition<TState, TEffect> answer = next(state, e, mode);
                if (!answer.IsUnexpected && (answer.Count > 0 || !answer.State.Equals(state)))
                {
                    rows.Add($"{state}, {e} -> {answer}");
                }
            }
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static List<string> Modelled(string file, OwnershipMode mode)
    {
        var rows = new List<string>();
        foreach (string line in LinesWithoutMistakes(file))
        {
            Match row = Regex.Match(line, @"^ +ON(_STORE|_NOSTORE)?\((\w+), (\w+)\) GOTO\((\w+)\)((?: (?:DO|THEN)\(\w+\))*) END$");
            Assert.True(row.Success || !line.TrimStart().StartsWith("ON", StringComparison.Ordinal), $"{file}: cannot read '{line}'.");
            if (row.Success && IsFor(row.Groups[1].Value, mode))
            {
                string effects = string.Join(", ", Regex.Matches(row.Groups[5].Value, @"\((\w+)\)").Select(effect => effect.Groups[1].Value));
                rows.Add($"{row.Groups[2]}, {row.Groups[3]} -> {row.Groups[4]} [{effects}]");
            }
        }

        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static List<(string State, string Event)> Never(string file, OwnershipMode mode)
    {
        List<(string State, string Event)> never =
        [
            .. LinesWithoutMistakes(file)
                .Select(line => Regex.Match(line, @"^ +NEVER(_STORE|_NOSTORE)?\((\w+), (\w+)\)$"))
                .Where(row => row.Success && IsFor(row.Groups[1].Value, mode))
                .Select(row => (row.Groups[2].Value, row.Groups[3].Value)),
        ];
        Assert.NotEmpty(never);
        return never;
    }

    private static bool IsFor(string suffix, OwnershipMode mode) =>
        suffix.Length == 0 || suffix == (mode == OwnershipMode.Store ? "_STORE" : "_NOSTORE");

    // As without any MUTATE_ setting: each #if holds a mistake, its #else the row itself.
    private static IEnumerable<string> LinesWithoutMistakes(string file)
    {
        bool mistake = false;
        foreach (string line in File.ReadLines(Path.Combine(s_models, file)))
        {
            if (line.StartsWith('#'))
            {
                mistake = line.Contains("MUTATE_", StringComparison.Ordinal);
            }
            else if (!mistake)
            {
                yield return line;
            }
        }
    }
}
