namespace PageEngine.Streaming;

// Owns: the codes of what a batch is.

/// <summary>What a batch is. The codes are on the wire and never reused; zero is not a valid code.</summary>
internal enum PageBatchKind : byte
{
    /// <summary>Not a batch.</summary>
    None = 0,

    /// <summary>Pages.</summary>
    Data = 1,

    /// <summary>The stream has sent its share of the round; the counts are the stream's totals in the round.</summary>
    EndOfRound = 2,

    /// <summary>The stream ends here in good order; the counts are the stream's totals in all rounds.</summary>
    EndOfStream = 3,
}
