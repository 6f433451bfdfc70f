using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace PageEngine.Tests;

// Owns: the rules of docs/architecture.md and CONTRIBUTING.md that a compiler does not know, checked on the sources. A
// rule has a list of exceptions only where one is needed, each with its reason; an exception that nobody needs fails too.
public class ArchitectureTests
{
    /// <summary>Project folder under src/ to the project folders it may use.</summary>
    private static readonly Dictionary<string, string[]> AllowedProjects = new()
    {
        ["PageEngine"] = [],
        ["Transport"] = ["PageEngine"],
        ["EmbeddedGuest"] = ["PageEngine"],
        ["Simulation"] = ["PageEngine"],
        ["Qemu"] = ["PageEngine", "Transport"],
        ["Checkpoints"] = ["PageEngine"],
        ["Cli"] = ["PageEngine", "Transport", "EmbeddedGuest", "Checkpoints", "Qemu"],
    };

    /// <summary>Folder of src/PageEngine to the folders it may use. The order is that of the layers: each uses only those
    /// above it in this list. The files at the top of the project (errors, units) may be used by all and use no folder.</summary>
    private static readonly (string Folder, string[] Uses)[] EngineFolders =
    [
        ("", []),
        ("Interop", []),
        ("Devices", []),
        ("Memory", ["Interop"]),
        ("Bitmaps", ["Memory"]),
        ("Ownership", ["Interop"]),
        ("Tracing", ["Bitmaps", "Memory", "Interop"]),
        ("Planning", ["Memory"]),
        ("Compression", ["Memory"]),
        ("Streaming", ["Bitmaps", "Compression", "Memory"]),
        ("Guests", ["Devices", "Memory"]),
        ("Switchover", ["Ownership"]),
        ("Reporting", ["Compression", "Planning", "Tracing"]),
        ("Recovery", ["Guests", "Ownership", "Reporting", "Switchover"]),
    ];

    private static readonly (string Folder, string[] Uses)[] TransportFolders =
    [
        ("Interop", []),
        ("Sealing", []),
        ("Edges", ["", "Interop", "Sealing"]),
        ("Control", ["Sealing"]),
        ("Sessions", ["", "Control", "Sealing"]),
        ("Measuring", ["", "Edges", "Control", "Sealing", "Sessions"]),
        ("", ["Edges", "Control", "Sealing", "Sessions"]),
    ];

    private static readonly (string Folder, string[] Uses)[] CheckpointFolders =
    [
        ("Interop", []),
        ("Format", []),
        ("Compression", []),
        ("Writing", ["Compression", "Format", "Interop"]),
        ("Reading", ["Compression", "Format", "Interop", "Writing"]),
        ("", ["Format", "Reading", "Writing"]),
    ];

    private static readonly (string Path, string Folder, string Reason)[] FolderExceptions =
    [
        ("src/PageEngine/Memory/MemoryPopulation.cs", "Bitmaps", "says of many pages at once that they are zero, and a bitmap is the only form in which that is small; bitmaps know nothing of it"),
        ("src/PageEngine/Memory/MemoryResidency.cs", "Bitmaps", "answers for many pages at once, and a bitmap is the only form in which that is small; bitmaps know nothing of it"),
        ("src/PageEngine/Ownership/JournalCodec.cs", "Switchover", "the journal keeps the attempt and the state of a switchover across a crash; the machines know nothing of it"),
        ("src/PageEngine/Ownership/JournalHeader.cs", "Switchover", "the journal keeps the attempt and the state of a switchover across a crash; the machines know nothing of it"),
        ("src/PageEngine/Ownership/JournalState.cs", "Switchover", "the journal keeps the attempt and the state of a switchover across a crash; the machines know nothing of it"),
    ];

    private static readonly (string Path, string Reason)[] UnsafeInTransport =
    [
        ("src/Transport/Sessions/MemoryComparison.cs", "hashes the frozen guest's pages where they are"),
    ];

