using PageEngine.Streaming;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: verification at the destination: sends the table of hashes that was kept while pages arrived. The guest runs
// meanwhile; the table is frozen, the memory is not looked at.

/// <summary>Sends the hash of every page, as it was applied.</summary>
internal static class HashSender
{
    internal static async Task SendAsync(DestinationTransport transport, PageApplier applier, long pageCount, TimeSpan frameTimeout, TimeProvider time)
    {
        ulong[] chunk = new ulong[(int)Math.Min(pageCount, HashesMessage.MaxHashes)];
        for (long first = 0; first < pageCount; first += chunk.Length)
        {
            int count = (int)Math.Min(chunk.Length, pageCount - first);
            for (int i = 0; i < count; i++)
            {
                chunk[i] = applier.HashOf(first + i);
            }

            // For each frame: how long all of them take depends on the guest's size, and the source compares meanwhile.
            using var limit = new CancellationTokenSource(frameTimeout, time);
            await transport.SendAsync(
                ControlKind.Hashes, (first, chunk, count), static (m, w) => HashesMessage.Write(w, m.first, m.chunk.AsSpan(0, m.count)), limit.Token).ConfigureAwait(false);
        }
    }
}
