using System.Buffers;
using System.IO.Pipelines;
using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

/// <summary>Moves a stream's bytes from a reader to a writer without any connection, in pieces that a test chooses.</summary>
internal static class StreamShuttle
{
    /// <summary>Moves what was begun on the reader, to its end.</summary>
    /// <param name="piece">The most bytes of the next piece; 1 or more.</param>
    internal static void Move(PageBatchReader reader, PageBatchWriter writer, Func<int> piece)
    {
        ReadResult read;
        bool more;
        do
        {
            Assert.True(reader.TryRead(out read));
            Assert.False(read.IsCanceled);
            ReadOnlySpan<byte> first = FirstPiece(read.Buffer);
            int bytes = Math.Min(first.Length, piece());
            Put(writer, first[..bytes]);
            more = read.Buffer.Length > bytes;
            reader.AdvanceTo(read.Buffer.GetPosition(bytes));
        }
        while (!read.IsCompleted || more);
    }

    internal static void Move(PageBatchReader reader, PageBatchWriter writer) => Move(reader, writer, static () => int.MaxValue);

    /// <summary>Reads what was begun on the reader as plain bytes, one array for each batch.</summary>
    internal static List<byte[]> Collect(PageBatchReader reader)
    {
        var batches = new List<byte[]>();
        ReadResult read;
        do
        {
            reader.TryRead(out read);
            batches.Add(read.Buffer.ToArray());
            reader.AdvanceTo(read.Buffer.End);
        }
        while (!read.IsCompleted);
        return batches;
    }

    /// <summary>Gives bytes to a writer.</summary>
    internal static void Put(PageBatchWriter writer, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Span<byte> place = writer.GetSpan();
            int n = Math.Min(place.Length, bytes.Length);
            bytes[..n].CopyTo(place);
            writer.Advance(n);
            bytes = bytes[n..];
        }
    }

    internal static List<PageRun> RunsOf(byte[] batch)
    {
        PageBatchHeader header = PageBatchHeader.Read(batch);
        return [.. Enumerable.Range(0, header.Runs).Select(i => PageRun.Read(batch.AsSpan(PageBatchHeader.Bytes + (i * PageRun.Bytes))))];
    }

    private static ReadOnlySpan<byte> FirstPiece(ReadOnlySequence<byte> sequence) => sequence.FirstSpan;
}