    private static readonly (string Path, string Reason)[] NamesOfProducts =
    [
        ("src/Cli/Commands/CommandLine.cs", "the tree of commands names the command that is called after the product it talks to"),
        ("src/Cli/Checkpoints/CheckpointCommand.cs", "the group of commands has a hidden one that works for another product's guests"),
        ("src/Cli/Checkpoints/CheckpointGuestRun.cs", "one command saves and restores another product's guests, too"),
        ("src/Cli/Checkpoints/CheckpointRestoreCommand.cs", "one command saves and restores another product's guests, too"),
        ("src/Cli/Checkpoints/CheckpointSaveCommand.cs", "one command saves and restores another product's guests, too"),
        ("src/Cli/Program.cs", "may be started as the short-lived process that works for another product's guests"),
        ("src/Cli/Commands/Recoverer.cs", "settles what the commands for another product's guests left behind, too"),
    ];

    private static IReadOnlyList<SourceFile> Sources => SourceTree.Sources;

    private static IEnumerable<SourceFile> Libraries => Sources.Where(file => file.Project != "Cli");

    [Fact]
    public void Sources_are_found()
    {
        foreach (string project in AllowedProjects.Keys)
        {
            Assert.True(Sources.Count(file => file.Project == project) >= 20, $"Hardly any source was found under src/{project}: these tests look in the wrong place.");
        }
    }

    [Fact]
    public void Projects_depend_in_one_direction()
    {
        string[] projects = [.. SourceTree.Files("src", "*.csproj")];
        Assert.NotEmpty(projects);
        AssertNone(
            projects.SelectMany(path =>
            {
                string project = path.Split('/')[1];
                return !AllowedProjects.TryGetValue(project, out string[]? allowed)
                    ? [$"{path}: a project that ArchitectureTests.AllowedProjects does not know"]
                    : References(path).Where(used => !allowed.Contains(used)).Select(used => $"{path} references {used}");
            }),
            "Project references go Cli → Qemu → Transport → PageEngine, and Cli → Checkpoints, EmbeddedGuest → PageEngine. Move the shared code down, or put the seam into the lower project and implement it in the upper one.");
    }

    [Fact]
    public void Nothing_but_its_tests_uses_the_command_line()
    {
        string[] others = [.. SourceTree.Files("bench", "*.csproj"), .. SourceTree.Files("samples", "*.csproj"), .. SourceTree.Files("tests", "*.csproj").Where(p => !p.StartsWith("tests/Cli.Tests/", StringComparison.Ordinal))];
        Assert.NotEmpty(others);
        AssertNone(
            others.Where(path => References(path).Contains("Cli")),
            "The command line is a user of the libraries, like an embedder. What is needed elsewhere belongs into a library.");
    }

    [Fact]
    public void Internals_are_open_to_the_engines_own_assemblies_and_to_tests_alone()
    {
        AssertNone(
            SourceTree.Files("src", "*.csproj").SelectMany(path => Load(path).Descendants("InternalsVisibleTo")
                .Select(element => element.Attribute("Include")!.Value)
                .Where(name => !name.EndsWith(".Tests", StringComparison.Ordinal) && !name.EndsWith(".Bench", StringComparison.Ordinal)
                    && !(path.StartsWith("src/PageEngine/", StringComparison.Ordinal) && (name is "PageEngine.Transport" or "PageEngine.Simulation" or "PageEngine.Checkpoints")))
                .Select(name => $"{path} opens its internals to {name}")),
            "The embedded guest and the command line use what every embedder can use. Make the type public and document it, or do without.");
    }

    [Fact]
    public void Engine_folders_depend_in_one_direction() => AssertFolders("PageEngine", "PageEngine", EngineFolders);

    [Fact]
    public void Transport_folders_depend_in_one_direction() => AssertFolders("Transport", "PageEngine.Transport", TransportFolders);

    [Fact]
    public void Checkpoint_folders_depend_in_one_direction() => AssertFolders("Checkpoints", "PageEngine.Checkpoints", CheckpointFolders);

    [Fact]
    public void Engine_folders_have_no_cycle_but_the_excepted_ones()
    {
        for (int i = 0; i < EngineFolders.Length; i++)
        {
            string[] above = [.. EngineFolders[..i].Select(folder => folder.Folder)];
            Assert.All(EngineFolders[i].Uses, used => Assert.True(above.Contains(used), $"{EngineFolders[i].Folder} may use {used}, which stands below it: no layering allows both directions."));
        }
    }

    [Fact]
    public void Folder_exceptions_are_all_needed() =>
        AssertNone(
            FolderExceptions.Where(exception => !FoldersUsedBy(Sources.Single(file => file.Path == exception.Path), "PageEngine")
                .Any(used => used.Folder == exception.Folder)).Select(exception => $"{exception.Path} no longer uses {exception.Folder}"),
            "Remove the entry from FolderExceptions.");

