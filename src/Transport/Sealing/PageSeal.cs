using System.Buffers.Binary;
using System.Security.Cryptography;

namespace PageEngine.Transport.Sealing;

// Owns: the keys of one sealed page stream, the nonces under them, and when a key is given up for the next. Both ends derive
// the same ones from the migration's secret and from what has passed, so that nothing about them travels.

/// <summary>Seals or opens the records of one page stream, one after the other. One thread.</summary>
/// <remarks>
/// A record is its length (u32), the bytes under AES-256-GCM, and the 16 bytes of the tag, which covers the length too. The nonce is
/// the record's number under its key and does not travel: a record that is repeated, left out, moved or taken from another
/// stream or migration has another nonce or key than the one it is opened with, and fails.
/// </remarks>
internal sealed class PageSeal : IDisposable
{
    /// <summary>Bytes of the migration's secret.</summary>
    internal const int SecretBytes = 32;

    /// <summary>The most bytes that a record seals: few enough to stay in a core's cache on their way.</summary>
    internal const int MaxRecordBytes = 256 * 1024;

    /// <summary>Bytes in front of the sealed ones.</summary>
    internal const int HeaderBytes = 4;

    /// <summary>Bytes behind them.</summary>
    internal const int TagBytes = 16;

    /// <summary>What one key seals: 2^32 blocks, at which an attacker's advantage is still below 2^-60.</summary>
    internal const long MaxBytesPerKey = 1L << 36;

    private const int NonceBytes = 12;

    private readonly byte[] _stream = new byte[SecretBytes];
    private readonly long _bytesPerKey;
    private AesGcm _cipher;
    private uint _generation;
    private ulong _record;
    private long _bytes;

    /// <param name="secret">The migration's secret, used for nothing else.</param>
    /// <param name="stream">The stream's index.</param>
    /// <param name="bytesPerKey">When to go on to the next key.</param>
    internal PageSeal(ReadOnlySpan<byte> secret, int stream, long bytesPerKey = MaxBytesPerKey)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(secret.Length, SecretBytes, nameof(secret));
        _bytesPerKey = bytesPerKey;
        Span<byte> info = stackalloc byte[24];
        "PageEngine page streams"u8.CopyTo(info);
        info[23] = checked((byte)stream);
        HKDF.Expand(HashAlgorithmName.SHA256, secret, _stream, info);
        _cipher = NextCipher();
    }

    /// <summary>Makes the seal of a stream; null where there is no secret.</summary>
    internal static PageSeal? For(ReadOnlyMemory<byte> secret, int stream) => secret.IsEmpty ? null : new PageSeal(secret.Span, stream);

    /// <summary>Makes a secret.</summary>
    internal static byte[] NewSecret() => RandomNumberGenerator.GetBytes(SecretBytes);

    /// <summary>Seals bytes as the next record.</summary>
    /// <param name="bytes">1 to <see cref="MaxRecordBytes"/> bytes. They may change meanwhile: each is read once.</param>
    /// <param name="record">Receives the record: as long as the bytes, the header and the tag together. The bytes may lie in it already, behind the header.</param>
    internal void Seal(ReadOnlySpan<byte> bytes, Span<byte> record)
    {
        BinaryPrimitives.WriteInt32LittleEndian(record, bytes.Length);
        Span<byte> nonce = stackalloc byte[NonceBytes];
        AesGcm cipher = Next(bytes.Length, nonce);
        cipher.Encrypt(nonce, bytes, record.Slice(HeaderBytes, bytes.Length), record.Slice(HeaderBytes + bytes.Length, TagBytes), record[..HeaderBytes]);
    }

    /// <summary>Reads a record's length, which is not believed before the record was opened.</summary>
    /// <exception cref="MigrationException">No record has that length.</exception>
    internal static int LengthOf(ReadOnlySpan<byte> header)
    {
        int length = BinaryPrimitives.ReadInt32LittleEndian(header);
        return length is > 0 and <= MaxRecordBytes ? length : throw Refused();
    }

    /// <summary>Opens the next record.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="sealedBytes">What follows it, the tag included.</param>
    /// <param name="bytes">Receives the bytes, or zeros when the record is refused. May be where the sealed ones are.</param>
    /// <exception cref="MigrationException">It is not what the other end sealed next.</exception>
    internal void Open(ReadOnlySpan<byte> header, ReadOnlySpan<byte> sealedBytes, Span<byte> bytes)
    {
        Span<byte> nonce = stackalloc byte[NonceBytes];
        AesGcm cipher = Next(bytes.Length, nonce);
        try
        {
            cipher.Decrypt(nonce, sealedBytes[..bytes.Length], sealedBytes[bytes.Length..], bytes, header);
        }
        catch (AuthenticationTagMismatchException)
        {
            throw Refused();
        }
    }

    public void Dispose()
    {
        _cipher.Dispose();
        CryptographicOperations.ZeroMemory(_stream);
    }

    private AesGcm Next(int bytes, Span<byte> nonce)
    {
        if (_bytes + bytes > _bytesPerKey)
        {
            _cipher.Dispose();
            _generation++;
            _record = 0;
            _bytes = 0;
            _cipher = NextCipher();
        }

        _bytes += bytes;
        BinaryPrimitives.WriteUInt32LittleEndian(nonce, 0);
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], _record++);
        return _cipher;
    }

    private AesGcm NextCipher()
    {
        Span<byte> info = stackalloc byte[7];
        "key"u8.CopyTo(info);
        BinaryPrimitives.WriteUInt32LittleEndian(info[3..], _generation);
        Span<byte> key = stackalloc byte[SecretBytes];
        HKDF.Expand(HashAlgorithmName.SHA256, _stream, key, info);
        var cipher = new AesGcm(key, TagBytes);
        CryptographicOperations.ZeroMemory(key);
        return cipher;
    }

    private static MigrationException Refused() => new(
        MigrationErrorKind.ProtocolViolation,
        "A record of a page stream is not what the other side sealed: something between the hosts changed, repeated or left out bytes. The migration ends; nothing of the record was used.");
}
