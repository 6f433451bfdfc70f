using System.Text.Json;
using System.Xml.Linq;
using PageEngine.Cli.Bench;
using PageEngine.Cli.Output;
using PageEngine.Cli.Tests.EndToEnd;
using Xunit;

namespace PageEngine.Cli.Tests.Bench;

// Owns: what `bench` prints and writes, and that both of its commands run.
public sealed class BenchTests : IDisposable
{
    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Spread_is_what_sorting_gives()
    {
        Assert.Null(Spread.Of([]));
        Assert.Null(Spread.Of([null]));
        Assert.Equal(new Spread(3, 3, 3), Spread.Of([3]));
        Assert.Equal(new Spread(1, 2, 9), Spread.Of([9, null, 1, 2]));
        Assert.Equal(new Spread(1, 2.5, 9), Spread.Of([9, 1, 2, 3]));
    }

    [Fact]
    public void Page_is_whole_in_one_file_and_nothing_in_it_is_taken_for_markup()
    {
        HtmlPage page = new("A <title>", "\"sub\" & more");
        page.Paragraph("1 < 2");
        page.Bars("Rate", "longer", [new Bar("<b>", 10, "ten"), new Bar("half", 5, "five"), new Bar("nothing", 0, "0")]);
        page.Table(["a", "b"], [["<i>", "2"]]);
        string html = page.ToString();

        // Well formed: nothing that was written broke out of its place.
        XDocument parsed = XDocument.Parse(html.Replace("<!doctype html>", "", StringComparison.Ordinal).Replace("<meta charset=\"utf-8\">", "", StringComparison.Ordinal)
            .Replace("<meta name=\"viewport\" content=\"width=device-width\">", "", StringComparison.Ordinal));
        double[] widths = [.. parsed.Descendants("rect").Select(r => (double)r.Attribute("width")!)];
        Assert.Equal(widths[0], widths[1] * 2, 0.1);
        Assert.InRange(widths[2], 0.5, 2);
        Assert.Equal(["a", "b", "<i>", "2"], parsed.Descendants().Where(e => e.Name.LocalName is "th" or "td").Select(e => e.Value));
        Assert.DoesNotContain("http", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_is_measured_with_both_sides_here_plain_and_encrypted()
    {
        string json = Path.Combine(_host.State, "link.json");
        string html = Path.Combine(_host.State, "link.html");
        using ProgramRun run = ProgramRun.Start(_host.State, $"bench link --memory 16MiB --duration 50ms --streams 1,2 --run 4KiB,1MiB --json {json} --html {html}");
        Assert.True(await run.ExitCodeAsync() == 0, run.Out + run.Error);
        LinkDocument document = JsonSerializer.Deserialize(await File.ReadAllTextAsync(json), JsonContext.Documents.LinkDocument)!;
        Assert.Equal(8, document.Cases.Count);
        Assert.Equal(4, document.Cases.Count(c => c.Encrypted));
        Assert.All(document.Cases, c => Assert.True(c.BytesPerSecond > 0 && c.CpuSecondsPerGigabyte is { Source: > 0, Destination: > 0 }));
        Assert.Contains("2 streams, 1 MiB side by side, encrypted", run.Out, StringComparison.Ordinal);
        Assert.Contains("Fastest: ", run.Out, StringComparison.Ordinal);
        Assert.Contains("1/4", run.Error, StringComparison.Ordinal);
        Assert.Contains("<svg", await File.ReadAllTextAsync(html), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_is_measured_between_two_programs()
    {
        using ProgramRun serve = ProgramRun.Start(_host.State, "bench link --listen 127.0.0.1:0 --once");
        using ProgramRun lead = ProgramRun.Start(_host.State, $"bench link --to {await serve.Listening} --memory 16MiB --duration 50ms --streams 1 --run 64KiB --json -");
        Assert.True(await lead.ExitCodeAsync() == 0, lead.Out + lead.Error);
        Assert.Equal(0, await serve.ExitCodeAsync());
        LinkDocument document = JsonSerializer.Deserialize(lead.Out, JsonContext.Documents.LinkDocument)!;
        Assert.Equal((1, 65536L, false), (document.Cases.Single().Streams, document.Cases.Single().RunBytes, document.Cases.Single().Encrypted));
    }

    [Fact]
    public async Task Migrations_are_measured_each_by_new_processes()
    {
        string json = Path.Combine(_host.State, "migrate.json");
        using ProgramRun run = ProgramRun.Start(
            _host.State, $"bench migrate --runs 2 --memory 32MiB --workload idle --workload hot:1MiB@10MiB/s --json {json} --html {Path.Combine(_host.State, "migrate.html")}");
        Assert.True(await run.ExitCodeAsync() == 0, run.Out + run.Error);
        MigrationBenchDocument document = JsonSerializer.Deserialize(await File.ReadAllTextAsync(json), JsonContext.Documents.MigrationBenchDocument)!;
        Assert.Equal(["idle", "hot:1MiB@10MiB/s"], document.Cases.Select(c => c.Workload));
        Assert.All(document.Cases, c =>
        {
            Assert.Equal((2, 2), (c.Completed, c.Runs));
            Assert.True(c.BlackoutMs is { Min: > 0 } && c.TotalMs!.Median > c.BlackoutMs.Median);
            Assert.Empty(c.Failures);
        });
        Assert.Contains("idle 2/2", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Migrations_that_fail_are_counted_as_such_and_said()
    {
        using ProgramRun run = ProgramRun.Start(_host.State, "bench migrate --to 127.0.0.1:1 --runs 1 --memory 16MiB --workload idle --json -");
        Assert.Equal(1, await run.ExitCodeAsync());
        MigrationCaseDocument failed = JsonSerializer.Deserialize(run.Out, JsonContext.Documents.MigrationBenchDocument)!.Cases.Single();
        Assert.Equal((0, 1, null), (failed.Completed, failed.Runs, failed.BlackoutMs));
        Assert.Contains("Cannot connect to 127.0.0.1:1", failed.Failures.Single(), StringComparison.Ordinal);
    }
}
