using PageEngine.Bitmaps;
using PageEngine.Tracing;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of a tracer while nobody else writes: what is reported is known to the page.

internal static class TracerChecks
{
    internal static CheckSuite<TracerBench>.Entry[] All =>
    [
        new("name", "The tracer has a short name for reports.", Of(Name)),
        new("reports-each-write", "Every page written since the start or the last collect is reported, whatever the layout.", Of(ReportsEachWrite)),
        new("reports-once", "A collect re-arms what it reports: an unwritten page is not reported again, a written one is.", Of(ReportsOnce)),
        new("reading-is-no-write", "Reading pages, untouched ones too, reports nothing.", Of(ReadingIsNoWrite)),
        new("bits-stay-set", "Bits that the target has already stay set, and pages whose bit was set count too.", Of(BitsStaySet)),
        new("any-kind-of-write", "A page is reported however its bytes were written: one byte, all of it, across pages, the same value again.", Of(AnyKindOfWrite)),
        new("restart", "After a stop writers write on; after another start the tracer reports what is written from then on.", Of(Restart)),
        new("stop-harmless", "Stop is harmless when not started, and when repeated; disposing leaves the memory writable.", Of(StopHarmless)),
        new("memory-untouched", "Starting, collecting, stopping and disposing change no byte.", Of(MemoryUntouched)),
        new("counters", "The counters begin at each start: all pages armed, then one armed and one fired for each page reported, and the copies it was told.", Of(Counters)),
        new("present", "What may have held something at the start is marked present; bits already set stay set.", Of(Present)),
    ];

    private static Func<TracerBench, Task<string>> Of(Func<TracerBench, string> check) => bench => Task.FromResult(check(bench));

    private static string Name(TracerBench bench)
    {
        string name = bench.Make(1).Tracer.Name;
        Require(!string.IsNullOrWhiteSpace(name), "The name is empty.");
        return $"\"{name}\"";
    }

    private static string ReportsEachWrite(TracerBench bench)
    {
        var random = new Random(bench.Options.Seed);
        foreach (long[] shape in TracerBench.Shapes)
        {
            TracedMemory traced = bench.Make(shape);
            traced.StartQuietly();
            long pages = traced.Memory.PageCount;
            HashSet<long> edges = [.. Enumerable.Range(0, shape.Length).SelectMany(region => (long[])[traced.Memory.FirstPageOf(region), traced.Memory.FirstPageOf(region) + shape[region] - 1])];
            Write(traced, edges);
            traced.CollectExactly(edges, $"{TracerBench.Text(shape)}, first and last page of each written");
            Write(traced, [.. Enumerable.Range(0, (int)pages).Select(page => (long)page)]);
            RequireEqual(pages, traced.Collect(), $"{TracerBench.Text(shape)}, all written: pages reported");
            for (int i = 0; i < 20; i++)
            {
                HashSet<long> some = [.. Enumerable.Range(0, random.Next(1, 40)).Select(_ => random.NextInt64(pages))];
                Write(traced, some);
                traced.CollectExactly(some, $"{TracerBench.Text(shape)}, {some.Count} written at random");
            }
        }

        return $"{TracerBench.Shapes.Length} layouts, 22 collects each: what was written was reported, and nothing else.";
    }

    private static string ReportsOnce(TracerBench bench)
    {
        TracedMemory traced = bench.Make(130, 70);
        traced.StartQuietly();
        traced.CollectExactly(new HashSet<long>(), "Nothing written since the first collect");
        for (int i = 0; i < 20; i++)
        {
            HashSet<long> some = [i, 63, 64, 129, 130, 199 - i];
            Write(traced, some);
            traced.CollectExactly(some, $"Collect {(2 * i) + 1}, after the same or neighbouring pages were written");
            traced.CollectExactly(new HashSet<long>(), $"Collect {(2 * i) + 2}, with nothing written");
        }

        return "20 times written, reported, and then not reported.";
    }

    private static string ReadingIsNoWrite(TracerBench bench)
    {
        TracedMemory traced = bench.Make(100);
        Write(traced, [3, 50]);
        traced.StartQuietly();
        ulong sum = 0;
        for (long page = 0; page < 100; page++)
        {
            sum += traced.Memory.Page(page)[(int)page];
        }

        traced.CollectExactly(new HashSet<long>(), $"100 pages read (sum {sum})");
        Write(traced, [10]);
        traced.CollectExactly(new HashSet<long> { 10 }, "One page written after it was read");
        return "100 pages were read and none was reported.";
    }

    private static string BitsStaySet(TracerBench bench)
    {
        TracedMemory traced = bench.Make(130);
        traced.StartQuietly();
        Write(traced, [5, 6, 128]);
        using var target = new DirtyBitmap(130);
        target.Set(6);
        target.Set(77);
        long reported = traced.Tracer.Collect(target);
        Require(target.IsSet(6) && target.IsSet(77), "A bit that was set before the collect was cleared.");
        Require(target.IsSet(5) && target.IsSet(128), "A written page was not reported into a bitmap that has bits set.");
        Require(reported >= 3, $"Three pages were written, one of which had its bit set already; the collect returned {reported}.");
        return $"Two bits were there; the collect added its own and returned {reported}.";
    }

