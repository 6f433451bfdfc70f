using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Simulation.Conformance;
using PageEngine.Tracing;
using Xunit;

namespace PageEngine.Simulation.Tests.Conformance;

public sealed class TracerConformanceTests
{
    private static readonly (string Part, TracerFlaw Flaw, string[] Checks)[] Table =
    [
        ("has no name", TracerFlaw.NoName, ["name"]),
        ("misses the last page", TracerFlaw.MissesLastPage, ["reports-each-write", "present"]),
        ("reports neighbours", TracerFlaw.ReportsNeighbours, ["reports-each-write"]),
        ("reports for ever", TracerFlaw.ReportsForEver, ["reports-once"]),
        ("reports each page once only", TracerFlaw.NeverRearms, ["reports-once", "no-lost-write"]),
        ("takes the first page for written", TracerFlaw.AlwaysReportsFirst, ["reading-is-no-write"]),
        ("clears the target", TracerFlaw.ClearsTarget, ["bits-stay-set"]),
        ("compares contents", TracerFlaw.ComparesContents, ["any-kind-of-write"]),
        ("traces on after a stop", TracerFlaw.TracesWhileStopped, ["restart"]),
        ("cannot be stopped twice", TracerFlaw.StopThrows, ["stop-harmless"]),
        ("writes memory", TracerFlaw.WritesMemory, ["memory-untouched"]),
        ("goes on counting", TracerFlaw.CountsOn, ["counters"]),
        ("takes all for absent", TracerFlaw.NothingPresent, ["present"]),
        ("takes then clears", TracerFlaw.TakesThenClears, ["no-lost-write"]),
        ("arms at the first collect", TracerFlaw.ArmsLate, ["no-lost-write-at-start"]),
    ];

    private static readonly (string Part, string[] Checks)[] Rules = [.. Table.Select(entry => (entry.Part, entry.Checks))];

    public static TheoryData<string> Checks => BrokenParts.Names(TracerConformance.Checks);

    public static TheoryData<string, string> Broken => BrokenParts.Pairs(Rules);

    [Theory]
    [MemberData(nameof(Checks))]
    public async Task ExplicitTracer_keeps_the_rule(string check)
    {
        ConformanceResult result = await TracerConformance.RunCheckAsync(check, memory => new ExplicitWriteTracer(memory));
        Assert.True(result.Status == ConformanceStatus.Passed, result.ToString());
    }

    [Fact]
    public async Task KernelTracer_keeps_every_rule()
    {
        if (!WriteTracers.Probe()[0].IsAvailable)
        {
            return;
        }

        (await TracerConformance.RunAsync(KernelWriteTracer.Create, new TracerConformanceOptions { Bursts = 60 })).ThrowIfFailed();
    }

    [Fact]
    public async Task KernelTracer_keeps_every_rule_on_shared_memory()
    {
        if (!WriteTracers.Probe()[0].IsAvailable)
        {
            return;
        }

        var options = new TracerConformanceOptions
        {
            Bursts = 20,
            Memory = layout => new GuestMemory(layout.Regions.Select(region => GuestMemoryRegion.MemoryFile(region.BaseAddress, region.PageCount * MemoryLayout.PageBytes, "test")).ToArray()),
        };
        (await TracerConformance.RunAsync(KernelWriteTracer.Create, options)).ThrowIfFailed();
    }

    [Fact]
    public async Task Coarse_tracer_is_right_when_it_says_so_and_wrong_when_not()
    {
        Func<GuestMemory, IWriteTracer> create = memory => new TracerDouble(memory, TracerFlaw.ReportsNeighbours);
        var options = new TracerConformanceOptions { MarkWritten = Mark, GranularityPages = 2 };
        Assert.Equal(ConformanceStatus.Passed, (await TracerConformance.RunCheckAsync("reports-once", create, options)).Status);
        Assert.Equal(ConformanceStatus.Failed, (await TracerConformance.RunCheckAsync("reports-once", create, options with { GranularityPages = 1 })).Status);
    }

    [Fact]
    public async Task A_right_double_breaks_no_rule() =>
        (await TracerConformance.RunAsync(memory => new TracerDouble(memory, TracerFlaw.None), new TracerConformanceOptions { MarkWritten = Mark, Bursts = 30 })).ThrowIfFailed();

    [Fact]
    public async Task A_writer_that_does_not_mark_is_caught() =>
        BrokenParts.Catches(await TracerConformance.RunCheckAsync("no-lost-write", memory => new ExplicitWriteTracer(memory), new TracerConformanceOptions { MarkWritten = static (_, _) => { } }));

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Broken_tracer_is_caught(string part, string check)
    {
        TracerFlaw flaw = Table.Single(entry => entry.Part == part).Flaw;
        BrokenParts.Catches(await TracerConformance.RunCheckAsync(check, memory => new TracerDouble(memory, flaw), new TracerConformanceOptions { MarkWritten = Mark }));
    }

