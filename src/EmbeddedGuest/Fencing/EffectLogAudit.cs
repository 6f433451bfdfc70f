namespace PageEngine.EmbeddedGuest.Fencing;

// Owns: judging a guard's log by itself, without the rules by which the guard wrote it. Immutable once read.

/// <summary>What a guard's log shows, over all its guests.</summary>
/// <param name="Guests">How many guests had effects.</param>
/// <param name="Effects">Effects that were accepted.</param>
/// <param name="Gaps">Accepted effects that do not follow the one before them: something was lost.</param>
/// <param name="Repeats">Accepted effects with a number that was there already: something was done twice.</param>
/// <param name="EpochsGoingDown">Accepted effects and raises of an epoch below one seen before: two owners at once.</param>
/// <param name="Refused">Requests that were refused for their epoch. No fault: that is the guard's work.</param>
public sealed record EffectLogAudit(long Guests, long Effects, long Gaps, long Repeats, long EpochsGoingDown, long Refused)
{
    /// <summary>Gets whether every effect was done once, in order, by one owner at a time.</summary>
    public bool IsGood => Gaps == 0 && Repeats == 0 && EpochsGoingDown == 0;

    /// <summary>Reads a log; its guard may be running.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="MigrationException">A line is damaged. What a crash tore at the end is left out instead.</exception>
    public static EffectLogAudit Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Dictionary<Guid, (ulong Highest, ulong Last)> guests = [];
        HashSet<Guid> withEffects = [];
        long effects = 0;
        long gaps = 0;
        long repeats = 0;
        long down = 0;
        long refused = 0;
        using FileStream log = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        EffectLogLine.ReadAll(log, path, line =>
        {
            if (line.Event == EffectLogEvent.Refused)
            {
                refused++;
                return;
            }

            (ulong highest, ulong last) = guests.GetValueOrDefault(line.Guest);
            down += line.Epoch < highest ? 1 : 0;
            if (line.Event == EffectLogEvent.Effect)
            {
                effects++;
                withEffects.Add(line.Guest);
                repeats += line.Number <= last ? 1 : 0;
                gaps += line.Number > last && line.Number - last != 1 ? 1 : 0;
                last = Math.Max(last, line.Number);
            }

            guests[line.Guest] = (Math.Max(highest, line.Epoch), last);
        });
        return new EffectLogAudit(withEffects.Count, effects, gaps, repeats, down, refused);
    }
}
