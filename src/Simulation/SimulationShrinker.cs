using System.Globalization;
using System.Text;
using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation;

// Owns: making a failing run small: as few and as mild faults, as few pages and attempts as still break the same promise.

/// <summary>A failing run, made small.</summary>
/// <param name="Options">What gives the run again.</param>
/// <param name="Result">The run, with its trace.</param>
/// <param name="Runs">How many runs it took to find it.</param>
public sealed record ShrunkSimulation(SimulationOptions Options, SimulationResult Result, int Runs)
{
    // At either end of a long trace.
    private const int ShownLines = 50;

    /// <summary>Gives the seed, the faults and the trace: all that a person needs to understand the run, and to run it again.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(Result.Violation?.ToString() ?? "no promise was broken");
        text.AppendLine(CultureInfo.InvariantCulture, $"seed {Options.Seed}, {Options.Guest.Pages} pages ({Options.Guest.Workload}), {Options.Attempts} attempts, {(Options.HasStore ? "a store" : "no store")}");
        foreach (SimulationFault fault in Options.Faults)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {fault}");
        }

        // What goes round in circles until a limit says little in the middle.
        int left = Result.Trace.Count - (2 * ShownLines);
        for (int i = 0; i < Result.Trace.Count; i++)
        {
            if (left > 0 && i == ShownLines)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  ... {left} more lines ...");
                i += left;
            }

            text.AppendLine(Result.Trace[i].ToString());
        }

        return text.ToString();
    }
}

/// <summary>Makes a failing run small.</summary>
public static class SimulationShrinker
{
    /// <summary>Shrinks a run that breaks a promise.</summary>
    /// <param name="options">A run that breaks one.</param>
    /// <param name="maxRuns">The most runs to make; shrinking can be ended anywhere.</param>
    /// <returns>The smallest run found that breaks the same promise, with its trace.</returns>
    /// <exception cref="ArgumentException">The run keeps all promises.</exception>
    public static ShrunkSimulation Shrink(SimulationOptions options, int maxRuns = 2000)
    {
        ArgumentNullException.ThrowIfNull(options);
        SimulationOptions smallest = options with { RecordsTrace = false };
        SimulationPromise promise = Simulator.Run(smallest).Violation?.Promise
            ?? throw new ArgumentException("This run breaks no promise: there is nothing to shrink.", nameof(options));
        int runs = 1;
        bool shrunk = true;
        while (shrunk)
        {
            shrunk = false;
            foreach (SimulationOptions candidate in Smaller(smallest))
            {
                if (runs >= maxRuns)
                {
                    break;
                }

                runs++;
                if (Simulator.Run(candidate).Violation?.Promise == promise)
                {
                    smallest = candidate;
                    shrunk = true;
                    break;
                }
            }
        }

        smallest = smallest with { RecordsTrace = true };
        return new ShrunkSimulation(smallest, Simulator.Run(smallest), runs);
    }

    internal static IEnumerable<SimulationOptions> Smaller(SimulationOptions options)
    {
        if (options.Faults.Count > 2)
        {
            yield return options with { Faults = options.Faults.Keep(Enumerable.Range(0, options.Faults.Count / 2)) };
            yield return options with { Faults = options.Faults.Keep(Enumerable.Range(options.Faults.Count / 2, options.Faults.Count - (options.Faults.Count / 2))) };
        }

        for (int i = 0; i < options.Faults.Count; i++)
        {
            yield return options with { Faults = options.Faults.Without(i) };
        }

        if (options.Attempts > 1)
        {
            yield return options with { Attempts = options.Attempts - 1 };
        }

        if (options.Guest.Pages > 1)
        {
            yield return options with { Guest = options.Guest with { Pages = 1, ZeroPages = 0 } };
            yield return options with { Guest = options.Guest with { Pages = options.Guest.Pages / 2, ZeroPages = Math.Min(options.Guest.ZeroPages, options.Guest.Pages / 2) } };
        }

        if (options.Link.Jitter > TimeSpan.Zero)
        {
            yield return options with { Link = options.Link with { Jitter = TimeSpan.Zero } };
        }

        if (options.Link.Streams > 1)
        {
            yield return options with { Link = options.Link with { Streams = 1 } };
        }

        for (int i = 0; i < options.Faults.Count; i++)
        {
            foreach (SimulationFault milder in options.Faults[i].Milder())
            {
                yield return options with { Faults = options.Faults.With(i, milder) };
            }
        }
    }
}