    [Fact]
    public void Every_check_catches_a_broken_tracer() => BrokenParts.EveryCheckCatchesOne(TracerConformance.Checks, Rules);

    private static void Mark(IWriteTracer tracer, long page) => ((TracerDouble)tracer).Mark(page);
}

/// <summary>How a tracer can be wrong.</summary>
internal enum TracerFlaw
{
    None,
    NoName,
    MissesLastPage,
    ReportsNeighbours,
    ReportsForEver,
    NeverRearms,
    AlwaysReportsFirst,
    ClearsTarget,
    ComparesContents,
    TracesWhileStopped,
    StopThrows,
    WritesMemory,
    CountsOn,
    NothingPresent,
    TakesThenClears,
    ArmsLate,
}

/// <summary>An explicit tracer with one flaw.</summary>
internal sealed class TracerDouble(GuestMemory memory, TracerFlaw flaw) : IWriteTracer
{
    private readonly DirtyBitmap _written = new(memory.PageCount);
    private readonly DirtyBitmap _taken = new(memory.PageCount);
    private readonly DirtyBitmap _ever = new(memory.PageCount);
    private readonly Dictionary<long, int> _contents = [];
    private volatile bool _started;
    private volatile bool _armed;
    private long _installed;
    private long _fired;
    private long _copied;

    public string Name => flaw == TracerFlaw.NoName ? "" : "double";

    public WriteTracerCounters Counters => new(_installed, _fired, _copied);

    internal void Mark(long page)
    {
        if ((!_armed && flaw != TracerFlaw.TracesWhileStopped) || (flaw == TracerFlaw.MissesLastPage && page == memory.PageCount - 1))
        {
            return;
        }

        _written.Set(page);
        if (flaw == TracerFlaw.ReportsNeighbours && (page ^ 1) < memory.PageCount)
        {
            _written.Set(page ^ 1);
        }
    }

    public void Start()
    {
        if (flaw != TracerFlaw.TracesWhileStopped)
        {
            _written.Clear();
        }

        _ever.Clear();
        if (flaw != TracerFlaw.CountsOn)
        {
            (_installed, _fired, _copied) = (memory.PageCount, 0, 0);
        }
        else
        {
            _installed += memory.PageCount;
        }

        if (flaw == TracerFlaw.WritesMemory)
        {
            memory.Page(1)[100]++;
        }

        if (flaw == TracerFlaw.ComparesContents)
        {
            Compare(null);
        }

        _started = true;
        _armed = flaw != TracerFlaw.ArmsLate;
        Interlocked.MemoryBarrierProcessWide();
    }

    public void MarkPresent(DirtyBitmap present)
    {
        if (flaw != TracerFlaw.NothingPresent)
        {
            present.SetAll();
        }
    }

    public long Collect(DirtyBitmap dirty)
    {
        if (!_started)
        {
            throw new InvalidOperationException("not started");
        }

        _armed = true;
        _taken.Clear();
        switch (flaw)
        {
            case TracerFlaw.ClearsTarget:
                dirty.Clear();
                break;
            case TracerFlaw.AlwaysReportsFirst:
                _taken.Set(0);
                break;
            case TracerFlaw.ComparesContents:
                Compare(_taken);
                break;
        }

        if (flaw == TracerFlaw.TakesThenClears)
        {
            // Cleared one collect too late: what was written again since is forgotten with what was taken.
            _written.AndNot(_ever);
            _ever.CopyFrom(_written);
            _taken.CopyFrom(_written);
        }
        else if (flaw != TracerFlaw.ComparesContents)
        {
            _written.DrainInto(_taken);
        }

        Interlocked.MemoryBarrierProcessWide();
        if (flaw == TracerFlaw.NeverRearms)
        {
            _taken.AndNot(_ever);
        }

        if (flaw != TracerFlaw.TakesThenClears)
        {
            _ever.MergeFrom(_taken);
        }

        dirty.MergeFrom(flaw == TracerFlaw.ReportsForEver ? _ever : _taken);
        long count = (flaw == TracerFlaw.ReportsForEver ? _ever : _taken).Count();
        _installed += count;
        _fired += count;
        return count;
    }

    public void AddPagesCopied(long pages) => _copied += pages;

    public void Stop()
    {
        if (flaw == TracerFlaw.StopThrows && !_started)
        {
            throw new InvalidOperationException("not started");
        }

        _started = false;
        _armed = false;
    }

    public void Dispose()
    {
        _started = false;
        _armed = false;
        _written.Dispose();
        _taken.Dispose();
        _ever.Dispose();
    }

    private void Compare(DirtyBitmap? changed)
    {
        for (long page = 0; page < memory.PageCount; page++)
        {
            var hash = default(HashCode);
            hash.AddBytes(memory.Page(page));
            int now = hash.ToHashCode();
            if (changed is not null && _contents.GetValueOrDefault(page) != now)
            {
                changed.Set(page);
            }

            _contents[page] = now;
        }
    }
}
