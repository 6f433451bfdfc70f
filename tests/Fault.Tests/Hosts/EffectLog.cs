using System.Buffers.Binary;
using System.Globalization;

namespace PageEngine.Fault.Tests.Hosts;

// Owns: what the guest did, as both hosts wrote it down (tests/FaultHost/EffectLog.cs), and what must hold for it. Pure.

internal enum EffectKind
{
    None = 0,
    Resumed = 1,
    Active = 2,
    Paused = 3,
}

/// <param name="Host">Which process.</param>
/// <param name="Kind">What it tells.</param>
/// <param name="From">After when, in ticks of the machine's clock.</param>
/// <param name="Until">Before when.</param>
/// <param name="Epoch">The epoch it ran under.</param>
/// <param name="Operations">How many operations the guest had done then.</param>
internal sealed record Effect(string Host, EffectKind Kind, long From, long Until, ulong Epoch, long Operations);

internal static class EffectLog
{
    internal const int RecordBytes = 40;

    internal static IReadOnlyList<Effect> Read(string host, string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[file.Length / RecordBytes * RecordBytes];
        file.ReadExactly(bytes);
        var effects = new List<Effect>(bytes.Length / RecordBytes);
        for (int at = 0; at < bytes.Length; at += RecordBytes)
        {
            ReadOnlySpan<byte> record = bytes.AsSpan(at, RecordBytes);
            effects.Add(new Effect(
                host,
                (EffectKind)BinaryPrimitives.ReadInt64LittleEndian(record),
                BinaryPrimitives.ReadInt64LittleEndian(record[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(record[16..]),
                BinaryPrimitives.ReadUInt64LittleEndian(record[24..]),
                BinaryPrimitives.ReadInt64LittleEndian(record[32..])));
        }

        return effects;
    }

    /// <summary>Finds what must never happen. Each finding is a proof, whatever the scheduler did meanwhile.</summary>
    /// <returns>The findings in words; none is the only good answer.</returns>
    internal static IReadOnlyList<string> Check(IEnumerable<Effect> effects)
    {
        Effect[] all = [.. effects];
        var findings = new List<string>();
        foreach (IGrouping<ulong, Effect> epoch in all.GroupBy(e => e.Epoch))
        {
            string[] hosts = [.. epoch.Select(e => e.Host).Distinct()];
            if (hosts.Length > 1)
            {
                findings.Add($"Epoch {epoch.Key} was run by {string.Join(" and ", hosts)}.");
            }
        }

        ulong[] epochs = [.. all.Select(e => e.Epoch).Distinct().Order()];
        for (int i = 0; i + 1 < epochs.Length; i++)
        {
            Effect[] later = [.. all.Where(e => e.Epoch > epochs[i])];
            Effect[] earlier = [.. all.Where(e => e.Epoch <= epochs[i])];
            Effect firstDone = later.MinBy(e => e.Operations)!;
            Effect lastDone = earlier.MaxBy(e => e.Operations)!;
            Effect last = earlier.MaxBy(e => (e.Until, e.Kind == EffectKind.Paused))!;
            if (lastDone.Operations > firstDone.Operations)
            {
                findings.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Epoch {lastDone.Epoch} at the {lastDone.Host} did operation {lastDone.Operations}; epoch {firstDone.Epoch} at the {firstDone.Host} had begun at {firstDone.Operations}: repeated."));
            }
            else if (last.Kind == EffectKind.Paused && last.Operations != firstDone.Operations)
            {
                findings.Add(string.Create(
                    CultureInfo.InvariantCulture,
                    $"Epoch {last.Epoch} at the {last.Host} ended at operation {last.Operations}; epoch {firstDone.Epoch} at the {firstDone.Host} began at {firstDone.Operations}: lost."));
            }

            long firstActive = later.Where(e => e.Kind == EffectKind.Active).Select(e => e.Until).DefaultIfEmpty(long.MaxValue).Min();
            if (earlier.FirstOrDefault(e => e.Kind == EffectKind.Active && e.From >= firstActive) is { } late)
            {
                findings.Add($"Epoch {late.Epoch} at the {late.Host} was active after a later epoch had been.");
            }
        }

        return findings;
    }
}
