using System.Globalization;
using PageEngine.Cli.Output;
using PageEngine.Compression;
using PageEngine.Transport.Measuring;
using Spectre.Console;

namespace PageEngine.Cli.Bench;

// Owns: what was measured on a link, as a person reads it in a terminal.

internal static class LinkReport
{
    /// <summary>Names a case.</summary>
    public static string Describe(LinkMeasurement m) => Describe(m.Case.Streams, m.Case.RunBytes, m.Case.BatchPages, m.Sealed, Word(m.Case.Compression));

    /// <summary>Names a compression as the option does.</summary>
    public static string Word(PageCompression compression) => compression.ToString().ToLowerInvariant();

    /// <summary>Names a case.</summary>
    public static string Describe(int streams, long runBytes, int batchPages, bool encrypted, string compression) =>
        $"{streams.ToString(CultureInfo.InvariantCulture)} {(streams == 1 ? "stream" : "streams")}, {Units.FormatBytes(runBytes)} side by side"
        + (batchPages == 1024 ? "" : $", batches of {batchPages.ToString(CultureInfo.InvariantCulture)}") + (encrypted ? ", encrypted" : "")
        + (compression == "none" ? "" : $", {compression}");

    /// <summary>Draws the table.</summary>
    public static void Write(IAnsiConsole console, LinkDocument link)
    {
        Table table = TerminalReport.NewTable("case", "rate", "on the wire", "CPU s/GB source", "destination", "sent again", "round trip", "limited by");
        table.Columns[0].LeftAligned();
        double best = link.Cases.Max(c => c.GuestBytesPerSecond);
        foreach (LinkCaseDocument c in link.Cases)
        {
            table.AddRow(
                new Text(Describe(c.Streams, c.RunBytes, c.BatchPages, c.Encrypted, c.Compression)),
                new Text($"{Units.FormatBytesPerSecond(c.GuestBytesPerSecond)} ({Units.FormatBitsPerSecond(c.GuestBytesPerSecond)})", c.GuestBytesPerSecond == best ? new Style(decoration: Decoration.Bold) : Style.Plain),
                new Text(Human.Percent(100.0 * c.WireBytes / c.GuestBytes)),
                new Text(c.CpuSecondsPerGigabyte.Source.ToString("0.000", CultureInfo.InvariantCulture)),
                new Text(c.CpuSecondsPerGigabyte.Destination.ToString("0.000", CultureInfo.InvariantCulture)),
                new Text(Human.Count(c.RetransmittedSegments)),
                new Text(Human.Milliseconds(c.RoundTripMs)),
                new Text(c.LimitedBy == "otherWork" ? "other work" : c.LimitedBy));
        }

        console.Write(table);
        console.WriteLine($"{link.Source.Name}, {link.Source.Processors.ToString(CultureInfo.InvariantCulture)} processors, {link.Source.System}, {link.Source.Runtime}, {link.Source.CongestionControl}, to {link.Destination}.");
        LinkCaseDocument fastest = link.Cases.MaxBy(c => c.GuestBytesPerSecond)!;
        console.WriteLine($"Fastest: {Describe(fastest.Streams, fastest.RunBytes, fastest.BatchPages, fastest.Encrypted, fastest.Compression)}, {Units.FormatBytesPerSecond(fastest.GuestBytesPerSecond)}; {Advice(fastest.LimitedBy)}");
    }

    /// <summary>Says what that means for whoever wants it faster.</summary>
    public static string Advice(string limitedBy) => limitedBy switch
    {
        "source" => "the source's processor is the limit: more streams help where it has cores to spare.",
        "destination" => "the destination's processor is the limit: more streams help where it has cores to spare.",
        "otherWork" => "other work kept the processors of one of the machines busy: measure again when it is done.",
        _ => "the link is the limit: neither side was busy.",
    };
}
