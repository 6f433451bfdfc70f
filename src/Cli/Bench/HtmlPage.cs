using System.Globalization;
using System.Net;
using System.Text;

namespace PageEngine.Cli.Bench;

// Owns: a page that is complete in one file: its style, its bars, its tables. Nothing is fetched, and nothing runs in it.

/// <summary>One bar of a chart.</summary>
internal sealed record Bar(string Name, double Value, string Label);

/// <summary>A page while it is written.</summary>
internal sealed class HtmlPage
{
    private const int RowHeight = 26;
    private const int NameWidth = 330;
    private const int BarWidth = 420;
    private const int LabelWidth = 180;

    private readonly StringBuilder _html = new();

    public HtmlPage(string title, string subtitle)
    {
        _html.Append(CultureInfo.InvariantCulture, $$"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
            <title>{{Text(title)}}</title>
            <style>
            body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 980px; margin: 2em auto; padding: 0 1em }
            h1 { margin-bottom: 0 } .sub { color: #57606a; margin-top: 0 } svg text { font: 13px system-ui, sans-serif; fill: currentColor }
            table { border-collapse: collapse; margin: 1em 0 } th, td { padding: .3em .8em; text-align: right; border-bottom: 1px solid #d0d7de }
            th:first-child, td:first-child { text-align: left } .bar { fill: #2f6fde }
            @media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 } th, td { border-color: #30363d } .sub { color: #9198a1 } .bar { fill: #4f8cff } }
            </style></head><body>
            <h1>{{Text(title)}}</h1><p class="sub">{{Text(subtitle)}}</p>

            """);
    }

    public void Paragraph(string text) => _html.Append(CultureInfo.InvariantCulture, $"<p>{Text(text)}</p>\n");

    /// <summary>Draws bars, each as long as its value beside the longest one.</summary>
    public void Bars(string title, string explanation, IReadOnlyList<Bar> bars)
    {
        double longest = Math.Max(bars.Max(b => b.Value), double.Epsilon);
        _html.Append(CultureInfo.InvariantCulture, $"<h2>{Text(title)}</h2><p class=\"sub\">{Text(explanation)}</p>\n");
        _html.Append(CultureInfo.InvariantCulture, $"<svg role=\"img\" aria-label=\"{Text(title)}\" width=\"{NameWidth + BarWidth + LabelWidth}\" height=\"{bars.Count * RowHeight}\">\n");
        for (int i = 0; i < bars.Count; i++)
        {
            double width = Math.Max(1, bars[i].Value / longest * BarWidth);
            int middle = (i * RowHeight) + 17;
            _html.Append(CultureInfo.InvariantCulture, $"<text x=\"{NameWidth - 10}\" y=\"{middle}\" text-anchor=\"end\">{Text(bars[i].Name)}</text>");
            _html.Append(CultureInfo.InvariantCulture, $"<rect class=\"bar\" x=\"{NameWidth}\" y=\"{(i * RowHeight) + 4}\" width=\"{width:0.0}\" height=\"{RowHeight - 8}\" rx=\"2\"/>");
            _html.Append(CultureInfo.InvariantCulture, $"<text x=\"{NameWidth + width + 6:0.0}\" y=\"{middle}\">{Text(bars[i].Label)}</text>\n");
        }

        _html.Append("</svg>\n");
    }

    public void Table(IReadOnlyList<string> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        _html.Append("<table><thead><tr>").AppendJoin("", columns.Select(c => $"<th>{Text(c)}</th>")).Append("</tr></thead><tbody>\n");
        foreach (IReadOnlyList<string> row in rows)
        {
            _html.Append("<tr>").AppendJoin("", row.Select(c => $"<td>{Text(c)}</td>")).Append("</tr>\n");
        }

        _html.Append("</tbody></table>\n");
    }

    public override string ToString() => _html + "</body></html>\n";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
