using System.IO.Hashing;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Tests.Memory;

// Owns: the engine's XxHash3 against the library's, for every length near a border and for random pieces.

public class StreamHashTests
{
    [Fact]
    public void Every_length_hashes_as_the_library_does()
    {
        byte[] bytes = new byte[3000];
        new Random(5).NextBytes(bytes);
        for (int length = 0; length <= bytes.Length; length++)
        {
            Assert.Equal(XxHash3.HashToUInt64(bytes.AsSpan(0, length)), StreamHash.Of(bytes.AsSpan(0, length)));
            Assert.Equal(XxHash3.HashToUInt64(bytes.AsSpan(0, length)), StreamHash.OfFew(bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Pieces_of_any_length_hash_as_one()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        byte[] bytes = new byte[20_000];
        random.NextBytes(bytes);
        var hash = new StreamHash();
        for (int round = 0; round < 2000; round++)
        {
            hash.Reset();
            int length = random.Next(random.Next(2) == 0 ? 600 : bytes.Length);
            for (int at = 0; at < length;)
            {
                int piece = Math.Min(length - at, random.Next(random.Next(3) switch { 0 => 20, 1 => 300, _ => 5000 }));
                hash.Append(bytes.AsSpan(at, piece));
                at += piece;
                if (random.Next(10) == 0)
                {
                    Assert.True(XxHash3.HashToUInt64(bytes.AsSpan(0, at)) == hash.Current, $"seed {seed}, length {at}");
                }
            }

            Assert.True(XxHash3.HashToUInt64(bytes.AsSpan(0, length)) == hash.Current, $"seed {seed}, length {length}");
        }
    }
}
