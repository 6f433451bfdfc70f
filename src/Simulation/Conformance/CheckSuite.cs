namespace PageEngine.Simulation.Conformance;

// Owns: running checks one after the other, each on a bench of its own, and turning what they throw into results. A
// check that hangs is given up after the limit; its threads are then left to themselves.

/// <summary>The checks of one contract.</summary>
/// <typeparam name="TBench">What a check works on; made anew for each.</typeparam>
internal sealed class CheckSuite<TBench>(string name, IReadOnlyList<CheckSuite<TBench>.Entry> entries)
    where TBench : IAsyncDisposable
{
    internal IReadOnlyList<ConformanceCheck> Checks { get; } = [.. entries.Select(entry => entry.Check)];

    internal async Task<ConformanceReport> RunAsync(Func<TBench> bench, TimeSpan limit, CancellationToken cancellationToken)
    {
        var results = new List<ConformanceResult>(entries.Count);
        foreach (Entry entry in entries)
        {
            results.Add(await RunAsync(entry, bench, limit, cancellationToken).ConfigureAwait(false));
        }

        return new ConformanceReport(name, results);
    }

    internal Task<ConformanceResult> RunAsync(string check, Func<TBench> bench, TimeSpan limit, CancellationToken cancellationToken)
    {
        Entry entry = entries.FirstOrDefault(entry => entry.Check.Name == check)
            ?? throw new ArgumentException($"The suite '{name}' has no check '{check}'.", nameof(check));
        return RunAsync(entry, bench, limit, cancellationToken);
    }

    private static async Task<ConformanceResult> RunAsync(Entry entry, Func<TBench> bench, TimeSpan limit, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            // On the pool: a part whose calls block must not keep the caller from noticing the limit.
            string observed = await Task.Run(() => RunOnBenchAsync(entry, bench), cancellationToken)
                .WaitAsync(limit, TimeProvider.System, cancellationToken).ConfigureAwait(false);
            return new ConformanceResult(entry.Check, ConformanceStatus.Passed, observed);
        }
        catch (CheckVerdict verdict)
        {
            return new ConformanceResult(entry.Check, verdict.Status, verdict.Message);
        }
        catch (TimeoutException) when (!cancellationToken.IsCancellationRequested)
        {
            return new ConformanceResult(entry.Check, ConformanceStatus.Failed, $"The check did not end within {limit.TotalSeconds:0} s: a call hangs.");
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return new ConformanceResult(entry.Check, ConformanceStatus.Failed, $"A call threw {e.GetType().Name}: {e.Message}");
        }
    }

    private static async Task<string> RunOnBenchAsync(Entry entry, Func<TBench> make)
    {
        TBench bench = make();
        try
        {
            return await entry.Body(bench).ConfigureAwait(false);
        }
        finally
        {
            await bench.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>A check and what it does; the body returns what it observed, or throws a <see cref="CheckVerdict"/>.</summary>
    internal sealed record Entry(ConformanceCheck Check, Func<TBench, Task<string>> Body)
    {
        internal Entry(string name, string rule, Func<TBench, Task<string>> body)
            : this(new ConformanceCheck(name, rule), body)
        {
        }
    }
}