    [Fact]
    public void Planning_knows_the_page_size_and_nothing_else_of_memory()
    {
        string[] types = [.. TypesOf(Sources.Where(file => file is { Project: "PageEngine", Folder: "Memory" })).Where(type => type != "MemoryLayout")];
        Assert.Contains("GuestMemory", types);
        AssertNone(
            Find(Sources.Where(IsPlanning), $@"\b({string.Join('|', types)})\b"),
            "Planning works on numbers. Give it a count of pages, not the pages.");
    }

    [Fact]
    public void Decisions_hold_no_thread_clock_file_or_pointer() =>
        AssertNone(
            Find(
                Sources.Where(file => IsPlanning(file) || file is { Project: "PageEngine", Folder: "Switchover" }),
                @"\b(unsafe|stackalloc|Thread|ThreadPool|Task|ValueTask|async|await|lock|Interlocked|Volatile|Timer|DateTime|DateTimeOffset|TimeProvider|Stopwatch|Random|File|FileStream|Directory|Stream|Socket|Process|Environment|ILogger)\b"),
            "Planning and Switchover are pure: they take facts and events and return decisions and effects. Do the work in src/Transport/Sessions and hand its result in.");

    [Fact]
    public void Engine_has_no_socket_and_no_console() =>
        AssertNone(
            Find(Sources.Where(file => file.Project == "PageEngine"), @"\bSystem\.Net\b|\bSockets?\b|\bConsole\b"),
            "The kernel of the engine moves no bytes over a network and prints nothing: sockets belong into src/Transport/Edges, output into src/Cli.");

    [Fact]
    public void Libraries_ask_no_wall_clock_do_not_sleep_and_do_not_print() =>
        AssertNone(
            Find(Libraries, @"\bThread\s*\.\s*Sleep\b|\bDateTime(Offset)?\s*\.\s*(Now|UtcNow|Today)\b|\bConsole\b|\bEnvironment\s*\.\s*(Exit|FailFast)\b"),
            "Take a TimeProvider for time, wait for an event rather than sleeping, report through the API or ILogger.");

    [Fact]
    public void Files_have_at_most_500_lines() =>
        AssertNone(
            Sources.Select(file => (file.Path, Lines: file.Text.AsSpan().TrimEnd('\n').Count('\n') + 1)).Where(file => file.Lines > 500).Select(file => $"{file.Path}: {file.Lines} lines"),
            "A file owns one thing. Find the second one in it and move it to a file of its own.");

    [Fact]
    public void Files_say_at_their_top_what_they_own() =>
        AssertNone(
            Sources.Where(file => !IsEntryPoint(file)).Where(file => !file.Text.Split('\n').Take(40).Any(line => line.StartsWith("// Owns: ", StringComparison.Ordinal) || line.StartsWith("// Role: ", StringComparison.Ordinal)))
                .Select(file => file.Path),
            "Put a short comment behind the namespace line: '// Owns: ' and what this file owns, who may call it, what always holds.");

    [Fact]
    public void Namespaces_are_file_scoped_and_follow_the_folders() =>
        AssertNone(
            Sources.Where(file => !IsEntryPoint(file)).Where(file => !Regex.IsMatch(file.Code, $@"(?m)^namespace {Regex.Escape(NamespaceOf(file))};")).Select(file => $"{file.Path}: namespace {NamespaceOf(file)}; is missing"),
            "Folder = namespace, in one line that ends with a semicolon.");

    [Fact]
    public void System_calls_are_imported_in_interop_folders_alone() =>
        AssertNone(
            Find(Sources.Where(file => !file.Path.Contains("/Interop/", StringComparison.Ordinal)), @"\b(LibraryImport|DllImport|GetExport|GetDelegateForFunctionPointer)\b")
                .Concat(Find(Sources, @"\bDllImport\b")),
            "Imports stand in a folder Interop, with the kernel's spelling, by LibraryImport.");

