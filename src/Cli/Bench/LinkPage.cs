using System.Globalization;

namespace PageEngine.Cli.Bench;

// Owns: what was measured on a link, as a page for a browser.

internal static class LinkPage
{
    /// <summary>Writes the page.</summary>
    public static string Write(LinkDocument link)
    {
        LinkCaseDocument fastest = link.Cases.MaxBy(c => c.GuestBytesPerSecond)!;
        HtmlPage page = new("Link benchmark", $"{link.Source.Name} to {link.Destination}, {link.Source.At.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}");
        page.Paragraph($"The fastest way was {Name(fastest)}: {Units.FormatBytesPerSecond(fastest.GuestBytesPerSecond)} ({Units.FormatBitsPerSecond(fastest.GuestBytesPerSecond)}); {LinkReport.Advice(fastest.LimitedBy)}");
        page.Bars("Rate", "How many bytes of guest memory arrived each second. Longer is better.",
            [.. link.Cases.Select(c => new Bar(Name(c), c.GuestBytesPerSecond, Units.FormatBytesPerSecond(c.GuestBytesPerSecond)))]);
        page.Bars("Cost", "Processor seconds for 10^9 bytes, both sides together. Shorter is better.",
            [.. link.Cases.Select(c => new Bar(Name(c), c.CpuSecondsPerGigabyte.Source + c.CpuSecondsPerGigabyte.Destination,
                $"{Number(c.CpuSecondsPerGigabyte.Source)} + {Number(c.CpuSecondsPerGigabyte.Destination)}"))]);
        page.Table(
            ["case", "rate", "on the wire", "CPU s/GB, source", "destination", "segments sent again", "round trip under load", "waited for the receiver's window", "limited by"],
            [.. link.Cases.Select(c => (IReadOnlyList<string>)
            [
                Name(c), Units.FormatBytesPerSecond(c.GuestBytesPerSecond), Units.FormatBytesPerSecond(c.BytesPerSecond), Number(c.CpuSecondsPerGigabyte.Source), Number(c.CpuSecondsPerGigabyte.Destination),
                c.RetransmittedSegments.ToString(CultureInfo.InvariantCulture), $"{Number(c.RoundTripMs)} ms", $"{Number(c.ReceiverStalledMs)} ms", c.LimitedBy,
            ])]);
        page.Paragraph($"\"Side by side\" says how scattered the pages were: as many bytes were sent, and then as many left out. Memory of {Units.FormatBytes(link.MemoryBytes)} on both sides, {link.NoisePercent.ToString(CultureInfo.InvariantCulture)} % of each page filled with bytes that do not compress, each case after one pass that warms up. \"Limited by\" names the side whose threads were busy nearly all the time, or the link when neither was.");
        page.Paragraph($"{link.Source.System}, {link.Source.Runtime}, {link.Source.Processors.ToString(CultureInfo.InvariantCulture)} processors at the source, congestion control {link.Source.CongestionControl}.");
        return page.ToString();
    }

    private static string Name(LinkCaseDocument c) => LinkReport.Describe(c.Streams, c.RunBytes, c.BatchPages, c.Encrypted, c.Compression);

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
