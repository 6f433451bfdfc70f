using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Simulation.Conformance;

// Owns: the memories and tracers of one tracer check.

/// <summary>Makes memories under a tracer, and disposes them.</summary>
internal sealed class TracerBench(Func<GuestMemory, IWriteTracer> create, TracerConformanceOptions options) : IAsyncDisposable
{
    /// <summary>Sizes in pages at which words of a bitmap begin and end, and several regions with holes between them.</summary>
    internal static readonly long[][] Shapes = [[1], [63], [64], [65], [200], [1, 1], [3, 64, 130], [65, 7, 1, 513]];

    private readonly List<TracedMemory> _made = [];

    internal TracerConformanceOptions Options => options;

    internal static string Text(long[] regionPages) => $"Regions of {string.Join(", ", regionPages)} pages";

    internal TracedMemory Make(params long[] regionPages)
    {
        var regions = new MemoryLayoutRegion[regionPages.Length];
        ulong address = 0;
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i] = new MemoryLayoutRegion(new GuestAddress(address), regionPages[i]);
            address += (ulong)(regionPages[i] + 16) * MemoryLayout.PageBytes;
        }

        GuestMemory memory = (options.Memory ?? Anonymous)(new MemoryLayout(regions));
        IWriteTracer? tracer = create(memory);
        if (tracer is null)
        {
            memory.Dispose();
            CheckVerdict.Fail("Making the tracer gave nothing.");
        }

        var made = new TracedMemory(memory, tracer, options);
        _made.Add(made);
        return made;
    }

    public ValueTask DisposeAsync()
    {
        _made.ForEach(made => made.Dispose());
        return ValueTask.CompletedTask;
    }

    internal static GuestMemory Anonymous(MemoryLayout layout) => new(
        layout.Regions.Select(region => GuestMemoryRegion.Anonymous(region.BaseAddress, region.PageCount * MemoryLayout.PageBytes)).ToArray());
}
