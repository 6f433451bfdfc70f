namespace PageEngine.Planning;

// Owns: the arithmetic forecast of pre-copy for constant rates. Pure. It is a model, not the planner: real guests slow
// down and speed up, and the planner only believes what it measured.

/// <summary>
/// Forecasts rounds, time and blackout for a guest that writes clean pages at a constant rate D over a working set W,
/// and a link that carries R: <c>V(0) = memory</c>, <c>T(i) = V(i) / R</c>, <c>V(i+1) = min(W, D * T(i))</c>. Without a
/// working set this is the geometric model <c>V(i) = V(0) * (D/R)^i</c>.
/// </summary>
public static class PreCopyModel
{
    /// <summary>Makes a forecast.</summary>
    /// <param name="input">Memory, rates and limits.</param>
    /// <exception cref="ArgumentOutOfRangeException">An input is outside its range; the message names it.</exception>
    public static PreCopyForecast Predict(PreCopyModelInput input)
    {
        ArgumentNullException.ThrowIfNull(input);
        input.Validate();
        double workingSet = Math.Min(input.WorkingSetBytes ?? input.MemoryBytes, input.MemoryBytes);
        double bandwidth = input.BandwidthBytesPerSecond;
        double goalSeconds = (input.Goal - input.Fixed).TotalSeconds;
        var rounds = new List<PreCopyForecastRound>();
        double toSend = input.MemoryBytes;
        double sentBytes = 0;
        double sentSeconds = 0;
        int refined = 0;
        PreCopyForecastOutcome outcome;
        while (true)
        {
            double seconds = toSend / bandwidth;
            double left = Math.Min(workingSet, input.DirtyBytesPerSecond * seconds);
            rounds.Add(new PreCopyForecastRound(rounds.Count, Whole(toSend), Time(seconds), Whole(left)));
            sentBytes += toSend;
            sentSeconds += seconds;
            bool shrinks = left < toSend;
            toSend = left;
            bool roundsLeft = rounds.Count < input.MaxRounds;
            if (left / bandwidth <= goalSeconds)
            {
                outcome = PreCopyForecastOutcome.GoalMet;
                if (!roundsLeft || refined == input.RefineRounds || !RefiningPays(input, left, workingSet))
                {
                    break;
                }

                refined++;
            }
            else if (!shrinks || !roundsLeft)
            {
                outcome = shrinks ? PreCopyForecastOutcome.RoundLimit : PreCopyForecastOutcome.Stalled;
                break;
            }
        }

        TimeSpan lastPass = Time(toSend / bandwidth);
        return new PreCopyForecast(
            outcome,
            rounds,
            Whole(toSend),
            lastPass,
            PlanningTime.Add(lastPass, input.Fixed),
            PlanningTime.Add(Time(sentSeconds + (toSend / bandwidth)), input.Fixed),
            Whole(sentBytes + toSend));
    }

    private static bool RefiningPays(PreCopyModelInput input, double left, double workingSet)
    {
        double seconds = left / input.BandwidthBytesPerSecond;
        double nextSeconds = Math.Min(workingSet, input.DirtyBytesPerSecond * seconds) / input.BandwidthBytesPerSecond;
        return left > 0 && seconds - nextSeconds >= input.RefineGainPercent / 100 * (seconds + input.Fixed.TotalSeconds);
    }

    // Shown values are rounded, the arithmetic behind them is not: rounding each round would add up.
    private static long Whole(double bytes) => bytes < long.MaxValue ? (long)Math.Round(bytes) : long.MaxValue;

    private static TimeSpan Time(double seconds) => seconds < TimeSpan.MaxValue.TotalSeconds / 2
        ? TimeSpan.FromTicks((long)Math.Round(seconds * TimeSpan.TicksPerSecond))
        : TimeSpan.MaxValue;
}
