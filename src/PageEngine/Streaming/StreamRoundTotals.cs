namespace PageEngine.Streaming;

// Owns: the totals that both ends of a stream must agree on at the end of a round.

/// <summary>What one stream sent or received in one round.</summary>
/// <param name="Round">The round.</param>
/// <param name="Stream">The stream.</param>
/// <param name="DataPages">Pages that travelled as bytes.</param>
/// <param name="ZeroPages">Pages that were zero.</param>
/// <param name="WireBytes">All bytes of the round's batches, heads and the end-of-round mark included.</param>
internal readonly record struct StreamRoundTotals(int Round, int Stream, long DataPages, long ZeroPages, long WireBytes);
