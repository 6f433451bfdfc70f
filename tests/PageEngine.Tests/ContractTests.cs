using System.Text.RegularExpressions;
using Xunit;

namespace PageEngine.Tests;

// Owns: the promise that docs/contract.md is complete and names only what exists.
public class ContractTests
{
    private const int Rows = 192;

    private static readonly string[] _statuses = ["done", "not yet", "documented"];

    private static readonly Row[] _rows = Read();

    [Fact]
    public void Every_row_occurs_once_and_in_order() =>
        Assert.Equal(Enumerable.Range(1, Rows).Select(number => $"R{number:000}"), _rows.Select(row => row.Id));

    [Fact]
    public void Every_row_has_words_and_one_of_the_statuses() =>
        Assert.All(_rows, row => Assert.True(
            row.Mechanism.Length > 0 && row.Evidence.Length > 0 && _statuses.Contains(row.Status),
            $"{row.Id}: write a mechanism, one of '{string.Join("', '", _statuses)}', and what shows it or what is missing."));

    [Fact]
    public void Done_rows_name_a_test_or_a_command() =>
        Assert.All(_rows.Where(row => row.Status == "done"), row => Assert.True(
            row.Names.Length > 0, $"{row.Id} is done: name the `Class.Method` or the `pageengine` command that shows it."));

    [Fact]
    public void Named_tests_exist()
    {
        SourceFile[] tests = [.. SourceTree.Read("tests")];
        Assert.All(Named(name => !IsCommand(name)), name =>
        {
            string[] parts = name.Text.Split('.');
            Assert.True(
                parts.Length == 2 && tests.Any(file => Regex.IsMatch(file.Code, $@"\bclass {parts[0]}\b")
                    && Regex.IsMatch(file.Code, $@"\[(\w*Fact|\w*Theory|Property|Collection)\b(?:(?!\bpublic\b)[\s\S])*\bpublic\s+(?:async\s+)?\w+\s+{parts[1]}\(")),
                $"{name.Row} names the test {name.Text}, which is not under tests/. Was it renamed?");
        });
    }

    [Fact]
    public void Named_commands_exist()
    {
        string commandLine = string.Concat(SourceTree.Sources.Where(file => file.Project == "Cli").Select(file => file.Text));
        Assert.All(Named(IsCommand), name =>
        {
            foreach (string word in name.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..])
            {
                Assert.True(
                    commandLine.Contains($"\"{word}\"", StringComparison.Ordinal),
                    $"{name.Row} names `{name.Text}`, but src/Cli has no \"{word}\". Name only the command and its options, without values.");
            }
        });
    }

    [Fact]
    public void Named_pages_exist() =>
        Assert.All(
            _rows.SelectMany(row => Regex.Matches(row.Evidence, @"\]\(([^)#]+)").Select(match => (row.Id, Page: match.Groups[1].Value))),
            link => Assert.True(File.Exists(Path.Combine(SourceTree.Root, "docs", link.Page)), $"{link.Id} links to docs/{link.Page}, which is not there."));

    private static (string Row, string Text)[] Named(Func<string, bool> which)
    {
        (string, string)[] names = [.. _rows.SelectMany(row => row.Names.Where(which).Select(name => (row.Id, name)))];
        Assert.NotEmpty(names);
        return names;
    }

    private static bool IsCommand(string name) => name.StartsWith("pageengine ", StringComparison.Ordinal);

    private static Row[] Read() =>
        [.. File.ReadLines(Path.Combine(SourceTree.Root, "docs", "contract.md")).Where(line => line.StartsWith("| R", StringComparison.Ordinal) && char.IsAsciiDigit(line[3])).Select(Row.Parse)];

    private sealed record Row(string Id, string Mechanism, string Status, string Evidence)
    {
        /// <summary>Gets the tests and commands that the last column names.</summary>
        internal string[] Names { get; } =
            [.. Regex.Matches(Evidence, "`([^`]+)`").Select(match => match.Groups[1].Value).Where(name => IsCommand(name) || name.Contains('.', StringComparison.Ordinal))];

        internal static Row Parse(string line)
        {
            string[] cells = [.. line.Trim('|', ' ').Split('|').Select(cell => cell.Trim())];
            return cells.Length == 4
                ? new Row(cells[0], cells[1], cells[2], cells[3])
                : throw new FormatException($"docs/contract.md: a row has four cells: {line}");
        }
    }
}