    [Fact]
    public void Transport_is_unsafe_at_its_edges_alone()
    {
        SourceFile[] found = [.. Sources.Where(file => file is { Project: "Transport", Folder: not ("Edges" or "Interop") } && Regex.IsMatch(file.Code, @"\bunsafe\b"))];
        AssertNone(
            found.Select(file => file.Path).Where(path => !UnsafeInTransport.Any(exception => exception.Path == path)),
            "Pointers stay in Edges and Interop. Use spans, or add the file to UnsafeInTransport with the reason.");
        AssertNone(
            UnsafeInTransport.Select(exception => exception.Path).Where(path => !found.Any(file => file.Path == path)),
            "Remove the entry from UnsafeInTransport: nothing there is unsafe any more.");
    }

    [Fact]
    public void Command_line_needs_no_pointer() =>
        AssertNone(
            Find(Sources.Where(file => file is { Project: "Cli", Folder: not "Interop" }), @"\bunsafe\b"),
            "The command line uses the libraries' safe surface.");

    [Fact]
    public void Exceptions_are_not_swallowed()
    {
        var problems = new List<string>();
        foreach (SourceFile file in Sources)
        {
            foreach (Match match in Regex.Matches(file.Code, @"\bcatch\b\s*(\(\s*(?<type>[\w.]+)(\s+(?<name>\w+))?\s*\))?\s*(?<when>when\b)?"))
            {
                (string body, string text) = BlockAfter(file, match.Index + match.Length);
                bool everything = !match.Groups["when"].Success && match.Groups["type"].Value is "" or "Exception" or "System.Exception";
                everything &= !match.Groups["when"].Success;
                string name = match.Groups["name"].Value;
                bool passesOn = Regex.IsMatch(body, @"\bthrow\b") || (name.Length > 0 && Regex.IsMatch(body, $@"\b{name}\b"));
                if (everything && !passesOn)
                {
                    problems.Add($"{file.Path}:{file.LineOf(match.Index)}: catches everything and neither throws again nor hands the exception on");
                }
                else if (string.IsNullOrWhiteSpace(body) && !text.Contains("//", StringComparison.Ordinal))
                {
                    problems.Add($"{file.Path}:{file.LineOf(match.Index)}: an empty catch without a reason");
                }
            }
        }

        AssertNone(problems, "Catch the exceptions that are expected, by type or with a filter; say in a comment why nothing needs to be done about one.");
    }

    [Fact]
    public void Identifiers_name_no_product() =>
        AssertNone(
            Find(
                Sources.Where(file => !file.Path.Contains("Qemu", StringComparison.Ordinal) && !NamesOfProducts.Any(exception => exception.Path == file.Path)),
                @"\b\w*(Xen(?![a-z])|[Vv][Mm][Ww]are|[Vv]Motion|VMOTION|Vmotion|vmotion|VSphere|Vsphere|vSphere|Esxi(?![a-z])|[Qq]emu|QEMU|[Ll]ibvirt|HyperV(?![a-z])|VirtualBox)\w*"),
            "Use the field's own terms for a mechanism: pre-copy, round, switchover, write tracing. Other products' names belong only where one is talked to.");

    [Fact]
    public void Nothing_is_left_to_be_done_later() =>
        AssertNone(
            Sources.SelectMany(file => Regex.Matches(file.Text, @"\b(TODO|FIXME|HACK|XXX|NotImplementedException)\b").Select(match => $"{file.Path}:{file.LineOf(match.Index)}: {match.Value}")),
            "Do it now, or leave it out and say so in the documentation.");

    [Theory]
    [InlineData("int a; // Console\nint b;", "int a; \nint b;")]
    [InlineData("a /* Task\nTask */ b", "a \n b")]
    [InlineData("x = \"a \\\" Task\" + y;", "x = + y;")]
    [InlineData("x = @\"a \"\" \\\" + y;", "x = + y;")]
    [InlineData("x = $\"Task {Console} {{Task}}\";", "x = Console ;")]
    [InlineData("x = $\"{a ?? \"none\"}{b:x16}\";", "x = a ?? b ;")]
    [InlineData("x = $\"{(a ? b : c)}\" + d;", "x = (a ? b : c) + d;")]
    [InlineData("x = \"\"\"a \" b\"\"\" + '\"' + y;", "x = + + y;")]
    [InlineData("f(\"\", '\\'', y)", "f( , , y)")]
    public void Code_is_what_remains_without_comments_and_strings(string text, string code)
    {
        string found = CodeOnly.Of(text);
        Assert.Equal(text.Length, found.Length);
        Assert.Equal(code, Regex.Replace(found, " +", " "));
    }

