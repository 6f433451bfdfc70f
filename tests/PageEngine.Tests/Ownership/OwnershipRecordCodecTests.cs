using System.IO.Hashing;
using FsCheck;
using FsCheck.Xunit;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Tests.Ownership;

// Owns: the bytes of epoch and nonce files: golden bytes, round trips, and the refusal of every damaged byte.

public sealed class OwnershipRecordCodecTests
{
    [Property(MaxTest = 500)]
    public void Record_roundTrips(Guid guest, ulong epoch, Guid holder, Guid attempt, Guid token)
    {
        var record = new OwnershipRecord(guest, Math.Max(1, epoch), new RunId(holder), new AttemptId(attempt));

        Assert.Null(OwnershipRecordCodec.TryRead(Encode(record, token), out OwnershipRecord? read, out Guid readToken));

        Assert.Equal(record, read);
        Assert.Equal(token, readToken);
    }

    [Property(MaxTest = 20)]
    public void Record_anyByteChangedToAnyOtherValue_isRefused(Guid guest, Guid holder, Guid attempt, ulong epoch)
    {
        byte[] right = Encode(new OwnershipRecord(guest, Math.Max(1, epoch), new RunId(holder), new AttemptId(attempt)), Guid.NewGuid());
        for (int at = 0; at < right.Length; at++)
        {
            byte was = right[at];
            for (int change = 1; change < 256; change++)
            {
                right[at] = (byte)(was ^ change);
                Assert.NotNull(OwnershipRecordCodec.TryRead(right, out OwnershipRecord? read, out _));
                Assert.Null(read);
            }

            right[at] = was;
        }
    }

    [Fact]
    public void Record_ofAnyOtherLength_isRefused()
    {
        byte[] right = Encode(Some(), Guid.NewGuid());
        for (int length = 0; length < right.Length; length++)
        {
            Assert.NotNull(OwnershipRecordCodec.TryRead(right.AsSpan(0, length), out _, out _));
        }

        Assert.NotNull(OwnershipRecordCodec.TryRead([.. right, 0], out _, out _));
        Assert.NotNull(OwnershipRecordCodec.TryRead(new byte[OwnershipRecordCodec.RecordBytes], out _, out _));
    }

    [Fact]
    public void Record_withEpochZero_isRefusedThoughItsChecksumIsRight()
    {
        byte[] bytes = Encode(Some(), Guid.NewGuid());
        bytes.AsSpan(32, 8).Clear();
        BitConverter.TryWriteBytes(bytes.AsSpan(88), Crc64.HashToUInt64(bytes.AsSpan(0, 88)));

        Assert.Contains("epoch", OwnershipRecordCodec.TryRead(bytes, out _, out _), StringComparison.Ordinal);
    }

    // The bytes are on other people's disks: this test changes only together with the format version.
    [Fact]
    public void Record_hasTheBytesOfVersionOne()
    {
        var record = new OwnershipRecord(
            new Guid("00112233-4455-6677-8899-aabbccddeeff"),
            0x0102030405060708,
            new RunId(new Guid("10000000-0000-0000-0000-000000000001")),
            new AttemptId(new Guid("20000000-0000-0000-0000-000000000002")));

        string hex = Convert.ToHexStringLower(Encode(record, new Guid("30000000-0000-0000-0000-000000000003")));

        Assert.Equal(
            "50474545504f43480100000060000000" + "33221100554477668899aabbccddeeff" + "0807060504030201"
                + "00000010000000000000000000000001" + "00000020000000000000000000000002" + "00000030000000000000000000000003",
            hex[..176]);
        Assert.Equal(192, hex.Length);
    }

    [Property(MaxTest = 200)]
    public void Nonce_roundTripsAndRefusesEveryChangedByte(Guid nonce, byte change)
    {
        byte[] bytes = new byte[OwnershipRecordCodec.NonceBytes];
        OwnershipRecordCodec.WriteNonce(nonce, bytes);
        Assert.Null(OwnershipRecordCodec.TryReadNonce(bytes, out Guid read));
        Assert.Equal(nonce, read);

        for (int at = 0; at < bytes.Length; at++)
        {
            bytes[at] ^= (byte)(change | 1);
            Assert.NotNull(OwnershipRecordCodec.TryReadNonce(bytes, out _));
            bytes[at] ^= (byte)(change | 1);
        }
    }

    private static OwnershipRecord Some() => new(Guid.NewGuid(), 7, RunId.NewRandom(), AttemptId.NewRandom());

    private static byte[] Encode(OwnershipRecord record, Guid token)
    {
        byte[] bytes = new byte[OwnershipRecordCodec.RecordBytes];
        OwnershipRecordCodec.Write(record, token, bytes);
        return bytes;
    }
}
