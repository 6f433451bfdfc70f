using System.Security.Cryptography;
using PageEngine.Transport.Control;

namespace PageEngine.Transport.Sessions;

// Owns: which page-stream connections belong to this migration: those that know the one-time token, each index once.

/// <summary>Collects the page streams of one migration at the destination. Safe from any thread.</summary>
/// <param name="streams">How many.</param>
/// <param name="secret">What they are sealed with; empty: they are not.</param>
internal sealed class StreamJoiner(int streams, ReadOnlyMemory<byte> secret = default)
{
    private readonly Lock _gate = new();
    private readonly MigrationConnection?[] _joined = new MigrationConnection?[streams];
    private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _closed;

    /// <summary>Gets how many streams are to join.</summary>
    internal int Streams => _joined.Length;

    /// <summary>Gets the token that the source must show.</summary>
    internal Guid Token { get; } = new(RandomNumberGenerator.GetBytes(16));

    /// <summary>Gets what the streams are sealed with; empty: they are not.</summary>
    internal ReadOnlyMemory<byte> Secret => secret;

    /// <summary>Takes a connection when its preamble is right; a stranger's is left to the caller, who closes it.</summary>
    internal bool TryJoin(ConnectionPreamble preamble, MigrationConnection connection)
    {
        Span<byte> shown = stackalloc byte[16];
        Span<byte> wanted = stackalloc byte[16];
        preamble.Token.TryWriteBytes(shown);
        Token.TryWriteBytes(wanted);
        if (!CryptographicOperations.FixedTimeEquals(shown, wanted) || (uint)preamble.StreamIndex >= (uint)_joined.Length)
        {
            return false;
        }

        lock (_gate)
        {
            if (_closed || _joined[preamble.StreamIndex] is not null)
            {
                return false;
            }

            _joined[preamble.StreamIndex] = connection;
            if (Array.TrueForAll(_joined, c => c is not null))
            {
                _all.TrySetResult();
            }
        }

        return true;
    }

    /// <summary>Waits until every stream has joined.</summary>
    internal Task AllJoinedAsync(CancellationToken cancellationToken) => _all.Task.WaitAsync(cancellationToken);

    /// <summary>Takes no further stream and gives what has joined to the caller, who owns the connections from then on.</summary>
    internal MigrationConnection[] Close()
    {
        lock (_gate)
        {
            _closed = true;
            MigrationConnection[] joined = [.. _joined.OfType<MigrationConnection>()];
            Array.Clear(_joined);
            return joined;
        }
    }
}
