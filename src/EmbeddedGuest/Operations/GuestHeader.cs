namespace PageEngine.EmbeddedGuest.Operations;

// Owns: page 0: whose memory this is.

internal readonly record struct GuestHeader(ulong Seed, int VirtualCpus, long Pages)
{
    private const ulong Mark = 0x5453_4555_4745_4750; // "PGEGUEST" in memory order

    internal unsafe void Write(ulong* page)
    {
        new Span<ulong>(page, GuestMemoryMap.PageWords).Clear();
        page[0] = Mark;
        page[1] = Seed;
        page[2] = (ulong)VirtualCpus;
        page[3] = (ulong)Pages;
    }
}
