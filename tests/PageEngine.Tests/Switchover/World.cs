using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Tests.Switchover;

// Owns: one state of the whole system: the source, one destination process an attempt, the store, and every message
// ever sent. A set of sent messages that may each arrive never, once or again and in any order is a channel that
// loses, repeats and reorders.

[Flags]
internal enum Sent : byte
{
    None = 0,
    Prepare = 1,
    Commit = 2,
    Abort = 4,
    Prepared = 8,
    Refused = 16,
    Running = 32,
    HandedBack = 64,
}

/// <summary>Creates that nobody waits for any more and that may still happen.</summary>
[Flags]
internal enum Late : byte
{
    None = 0,
    SourceGrants = 1,
    SourceReclaims = 2,
    DestinationClaims = 4,
    DestinationFrees = 8,
    DestinationHandsBack = 16,
}

/// <summary>What is in a journal; "prepared" in the source's means "may be prepared".</summary>
[Flags]
internal enum Written : byte
{
    None = 0,
    Prepared = 1,
    HandingBack = 2,
    Resuming = 4,
    Settled = 8,
}

internal struct DestinationProcess
{
    public DestinationState State;
    public bool Started;
    public bool Alive;
    public bool Memory;
    public bool Complete;
    public bool Active;
    public bool Ran;
    public bool Outdated;
    public bool AbandonsRestore;
    public bool LateMark;
    public Written Journal;
    public byte Base;
    public Sent Sent;
    public Late Late;

    public readonly uint Pack() =>
        (uint)State | Bit(Started, 5) | Bit(Alive, 6) | Bit(Memory, 7) | Bit(Complete, 8) | Bit(Active, 9) | Bit(Ran, 10)
        | Bit(Outdated, 11) | Bit(AbandonsRestore, 12) | ((uint)Journal << 13) | ((uint)Base << 17) | ((uint)Sent << 20) | ((uint)Late << 27);

    private static uint Bit(bool value, int at) => value ? 1u << at : 0;
}

internal struct World
{
    public DestinationProcess First;
    public DestinationProcess Second;
    public SourceState Source;
    public bool SourceAlive;
    public bool SourceMemory;
    public bool SourceActive;
    public Written SourceJournal;
    public SourceState WithdrawnFrom;
    public byte SourceEpoch;
    public byte Attempt;
    public byte Crashes;
    public byte Head;
    public uint Holders;
    public uint Marks;

    public static World Initial(int crashes)
    {
        var world = new World
        {
            Source = SourceState.Copying,
            SourceAlive = true,
            SourceMemory = true,
            SourceActive = true,
            SourceEpoch = 1,
            Head = 1,
            Crashes = (byte)crashes,
        };
        world.Begin(0);
        return world;
    }

    /// <summary>Starts an attempt: a new process at the destination, the source copying.</summary>
    public void Begin(int attempt)
    {
        Attempt = (byte)attempt;
        Source = SourceState.Copying;
        SourceJournal = Written.None;
        WithdrawnFrom = SourceState.None;
        var process = new DestinationProcess
        {
            State = DestinationState.Receiving,
            Started = true,
            Alive = true,
            Memory = true,
            Base = SourceEpoch,
        };
        Put(attempt, process);
    }

    public readonly DestinationProcess Get(int attempt) => attempt == 0 ? First : Second;

    public void Put(int attempt, in DestinationProcess process)
    {
        if (attempt == 0)
        {
            First = process;
        }
        else
        {
            Second = process;
        }
    }

    // Holder codes: 1 + 2 * (destination ? 1 : 0) + attempt; 0 for none. Epoch 1 is the source's and not stored.
    public readonly int Holder(int epoch) => epoch < 2 ? 0 : (int)((Holders >> ((epoch - 2) * 3)) & 7);

    public void SetHolder(int epoch, int holder)
    {
        int shift = (epoch - 2) * 3;
        Holders = (Holders & ~(7u << shift)) | ((uint)holder << shift);
        Head = Math.Max(Head, (byte)epoch);
    }

    public readonly OwnershipMark Mark(int epoch) => epoch < 2 ? OwnershipMark.None : (OwnershipMark)((Marks >> ((epoch - 2) * 2)) & 3);

    public void SetMark(int epoch, OwnershipMark mark)
    {
        if (Mark(epoch) < mark)
        {
            int shift = (epoch - 2) * 2;
            Marks = (Marks & ~(3u << shift)) | ((uint)mark << shift);
        }
    }

    public readonly int ActiveCount => (SourceActive ? 1 : 0) + (First.Active ? 1 : 0) + (Second.Active ? 1 : 0);

    public readonly UInt128 Pack()
    {
        int withdrawn = WithdrawnFrom switch
        {
            SourceState.Journaling => 1,
            SourceState.Pausing => 2,
            SourceState.LastPass => 3,
            _ => 0,
        };
        ulong rest = (ulong)Source
            | (SourceAlive ? 1ul << 5 : 0) | (SourceMemory ? 1ul << 6 : 0) | (SourceActive ? 1ul << 7 : 0)
            | ((ulong)SourceJournal << 8) | ((ulong)withdrawn << 12) | ((ulong)SourceEpoch << 14) | ((ulong)Attempt << 17)
            | ((ulong)Crashes << 18) | ((ulong)Head << 20) | ((ulong)Holders << 23) | ((ulong)Marks << 38)
            | (First.LateMark ? 1ul << 48 : 0) | (Second.LateMark ? 1ul << 49 : 0);
        return new UInt128(rest, First.Pack() | ((ulong)Second.Pack() << 32));
    }
}
