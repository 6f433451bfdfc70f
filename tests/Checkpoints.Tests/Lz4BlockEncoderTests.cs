using K4os.Compression.LZ4;
using PageEngine.Checkpoints.Compression;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: whatever the encoder makes, another decoder gives back; and what does not fit is said, not written.

public class Lz4BlockEncoderTests
{
    [Fact]
    public void Blocks_of_any_content_and_length_decode_to_what_they_were()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        using var encoder = new Lz4BlockEncoder();
        byte[] target = new byte[400_000];
        for (int round = 0; round < 3000; round++)
        {
            byte[] source = Content(random, 1 + random.Next(random.Next(4) switch { 0 => 40, 1 => 600, 2 => 9000, _ => 300_000 }));
            int written = encoder.Encode(source, target);
            Assert.True(written > 0, $"seed {seed}: {source.Length} bytes were not encoded");
            byte[] decoded = new byte[source.Length];
            Assert.True(LZ4Codec.Decode(target.AsSpan(0, written), decoded) == source.Length, $"seed {seed}, round {round}");
            Assert.True(source.AsSpan().SequenceEqual(decoded), $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void A_target_that_is_too_short_is_never_passed()
    {
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        using var encoder = new Lz4BlockEncoder();
        byte[] target = new byte[20_000];
        for (int round = 0; round < 5000; round++)
        {
            byte[] source = Content(random, random.Next(1, 9000));
            int room = random.Next(source.Length);
            target.AsSpan().Fill(0xA5);
            int written = encoder.Encode(source, target.AsSpan(0, room));
            Assert.True(written <= room, $"seed {seed}, round {round}");
            Assert.True(!target.AsSpan(room).ContainsAnyExcept((byte)0xA5), $"seed {seed}, round {round}: bytes behind the target were changed");
        }
    }

    // Runs, repeats at many distances, and noise, in random order.
    private static byte[] Content(Random random, int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            int part = Math.Min(length - at, 1 + random.Next(random.Next(3) == 0 ? 5000 : 60));
            Span<byte> target = bytes.AsSpan(at, part);
            switch (random.Next(4))
            {
                case 0:
                    random.NextBytes(target);
                    break;
                case 1:
                    target.Fill((byte)random.Next(3));
                    break;
                default:
                    int from = Math.Max(0, at - random.Next(1, 70_000));
                    for (int i = 0; i < part && at > 0; i++)
                    {
                        target[i] = bytes[from + i];
                    }

                    break;
            }

            at += part;
        }

        return bytes;
    }
}
