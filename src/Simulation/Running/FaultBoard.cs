using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Running;

// Owns: asking every fault about everything, the numbers of things, and when a fault last did something.

internal sealed class FaultBoard(FaultSchedule faults, VirtualClock clock, Action<string> say)
{
    private readonly int[] _messages = new int[16];
    private readonly int[] _requests = new int[16];
    private readonly int[] _work = new int[32];
    private readonly int[] _effects = new int[4];

    public long Applied { get; private set; }

    /// <summary>Gets when the last fault ceased, as far as is known.</summary>
    public TimeSpan LastAt { get; private set; }

    /// <summary>Gets or sets whether nothing goes wrong any more.</summary>
    public bool HasCeased { get; set; }

    public void Note(TimeSpan until, string what)
    {
        Applied++;
        LastAt = until > LastAt ? until : LastAt;
        say(what);
    }

    public MessageFate Of(SimulatedMessageKind kind, SimulatedSide from, int attempt)
    {
        var message = new SimulatedMessage(kind, from, attempt, _messages[(int)kind]++);
        MessageFate fate = default;
        for (int i = 0; i < faults.Count && !HasCeased; i++)
        {
            faults[i].OnMessage(message, ref fate);
        }

        if (fate != default)
        {
            Note(clock.Now + fate.Delay + (fate.Copies * fate.CopyDelay), fate.IsLost ? $"{kind} #{message.Number} is lost" : $"{kind} #{message.Number}: {fate}");
        }

        return fate;
    }

    public StoreFate Of(SimulatedStoreRequestKind kind, SimulatedSide from)
    {
        var request = new SimulatedStoreRequest(kind, from, _requests[((int)kind * 4) + (int)from]++);
        StoreFate fate = default;
        for (int i = 0; i < faults.Count && !HasCeased; i++)
        {
            faults[i].OnStoreRequest(request, ref fate);
        }

        if (fate != default)
        {
            Note(clock.Now + fate.Delay, $"{kind} #{request.Number} of the {from}: {fate}");
        }

        return fate;
    }

    public HostFate Of(SimulatedHostWorkKind kind, SimulatedSide on)
    {
        var work = new SimulatedHostWork(kind, on, _work[((int)kind * 4) + (int)on]++);
        HostFate fate = default;
        for (int i = 0; i < faults.Count && !HasCeased; i++)
        {
            faults[i].OnHostWork(work, ref fate);
        }

        if (fate != default)
        {
            Note(clock.Now + fate.Delay, $"{kind} #{work.Number} on the {on}: {fate}");
        }

        return fate;
    }

    public ProcessFate Before(string effect, SimulatedSide on, int attempt)
    {
        var what = new SimulatedEffect(effect, on, attempt, _effects[(int)on]++);
        ProcessFate fate = default;
        for (int i = 0; i < faults.Count && !HasCeased; i++)
        {
            faults[i].OnEffect(what, ref fate);
        }

        return fate;
    }
}
