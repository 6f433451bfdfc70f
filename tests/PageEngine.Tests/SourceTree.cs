using System.Text;

namespace PageEngine.Tests;

// Owns: the project's own files as text, for the tests that check its rules: the root, the sources, and each source
// without its comments and strings, so that a rule about code does not mind a word in a sentence.

/// <summary>One C# file.</summary>
/// <param name="Path">Its path from the root, with slashes.</param>
/// <param name="Text">What it holds.</param>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>Gets the text with comments, strings and characters blanked; every line keeps its number.</summary>
    internal string Code { get; } = CodeOnly.Of(Text);

    /// <summary>Gets the project's folder under src/ or tests/.</summary>
    internal string Project => Path.Split('/')[1];

    /// <summary>Gets the first folder inside the project; empty for a file at its top.</summary>
    internal string Folder => Path.Split('/') is { Length: > 3 } parts ? parts[2] : "";

    /// <summary>Gets the number of the line that a position is on, from 1.</summary>
    internal int LineOf(int position) => Text.AsSpan(0, position).Count('\n') + 1;
}

/// <summary>Finds the files.</summary>
internal static class SourceTree
{
    /// <summary>Gets the directory that holds the solution.</summary>
    internal static string Root { get; } = FindRoot();

    /// <summary>Gets every C# file under src/.</summary>
    internal static IReadOnlyList<SourceFile> Sources { get; } = Read("src");

    /// <summary>Reads every C# file under a folder of the root, without what a build left there.</summary>
    internal static IReadOnlyList<SourceFile> Read(string folder) =>
        [.. Files(folder, "*.cs").Select(path => new SourceFile(path, File.ReadAllText(Path.Combine(Root, path))))];

    /// <summary>Gets the paths of files under a folder of the root, from the root and with slashes.</summary>
    internal static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "PageEngine.sln")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"No PageEngine.sln above {AppContext.BaseDirectory}: run these tests from a checkout.");
    }
}

/// <summary>Blanks what is not code. Expressions inside interpolated strings are code and stay.</summary>
internal static class CodeOnly
{
    internal static string Of(string text)
    {
        var code = new StringBuilder(text);
        int end = Code(text, code, 0, insideHole: false);
        return end == text.Length ? code.ToString() : throw new InvalidOperationException("The end of a string was missed.");
    }

    // Returns behind the end of the text, or at the brace or colon that ends a hole.
    private static int Code(string text, StringBuilder code, int at, bool insideHole)
    {
        int depth = 0;
        while (at < text.Length)
        {
            if (At(text, at, "//"))
            {
                at = Blank(text, code, at, Find(text, at, "\n"));
            }
            else if (At(text, at, "/*"))
            {
                at = Blank(text, code, at, Find(text, at, "*/") + 2);
            }
            else if (text[at] == '\'')
            {
                int end = at + 1;
                while (end < text.Length && text[end] != '\'')
                {
                    end += text[end] == '\\' ? 2 : 1;
                }

                at = Blank(text, code, at, end + 1);
            }
            else if (text[at] is '"' or '$' or '@' && StartOfString(text, at) is { } start)
            {
                at = String(text, code, at, start);
            }
            else if (insideHole && depth == 0 && text[at] is '}' or ':' && insideHole && depth == 0)
            {
                return at;
            }
            else
            {
                depth += text[at] switch { '{' or '(' or '[' => 1, '}' or ')' or ']' => -1, _ => 0 };
                at++;
            }
        }

        return at;
    }

    private static (int Dollars, bool Verbatim, int Quotes, int Content)? StartOfString(string text, int at)
    {
        int dollars = 0;
        bool verbatim = false;
        while (at < text.Length && text[at] is '$' or '@')
        {
            dollars += text[at] == '$' ? 1 : 0;
            verbatim |= text[at] == '@';
            at++;
        }

        int quotes = 0;
        while (at + quotes < text.Length && text[at + quotes] == '"')
        {
            quotes++;
        }

        // Two quotes are an empty string, three or more begin a raw one.
        quotes = quotes == 2 || (verbatim && quotes > 0) ? 1 : quotes;
        return quotes == 0 ? null : (dollars, verbatim, quotes, at + quotes);
    }

    private static int String(string text, StringBuilder code, int at, (int Dollars, bool Verbatim, int Quotes, int Content) start)
    {
        (int dollars, bool verbatim, int quotes, int content) = start;
        string closing = new('"', quotes);
        string hole = new('{', Math.Max(1, dollars));
        Blank(text, code, at, content);
        at = content;
        while (at < text.Length)
        {
            if (quotes == 1 && !verbatim && text[at] == '\\')
            {
                at = Blank(text, code, at, at + 2);
            }
            else if (verbatim && At(text, at, "\"\""))
            {
                at = Blank(text, code, at, at + 2);
            }
            else if (At(text, at, closing))
            {
                return Blank(text, code, at, at + quotes);
            }
            else if (dollars > 0 && quotes == 1 && At(text, at, "{{"))
            {
                at = Blank(text, code, at, at + 2);
            }
            else if (dollars > 0 && At(text, at, hole))
            {
                at = Code(text, code, Blank(text, code, at, at + hole.Length), insideHole: true);

                // A format after the expression is text again.
                at = Blank(text, code, at, Find(text, at, "}") + hole.Length);
            }
            else
            {
                at = Blank(text, code, at, at + 1);
            }
        }

        return at;
    }

    private static bool At(string text, int at, string what) => string.CompareOrdinal(text, at, what, 0, what.Length) == 0;

    private static int Find(string text, int at, string what)
    {
        int found = text.IndexOf(what, at, StringComparison.Ordinal);
        return found < 0 ? text.Length : found;
    }

    private static int Blank(string text, StringBuilder code, int from, int to)
    {
        to = Math.Min(to, text.Length);
        for (int i = from; i < to; i++)
        {
            if (text[i] is not ('\n' or '\r'))
            {
                code[i] = ' ';
            }
        }

        return to;
    }
}