    private static string AnyKindOfWrite(TracerBench bench)
    {
        TracedMemory traced = bench.Make(40);
        traced.StartQuietly();
        traced.Memory.Page(1)[4095] = 7;
        traced.Mark(1);
        traced.CollectExactly(new HashSet<long> { 1 }, "The last byte of a page written");
        traced.Memory.Page(2).Fill(9);
        traced.Mark(2);
        traced.CollectExactly(new HashSet<long> { 2 }, "A whole page filled");
        traced.Memory.Page(1).CopyTo(traced.Memory.Page(2));
        traced.Mark(2);
        traced.CollectExactly(new HashSet<long> { 2 }, "A page copied over another");
        traced.Memory.Page(2)[4095] = traced.Memory.Page(2)[4095];
        traced.Mark(2);
        traced.CollectExactly(new HashSet<long> { 2 }, "The same value written again");
        for (long page = 10; page < 30; page++)
        {
            traced.Memory.Page(page).Clear();
            traced.Mark(page);
        }

        traced.CollectExactly(new HashSet<long>(Enumerable.Range(10, 20).Select(page => (long)page)), "Twenty pages cleared");
        return "Five kinds of writes were reported.";
    }

    private static string Restart(TracerBench bench)
    {
        TracedMemory traced = bench.Make(100, 30);
        for (int i = 0; i < 5; i++)
        {
            traced.StartQuietly();
            Require(i == 0 || !traced.Dirty.IsSet(60) || !traced.Dirty.IsSet(110), $"After start {i + 1}: the pages that were written while stopped are reported; starting did not arm them.");
            HashSet<long> some = [i, 99 + i];
            Write(traced, some);
            traced.CollectExactly(some, $"After start {i + 1}");
            Write(traced, [40, 50]);
            traced.Tracer.Stop();
            Write(traced, [60, 110]);
            RequireEqual((ulong)60, BitConverter.ToUInt64(traced.Memory.Page(60)), "A word written while stopped");
        }

        traced.StartQuietly();
        traced.CollectExactly(new HashSet<long>(), "After the last start with nothing written since");
        return "Started six times; what was written while stopped was kept and not reported.";
    }

    private static string StopHarmless(TracerBench bench)
    {
        TracedMemory traced = bench.Make(20);
        traced.Tracer.Stop();
        traced.StartQuietly();
        Write(traced, [4]);
        traced.Tracer.Stop();
        traced.Tracer.Stop();
        traced.StartQuietly();
        Write(traced, [5]);
        traced.CollectExactly(new HashSet<long> { 5 }, "After stops too many and a new start");
        traced.DisposeTracer();
        for (long page = 0; page < 20; page++)
        {
            traced.Memory.Page(page)[0] = (byte)page;
        }

        TracedMemory stopped = bench.Make(20);
        stopped.Tracer.Start();
        stopped.DisposeTracer();
        stopped.Memory.Page(3)[0] = 1;
        return "Stopped four times, started twice; writable after disposal.";
    }

    private static string MemoryUntouched(TracerBench bench)
    {
        TracedMemory traced = bench.Make(70, 5);
        for (long page = 0; page < 75; page += 2)
        {
            traced.Write(page, (int)page, (ulong)page + 1);
        }

        using GuestMemoryCopy before = new(traced.Memory);
        traced.StartQuietly();
        traced.Collect();
        traced.Tracer.Stop();
        traced.StartQuietly();
        traced.DisposeTracer();
        Require(before.FirstDifference(traced.Memory) is not { } changed, $"Page {before.FirstDifference(traced.Memory)} was changed by tracing.");
        return "75 pages are as they were.";
    }

    private static string Counters(TracerBench bench)
    {
        TracedMemory traced = bench.Make(100, 9);
        for (int start = 1; start <= 2; start++)
        {
            traced.Tracer.Start();
            RequireEqual(new WriteTracerCounters(109, 0, 0), traced.Tracer.Counters, $"The counters right after start {start}");
            long reported = traced.Collect();
            Write(traced, [1, 2, 64, 108]);
            reported += traced.Collect();
            reported += traced.Collect();
            traced.Tracer.AddPagesCopied(3);
            traced.Tracer.AddPagesCopied(4);
            RequireEqual(new WriteTracerCounters(109 + reported, reported, 7), traced.Tracer.Counters, $"The counters after {reported} pages were reported and 7 copied");
            traced.Tracer.Stop();
        }

        return "They followed two runs.";
    }

    private static string Present(TracerBench bench)
    {
        foreach (long[] shape in TracerBench.Shapes)
        {
            TracedMemory traced = bench.Make(shape);
            long pages = traced.Memory.PageCount;
            HashSet<long> written = [0, pages / 2, pages - 1];
            Write(traced, written);
            traced.Tracer.Start();
            using var present = new DirtyBitmap(pages);
            present.Set(pages / 3);
            traced.Tracer.MarkPresent(present);
            Require(present.IsSet(pages / 3), $"{TracerBench.Text(shape)}: a bit that was set before was cleared.");
            foreach (long page in written)
            {
                Require(present.IsSet(page), $"{TracerBench.Text(shape)}: page {page} held something at the start and is not marked present.");
            }

            Write(traced, [pages - 1, 0]);
            traced.Collect();
            Require(traced.Dirty.IsSet(0) && traced.Dirty.IsSet(pages - 1), $"{TracerBench.Text(shape)}: a write after the start was not reported once presence had been asked for.");
        }

        return $"{TracerBench.Shapes.Length} layouts with three pages present each.";
    }

    private static void Write(TracedMemory traced, HashSet<long> pages)
    {
        foreach (long page in pages)
        {
            traced.Write(page, 0, (ulong)page);
        }
    }
}
