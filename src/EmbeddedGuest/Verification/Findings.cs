namespace PageEngine.EmbeddedGuest.Verification;

// Owns: the counts of a verification. Many threads add; the first one that finds something puts it into words.

internal sealed class Findings
{
    private long _lostInTable;
    private long _lostInLogs;
    private long _lostInPages;
    private long _repeatedInTable;
    private long _repeatedInLogs;
    private long _repeatedInPages;
    private long _corruptedPages;
    private long _violations;
    private string? _first;

    internal void Table(long lost, long repeated) => Add(ref _lostInTable, lost, ref _repeatedInTable, repeated);

    internal void Logs(long lost, long repeated) => Add(ref _lostInLogs, lost, ref _repeatedInLogs, repeated);

    internal void Pages(long lost, long repeated) => Add(ref _lostInPages, lost, ref _repeatedInPages, repeated);

    internal void CorruptedPage() => Interlocked.Increment(ref _corruptedPages);

    internal void Violation() => Interlocked.Increment(ref _violations);

    /// <summary>Keeps the first finding's words.</summary>
    internal void Say(string finding) => Interlocked.CompareExchange(ref _first, finding, null);

    internal GuestVerification ToVerification(long operations) => new(
        operations,
        Math.Max(_lostInTable, Math.Max(_lostInLogs, _lostInPages)),
        Math.Max(_repeatedInTable, Math.Max(_repeatedInLogs, _repeatedInPages)),
        _corruptedPages,
        _violations,
        _first);

    private static void Add(ref long lostTotal, long lost, ref long repeatedTotal, long repeated)
    {
        Interlocked.Add(ref lostTotal, lost);
        Interlocked.Add(ref repeatedTotal, repeated);
    }
}
