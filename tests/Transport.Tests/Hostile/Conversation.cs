using System.Text.Json;
using PageEngine.Compression;
using PageEngine.Devices;
using PageEngine.Memory;
using PageEngine.Streaming;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Transport.Tests.Hostile;

// Owns: a migration that went well, as the frames that both sides sent.

/// <summary>What a migration said, in order.</summary>
/// <param name="CodedBatches">What went over the page stream of another one, with pages compared and compressed.</param>
internal sealed record Conversation(
    byte[] Preamble, byte[][] FromSource, byte[][] FromDestination, byte[][] Batches, byte[][] CodedBatches, byte[] State)
{
    /// <summary>Reads the recording that PAGEENGINE_FUZZ_RECORDING names, and makes it where there is none yet: with the same
    /// seed the decoders then get the same frames.</summary>
    internal static async Task<Conversation> GetAsync()
    {
        string? path = Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_RECORDING");
        if (path is not null && File.Exists(path))
        {
            return JsonSerializer.Deserialize<Conversation>(await File.ReadAllTextAsync(path))!;
        }

        Conversation recorded = await RecordAsync();
        if (path is not null)
        {
            await File.WriteAllTextAsync(path, JsonSerializer.Serialize(recorded));
        }

        return recorded;
    }

    /// <summary>Records migrations of a small guest without a store.</summary>
    private static async Task<Conversation> RecordAsync()
    {
        List<(bool FromSource, FrameFormat Format, byte[] Frame)> plain = await KeepAsync(PageCompression.None);
        List<(bool FromSource, FrameFormat Format, byte[] Frame)> coded = await KeepAsync(PageCompression.Lz4);
        byte[][] Of(bool fromSource, FrameFormat format) => [.. plain.Where(k => k.FromSource == fromSource && k.Format == format).Select(k => k.Frame)];
        byte[][] codedBatches = [.. coded.Where(k => k.FromSource && k.Format == FrameFormat.Batch).Select(k => k.Frame)];
        Assert.Contains(codedBatches, b => PageBatchHeader.Read(b.AsSpan(0, PageBatchHeader.Bytes)).Encoding == PageBatchHeader.CodedEncoding);
        var writer = new DeviceStateWriter();
        writer.Add("cpu", 0, 1, new byte[40]);
        writer.Add("disk", 1, 2, new byte[9]);
        return new Conversation(
            Of(true, FrameFormat.Preamble)[0], Of(true, FrameFormat.Control), Of(false, FrameFormat.Control), Of(true, FrameFormat.Batch),
            codedBatches, DeviceStateCodec.Encode(writer.ToDeviceState()));
    }

    private static async Task<List<(bool FromSource, FrameFormat Format, byte[] Frame)>> KeepAsync(PageCompression compression)
    {
        var kept = new List<(bool FromSource, FrameFormat Format, byte[] Frame)>();
        IEnumerable<byte[]> Keep(bool fromSource, FrameFormat format, byte[] frame, uint number)
        {
            lock (kept)
            {
                kept.Add((fromSource, format, frame));
            }

            return [frame];
        }

        await using var scene = new HostileScene(Keep, hasStore: false, compression, isUnharmed: true);
        await scene.RunAsync();
        Assert.Null(scene.Report.Failure);
        return kept;
    }
}
