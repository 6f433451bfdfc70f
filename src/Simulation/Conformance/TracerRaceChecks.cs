using PageEngine.Bitmaps;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of a tracer under writers that write on. The oracle is naive: copy what was reported, let the writers
// stop, collect once more, and compare every page that is not reported with its copy.

internal static class TracerRaceChecks
{
    internal static CheckSuite<TracerBench>.Entry[] All =>
    [
        new("no-lost-write", "A write that races a collect is in the bytes read after it, or the page is reported again.", bench => RaceAsync(bench, restart: false)),
        new("no-lost-write-at-start", "A write after Start returned is reported, also when writers ran through the start.", bench => RaceAsync(bench, restart: true)),
    ];

    private static Task<string> RaceAsync(TracerBench bench, bool restart)
    {
        var random = new Random(bench.Options.Seed);
        long reported = 0;
        foreach (long[] shape in (long[][])[[2], [96], [3, 300, 65]])
        {
            TracedMemory traced = bench.Make(shape);
            using var copy = new GuestMemoryCopy(traced.Memory, empty: true);
            using var writers = new Writers(traced, bench.Options.Writers, bench.Options.Seed);
            using var present = new DirtyBitmap(traced.Memory.PageCount);
            if (!restart)
            {
                Begin(traced, copy, present);
            }

            for (int burst = 0; burst < bench.Options.Bursts; burst++)
            {
                writers.Begin(1 + random.Next(3000));
                if (restart)
                {
                    Begin(traced, copy, present);
                }

                int rest = random.Next(3) == 0 ? random.Next(500) : 0;
                do
                {
                    reported += Harvest(traced, copy);
                    Thread.SpinWait(rest);
                }
                while (!writers.Rest);

                writers.End();
                reported += traced.Collect();
                for (long page = 0; page < traced.Memory.PageCount; page++)
                {
                    Require(
                        traced.Dirty.IsSet(page) || !copy.Differs(traced.Memory, page),
                        $"{TracerBench.Text(shape)}, burst {burst + 1}: page {page} holds a write that no collect reported after the bytes were read.");
                    if (traced.Dirty.IsSet(page))
                    {
                        copy.Take(traced.Memory, page);
                    }
                }

                if (restart)
                {
                    traced.Tracer.Stop();
                }
            }
        }

        return Task.FromResult($"{3 * bench.Options.Bursts} bursts of {bench.Options.Writers} writers, {reported} pages reported: no write was lost.");
    }

    // Round 0: every page that may hold something.
    private static void Begin(TracedMemory traced, GuestMemoryCopy copy, DirtyBitmap present)
    {
        traced.Tracer.Start();
        present.Clear();
        traced.Tracer.MarkPresent(present);
        for (long page = 0; page < traced.Memory.PageCount; page++)
        {
            if (present.IsSet(page))
            {
                copy.Take(traced.Memory, page);
            }
        }
    }

    private static long Harvest(TracedMemory traced, GuestMemoryCopy copy)
    {
        long reported = traced.Collect();
        for (long page = 0; page < traced.Memory.PageCount && reported > 0; page++)
        {
            if (traced.Dirty.IsSet(page))
            {
                copy.Take(traced.Memory, page);
            }
        }

        return reported;
    }

    /// <summary>Threads that write in bursts. Half of their writes go to two pages, where they meet the collects.</summary>
    private sealed class Writers : IDisposable
    {
        private readonly TracedMemory _traced;
        private readonly Barrier _phase;
        private readonly Thread[] _threads;
        private int _writes;
        private int _busy;
        private Exception? _failure;

        internal Writers(TracedMemory traced, int count, int seed)
        {
            _traced = traced;
            _phase = new Barrier(count + 1);
            _threads = [.. Enumerable.Range(0, count).Select(number => new Thread(() => Run(((ulong)(uint)seed << 8) + (ulong)number + 1)) { IsBackground = true })];
            foreach (Thread thread in _threads)
            {
                thread.Start();
            }
        }

        /// <summary>Gets whether all have done their writes.</summary>
        internal bool Rest => Volatile.Read(ref _busy) == 0;

        internal void Begin(int writes)
        {
            _writes = writes;
            Volatile.Write(ref _busy, _threads.Length);
            _phase.SignalAndWait();
        }

        internal void End()
        {
            if (Volatile.Read(ref _failure) is { } failure)
            {
                Fail($"A writer failed with {failure.GetType().Name}: {failure.Message}", failure);
            }
        }

        public void Dispose()
        {
            // Also after a check that failed in the middle of a burst: a writer comes back to the barrier by itself.
            _writes = 0;
            _phase.SignalAndWait();
            foreach (Thread thread in _threads)
            {
                thread.Join();
            }

            _phase.Dispose();
        }

        private void Run(ulong seed)
        {
            ulong state = seed * 0x9E37_79B9_7F4A_7C15;
            ulong stamp = seed << 40;
            while (true)
            {
                _phase.SignalAndWait();
                int writes = _writes;
                if (writes == 0)
                {
                    return;
                }

                try
                {
                    for (int i = 0; i < writes; i++)
                    {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        ulong page = (state & 1) == 0 ? (state >> 1) & 1 : state >> 8;
                        _traced.Write((long)(page % (ulong)_traced.Memory.PageCount), (int)(state >> 40), ++stamp);
                    }
                }
                catch (Exception e)
                {
                    Volatile.Write(ref _failure, e);
                }

                Interlocked.Decrement(ref _busy);
            }
        }
    }
}