    private static bool IsPlanning(SourceFile file) => file is { Project: "PageEngine", Folder: "Planning" };

    /// <summary>The statement that starts the program: it has no namespace and owns nothing.</summary>
    private static bool IsEntryPoint(SourceFile file) => file.Path == "src/Cli/Program.cs";

    private static string NamespaceOf(SourceFile file)
    {
        string[] parts = file.Path.Split('/');
        string root = parts[1] == "PageEngine" ? "PageEngine" : $"PageEngine.{parts[1]}";
        return string.Join('.', [root, .. parts[2..^1]]);
    }

    private static void AssertFolders(string project, string rootNamespace, (string Folder, string[] Uses)[] allowed)
    {
        var problems = new List<string>();
        foreach (SourceFile file in Sources.Where(file => file.Project == project))
        {
            if (!allowed.Any(entry => entry.Folder == file.Folder))
            {
                problems.Add($"{file.Path}: a folder that the table does not know");
                continue;
            }

            string[] uses = allowed.Single(entry => entry.Folder == file.Folder).Uses;
            problems.AddRange(FoldersUsedBy(file, rootNamespace)
                .Where(used => used.Folder != file.Folder && !uses.Contains(used.Folder)
                    && !FolderExceptions.Any(exception => exception.Path == file.Path && exception.Folder == used.Folder))
                .Select(used => $"{file.Path}:{used.Line}: {(file.Folder.Length == 0 ? "the top" : file.Folder)} uses {used.Folder}"));
        }

        AssertNone(
            problems,
            "The folders are the stations of a page's path and know only those before them (docs/architecture.md). Move the type to where both may use it, or pass a value or a delegate instead.");
    }

    /// <summary>Finds the folders of the same project that a file names: by a using, a full name, or a name from the
    /// project's own namespace on.</summary>
    private static IEnumerable<(string Folder, int Line)> FoldersUsedBy(SourceFile file, string rootNamespace)
    {
        foreach (IGrouping<string, SourceFile> folder in Sources.Where(other => other.Project == file.Project && other.Folder.Length > 0).GroupBy(other => other.Folder))
        {
            string types = string.Join('|', TypesOf(folder));
            string pattern = $@"(?<![\w.]){Regex.Escape(rootNamespace)}\.{folder.Key}\b" + (types.Length == 0 ? "" : $@"|(?<![\w.]){folder.Key}\s*\.\s*({types})\b");
            foreach (Match match in Regex.Matches(file.Code, pattern))
            {
                if (!Regex.IsMatch(file.Code[..match.Index], @"\bnamespace\s+$"))
                {
                    yield return (folder.Key, file.LineOf(match.Index));
                }
            }
        }
    }

    private static IEnumerable<string> TypesOf(IEnumerable<SourceFile> files) =>
        files.SelectMany(file => Regex.Matches(file.Code, @"\b(?:class|struct|record|interface|enum)\s+(?:class\s+|struct\s+)?(\w+)").Select(match => match.Groups[1].Value)).Distinct();

    private static IEnumerable<string> Find(IEnumerable<SourceFile> files, string pattern) =>
        files.SelectMany(file => Regex.Matches(file.Code, pattern).Select(match => $"{file.Path}:{file.LineOf(match.Index)}: {match.Value}"));

    private static (string Code, string Text) BlockAfter(SourceFile file, int position)
    {
        int start = file.Code.IndexOf('{', position);
        int end = start;
        for (int depth = 0; end < file.Code.Length; end++)
        {
            depth += file.Code[end] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0)
            {
                break;
            }
        }

        return (file.Code[(start + 1)..end], file.Text[(start + 1)..end]);
    }

    private static XDocument Load(string path) => XDocument.Load(Path.Combine(SourceTree.Root, path));

    private static string[] References(string path) =>
        [.. Load(path).Descendants("ProjectReference").Select(reference => reference.Attribute("Include")!.Value.Replace('\\', '/').Split('/')[^2])];

    private static void AssertNone(IEnumerable<string> problems, string remedy)
    {
        string[] found = [.. problems.Distinct()];
        Assert.True(found.Length == 0, $"{remedy}{Environment.NewLine}{string.Join(Environment.NewLine, found)}");
    }
}
