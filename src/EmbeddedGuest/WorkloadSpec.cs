using System.Globalization;
using PageEngine.Memory;

namespace PageEngine.EmbeddedGuest;

// Owns: what the guest writes and how fast, as people write it on a command line. Immutable.

/// <summary>Which pages a workload writes.</summary>
public enum WorkloadKind
{
    /// <summary>No pages: only the light transactions that let a stall be seen.</summary>
    Idle = 1,

    /// <summary>Uniformly drawn pages of a hot set.</summary>
    Hot = 2,

    /// <summary>Uniformly drawn pages of the whole workload area.</summary>
    Uniform = 3,

    /// <summary>Pages of the whole workload area, drawn by Zipf's law.</summary>
    Zipf = 4,

    /// <summary>One page after the other, then from the start.</summary>
    Sequential = 5,
}

/// <summary>
/// One workload of the embedded guest: <c>idle</c>, <c>hot:SIZE@RATE</c>, <c>uniform@RATE</c>, <c>zipf:SKEW@RATE</c>
/// or <c>seq@RATE</c>. RATE counts <see cref="MemoryLayout.PageBytes"/> bytes for every page write, again each time;
/// <c>max</c> means unthrottled.
/// </summary>
public sealed record WorkloadSpec
{
    /// <summary>The largest skew of a Zipf workload.</summary>
    public const double MaxSkew = 8;

    /// <summary>The longest text that <see cref="Parse"/> reads, in characters.</summary>
    public const int MaxTextLength = 128;

    private const string Example = "idle, hot:64MiB@200MiB/s, uniform@10Gbit/s, zipf:0.99@50MiB/s or seq@max";

    private WorkloadSpec(WorkloadKind kind, long hotBytes, double skew, long? bytesPerSecond)
    {
        Kind = kind;
        HotBytes = hotBytes;
        Skew = skew;
        BytesPerSecond = bytesPerSecond;
    }

    /// <summary>Gets the workload that writes no pages.</summary>
    public static WorkloadSpec Idle { get; } = new(WorkloadKind.Idle, 0, 0, 0);

    /// <summary>Gets which pages are written.</summary>
    public WorkloadKind Kind { get; }

    /// <summary>Gets the size of a hot set in bytes; 0 for other kinds.</summary>
    public long HotBytes { get; }

    /// <summary>Gets the exponent of Zipf's law: page rank r is written in proportion to r^-skew; 0 for other kinds.</summary>
    public double Skew { get; }

    /// <summary>Gets the rate in bytes per second, all virtual CPUs together; null means unthrottled.</summary>
    public long? BytesPerSecond { get; }

    /// <summary>Reads a specification.</summary>
    /// <param name="text">Such as <c>hot:64MiB@200MiB/s</c>.</param>
    /// <exception cref="FormatException">It is not one; the message names the character and shows an example.</exception>
    public static WorkloadSpec Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxTextLength)
        {
            throw new FormatException($"A workload has at most {MaxTextLength} characters; this one has {text.Length}. Write for example {Example}.");
        }

        int at = text.IndexOf('@', StringComparison.Ordinal);
        int head = at < 0 ? text.Length : at;
        int colon = text.AsSpan(0, head).IndexOf(':');
        string name = text[..(colon < 0 ? head : colon)];
        string? argument = colon < 0 ? null : text[(colon + 1)..head];
        WorkloadKind kind = name switch
        {
            "idle" => WorkloadKind.Idle,
            "hot" => WorkloadKind.Hot,
            "uniform" => WorkloadKind.Uniform,
            "zipf" => WorkloadKind.Zipf,
            "seq" => WorkloadKind.Sequential,
            _ => throw Bad(text, 0, name.Length == 0 ? "a workload's name is missing" : $"there is no workload '{name}'"),
        };
        bool wantsArgument = kind is WorkloadKind.Hot or WorkloadKind.Zipf;
        if (wantsArgument && argument is null)
        {
            throw Bad(text, head, kind == WorkloadKind.Hot ? "':' and the size of the hot set are missing" : "':' and the skew are missing");
        }

        if (!wantsArgument && argument is not null)
        {
            throw Bad(text, colon, $"'{name}' takes nothing after its name but '@' and a rate");
        }

        if (kind == WorkloadKind.Idle)
        {
            return at < 0 ? Idle : throw Bad(text, at, "'idle' takes no rate");
        }

        if (at < 0)
        {
            throw Bad(text, text.Length, "'@' and a rate, or '@max', are missing");
        }

        long hotBytes = kind == WorkloadKind.Hot ? ParseSize(text, argument!, colon + 1) : 0;
        double skew = kind == WorkloadKind.Zipf ? ParseSkew(text, argument!, colon + 1) : 0;
        return new WorkloadSpec(kind, hotBytes, skew, ParseRate(text, at + 1));
    }

    /// <summary>Prints the specification as <see cref="Parse"/> reads it.</summary>
    public override string ToString()
    {
        string rate = BytesPerSecond is { } bytes ? Units.FormatBytesPerSecondExact(bytes) : "max";
        return Kind switch
        {
            WorkloadKind.Idle => "idle",
            WorkloadKind.Hot => $"hot:{Units.FormatBytesExact(HotBytes)}@{rate}",
            WorkloadKind.Uniform => $"uniform@{rate}",
            WorkloadKind.Zipf => $"zipf:{Skew.ToString("R", CultureInfo.InvariantCulture)}@{rate}",
            _ => $"seq@{rate}",
        };
    }

    private static long ParseSize(string text, string part, int position)
    {
        long bytes;
        try
        {
            bytes = Units.ParseBytes(part);
        }
        catch (FormatException e)
        {
            throw Bad(text, position, e.Message);
        }

        return bytes >= MemoryLayout.PageBytes
            ? bytes
            : throw Bad(text, position, $"a hot set has at least {MemoryLayout.PageBytes} bytes");
    }

    private static double ParseSkew(string text, string part, int position) =>
        double.TryParse(part, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double skew) && skew is > 0 and <= MaxSkew
            ? skew
            : throw Bad(text, position, $"the skew '{part}' is not a number above 0 and at most {MaxSkew.ToString(CultureInfo.InvariantCulture)}");

    private static long? ParseRate(string text, int position)
    {
        string part = text[position..];
        if (part == "max")
        {
            return null;
        }

        long rate;
        try
        {
            rate = Units.ParseBytesPerSecond(part);
        }
        catch (FormatException e)
        {
            throw Bad(text, position, e.Message);
        }

        return rate > 0 ? rate : throw Bad(text, position, "the rate is zero; use 'idle' for a guest that writes no pages");
    }

    private static FormatException Bad(string text, int index, string problem) =>
        new($"Workload '{text}', character {index + 1}: {problem.TrimEnd('.')}. Workloads are written like {Example}.");
}
