namespace PageEngine.EmbeddedGuest.Operations;

// Owns: what one operation does. Immutable.

/// <summary>One operation of one virtual CPU: a transfer, a count in the table, a log entry and mostly a page write.</summary>
/// <param name="Digest">Stands for the whole operation in the log, the table and the page.</param>
/// <param name="LocalPage">Which of the virtual CPU's own workload pages is written; -1: none.</param>
/// <param name="From">The account that pays.</param>
/// <param name="To">The account that is paid; may be the same.</param>
/// <param name="Amount">How much.</param>
/// <param name="Bucket">The bucket of the table that counts it.</param>
internal readonly record struct Operation(ulong Digest, long LocalPage, int From, int To, long Amount, int Bucket)
{
    internal bool WritesPage => LocalPage >= 0;
}
