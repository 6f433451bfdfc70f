using System.Buffers.Binary;
using System.IO.Hashing;
using PageEngine.Streaming;

namespace PageEngine.Tests.Streaming;

/// <summary>Writes heads of batches as a peer could, right or wrong, with a checksum that fits them.</summary>
internal static class BatchForge
{
    internal static PageBatchHeader Data(long sequence, int round, int stream, params PageRun[] runs)
    {
        long data = runs.Where(r => !r.IsZero).Sum(r => (long)r.Count);
        return new PageBatchHeader(PageBatchKind.Data, round, stream, runs.Length, sequence, data, runs.Where(r => r.IsZero).Sum(r => (long)r.Count), data * 4096);
    }

    internal static byte[] Head(in PageBatchHeader header, params PageRun[] runs)
    {
        byte[] head = new byte[PageBatchHeader.Bytes + (runs.Length * PageRun.Bytes)];
        for (int i = 0; i < runs.Length; i++)
        {
            runs[i].Write(head.AsSpan(PageBatchHeader.Bytes + (i * PageRun.Bytes)));
        }

        header.WriteAndSeal(head);
        return head;
    }

    /// <summary>Changes bytes of a head and makes the checksum fit again.</summary>
    internal static byte[] Resealed(byte[] head, Action<byte[]> change)
    {
        byte[] changed = [.. head];
        change(changed);
        BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan(48), 0);
        BinaryPrimitives.WriteUInt64LittleEndian(changed.AsSpan(48), XxHash3.HashToUInt64(changed));
        return changed;
    }
}
