using PageEngine.Reporting;

namespace PageEngine.Transport.Sessions;

// Owns: the clock of one switchover: how long each part took and how long the guest stood still.

/// <summary>A part that is timed at the source.</summary>
internal enum SwitchoverPart
{
    None = 0,
    Pause,
    Harvest,
    StateSave,
    Pages,
    Commit,
}

/// <summary>Times one switchover, from the decision on. Each mark ends the part that began with the mark before.</summary>
internal sealed class SwitchoverStopwatch(TimeProvider time)
{
    private readonly long _decided = time.GetTimestamp();
    private TimeSpan _staging;
    private long _began;
    private long _last;

    internal SwitchoverParts Parts { get; private set; } = new();

    /// <summary>Gets the time from the pause to the guest's next operation, wherever; null while it stands still.</summary>
    internal TimeSpan? Blackout { get; private set; }

    internal long RemainingPages { get; set; }

    internal TimeSpan SincePause => _began == 0 ? TimeSpan.Zero : time.GetElapsedTime(_began);

    internal long Now => time.GetTimestamp();

    /// <summary>Gets the time from the decision to the pause: the guest writes on meanwhile.</summary>
    internal TimeSpan Approach { get; private set; }

    /// <summary>Files of the ownership store are written ahead.</summary>
    /// <param name="since">When that began.</param>
    /// <param name="rehearsal">A rehearsal writes them only now, and the switchover itself will find them there: not counted.</param>
    internal void Staged(long since, bool rehearsal) => _staging += rehearsal ? time.GetElapsedTime(since) : TimeSpan.Zero;

    internal void Begin()
    {
        _began = _last = time.GetTimestamp();
        Approach = time.GetElapsedTime(_decided, _began) - _staging;
    }

    internal void Mark(SwitchoverPart part)
    {
        TimeSpan took = Lap();
        Parts = part switch
        {
            SwitchoverPart.Pause => Parts with { Pause = Parts.Pause + took },
            SwitchoverPart.Harvest => Parts with { Harvest = Parts.Harvest + took },
            SwitchoverPart.StateSave => Parts with { StateSave = Parts.StateSave + took },
            SwitchoverPart.Pages => Parts with { Pages = Parts.Pages + took },
            _ => Parts with { Commit = Parts.Commit + took },
        };
    }

    /// <summary>The destination's answer is here.</summary>
    /// <param name="restore">How long the destination itself worked on it.</param>
    internal void Prepared(TimeSpan restore)
    {
        TimeSpan took = Lap();
        TimeSpan own = restore < took ? restore : took;
        Parts = Parts with { Restore = own, StateTransfer = Parts.StateTransfer + took - own };
    }

    /// <summary>The destination says that the guest runs.</summary>
    /// <param name="readRecord">How long it took to read the record: part of the commit.</param>
    /// <param name="resume">How long it took from there until the guest ran.</param>
    /// <remarks>What is left of the time since the commit was spent under way: half by the commit, and half by this message,
    /// while the guest ran already. No clock of the other host is needed.</remarks>
    internal void Running(TimeSpan readRecord, TimeSpan resume)
    {
        TimeSpan took = Lap();
        TimeSpan there = readRecord + resume < took ? readRecord + resume : took;
        TimeSpan underWay = (took - there) / 2;
        TimeSpan read = readRecord < took - underWay ? readRecord : took - underWay;
        Parts = Parts with { Commit = Parts.Commit + read, Resume = took - underWay - read };
        Blackout = time.GetElapsedTime(_began, _last) - underWay;
    }

    /// <summary>The guest runs at the source again.</summary>
    internal void ResumedHere()
    {
        Parts = Parts with { Resume = Parts.Resume + Lap() };
        Blackout = time.GetElapsedTime(_began, _last);
    }

    private TimeSpan Lap()
    {
        long now = time.GetTimestamp();
        TimeSpan took = _last == 0 ? TimeSpan.Zero : time.GetElapsedTime(_last, now);
        _last = now;
        return took;
    }
}
