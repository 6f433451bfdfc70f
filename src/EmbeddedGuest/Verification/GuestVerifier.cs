using System.Runtime.InteropServices;
using PageEngine.Bitmaps;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.EmbeddedGuest.State;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.EmbeddedGuest.Verification;

// Owns: the course of a verification: replay each virtual CPU, then compare all of memory, on all cores. The guest is
// paused and its memory held.

internal sealed unsafe class GuestVerifier(GuestMemory memory, GuestMemoryMap map, PageFill fill, OperationStream[] streams, GuestHeader header)
{
    private const long PagesInChunk = 4096;

    internal GuestVerification Verify(IReadOnlyList<VirtualCpuState> states, CancellationToken cancellationToken)
    {
        ParallelOptions parallel = new() { CancellationToken = cancellationToken, MaxDegreeOfParallelism = Environment.ProcessorCount };
        Findings findings = new();
        GuestPages pages = new(memory);
        Replay[] replays = new Replay[streams.Length];
        Parallel.For(0, streams.Length, parallel, i =>
            replays[i] = Replay.Run(streams[i], map, i, states[i].Operations, cancellationToken));

        using DirtyBitmap present = new(memory.PageCount);
        using (ExplicitWriteTracer kernel = new(memory))
        {
            kernel.MarkPresent(present);
        }

        SystemAreaVerifier system = new(pages, present, findings);
        system.Header(header);
        system.Table(replays);
        for (int i = 0; i < replays.Length; i++)
        {
            system.Log(i, replays[i], states[i].Operations);
            system.Chain(i, states[i].Chain, replays[i]);
        }

        system.Accounts(replays);
        WorkloadPageVerifier verifier = new(pages, map, fill, streams, findings);
        long chunks = (map.WorkloadPages + PagesInChunk - 1) / PagesInChunk;
        Parallel.For(0, chunks, parallel, chunk =>
            CheckChunk(verifier, replays, present, chunk * PagesInChunk, Math.Min(map.WorkloadPages, (chunk + 1) * PagesInChunk)));
        return findings.ToVerification(states.Sum(s => s.Operations));
    }

    private void CheckChunk(WorkloadPageVerifier verifier, Replay[] replays, DirtyBitmap present, long start, long end)
    {
        // SAFETY: one page, freed below; only this thread uses it.
        ulong* scratch = (ulong*)NativeMemory.AlignedAlloc(MemoryLayout.PageBytes, 64);
        try
        {
            for (long index = start; index < end; index++)
            {
                long page = map.FirstWorkloadPage + index;
                Replay.PageHistory history = replays[map.OwnerOf(page)].Pages[(int)map.LocalPageOf(page)];
                verifier.Check(index, history, present.IsSet(page), scratch);
            }
        }
        finally
        {
            NativeMemory.AlignedFree(scratch);
        }
    }
}
