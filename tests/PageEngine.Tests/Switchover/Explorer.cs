using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Tests.Switchover;

// Owns: the bounded search over every order of events of the composed system, breadth first, so that the first
// violation has the shortest trace; and the check that from every state without further faults somebody gets to run.

internal sealed class Explorer
{
    private readonly Rules _rules;
    private readonly Dictionary<UInt128, int> _numbers = [];
    private readonly List<World> _worlds = [];
    private readonly List<(int From, string By)> _origins = [];
    private readonly List<(int From, int To)> _faultless = [];
    private readonly SourceSteps _source;
    private readonly DestinationSteps _destination;
    private int _current;
    private string? _violation;
    private string _violatedBy = string.Empty;

    private Explorer(Rules rules)
    {
        _rules = rules;
        _source = new SourceSteps(rules, this);
        _destination = new DestinationSteps(rules, this);
    }

    public static Exploration Run(Rules rules, int maxStates = 3_000_000) => new Explorer(rules).Run(maxStates);

    /// <summary>Takes a successor of the state being expanded.</summary>
    public void Add(in World world, string by, bool fault)
    {
        if (_violation is not null)
        {
            return;
        }

        if (world.ActiveCount > 1)
        {
            Violate("two guests are active", by);
            return;
        }

        World next = world;
        Forget(ref next);
        if (!_numbers.TryGetValue(next.Pack(), out int number))
        {
            number = _worlds.Count;
            _numbers.Add(next.Pack(), number);
            _worlds.Add(next);
            _origins.Add((_current, by));
        }

        if (!fault && number != _current)
        {
            _faultless.Add((_current, number));
        }
    }

    public void Violate(string what, string by)
    {
        _violation ??= what;
        if (_violatedBy.Length == 0)
        {
            _violatedBy = by;
        }
    }

    // What can no longer change anything is not worth a state of its own.
    private void Forget(ref World world)
    {
        for (int attempt = 0; attempt <= world.Attempt; attempt++)
        {
            DestinationProcess process = world.Get(attempt);
            if (!_rules.EpochsCanBeCreatedTwice)
            {
                process.Late &= process.Base + 1 > world.Head ? (Late)0xFF : Late.DestinationHandsBack;
                process.Late &= process.Base + 2 > world.Head ? (Late)0xFF : ~Late.DestinationHandsBack;
            }

            process.LateMark &= world.Mark(process.Base + 1) == OwnershipMark.None;
            if (attempt < world.Attempt)
            {
                // The source's session of this attempt is over: nobody listens.
                process.Sent &= Sent.Prepare | Sent.Commit | Sent.Abort | Sent.Prepared;
            }

            if (process is { Alive: true, State: DestinationState.Discarded })
            {
                process.Sent &= Sent.Refused | Sent.HandedBack | (attempt == world.Attempt ? Sent.Prepared : 0);
                process.Journal = Written.Settled;
                process.Outdated = false;
            }

            world.Put(attempt, process);
        }
    }

    private Exploration Run(int maxStates)
    {
        Add(World.Initial(_rules.Crashes), "start", fault: true);
        for (_current = 0; _current < _worlds.Count && _violation is null; _current++)
        {
            if (_worlds.Count > maxStates)
            {
                throw new InvalidOperationException($"More than {maxStates} states.");
            }

            World world = _worlds[_current];
            _source.Expand(world);
            for (int attempt = 0; attempt <= world.Attempt; attempt++)
            {
                _destination.Expand(world, attempt);
                LandLateCreates(world, attempt);
            }
        }

        if (_violation is not null)
        {
            return new Exploration(_worlds.Count, _violation, [.. TraceTo(_current - 1), _violatedBy]);
        }

        int stuck = FindStuck();
        return stuck < 0
            ? new Exploration(_worlds.Count, null, [])
            : new Exploration(_worlds.Count, "nobody can get to run, and no side says why", TraceTo(stuck));
    }

    private void LandLateCreates(in World world, int attempt)
    {
        Late late = world.Get(attempt).Late;
        for (int bit = 1; bit <= (int)Late.DestinationHandsBack; bit <<= 1)
        {
            if (((int)late & bit) != 0)
            {
                World next = world;
                DestinationProcess process = next.Get(attempt);
                process.Late &= ~(Late)bit;
                next.Put(attempt, process);
                StoreModel.Create(ref next, attempt, (Late)bit, _rules.EpochsCanBeCreatedTwice);
                Add(next, $"store: {(Late)bit} of attempt {attempt} happens late", fault: true);
            }
        }
    }

    // Backwards from the good states along steps that are no faults: what is not reached is stuck.
    private int FindStuck()
    {
        var heads = new int[_worlds.Count];
        Array.Fill(heads, -1);
        var next = new int[_faultless.Count];
        for (int edge = 0; edge < _faultless.Count; edge++)
        {
            next[edge] = heads[_faultless[edge].To];
            heads[_faultless[edge].To] = edge;
        }

        var reached = new bool[_worlds.Count];
        var queue = new Queue<int>();
        for (int i = 0; i < _worlds.Count; i++)
        {
            if (IsGood(_worlds[i]))
            {
                reached[i] = true;
                queue.Enqueue(i);
            }
        }

        while (queue.TryDequeue(out int to))
        {
            for (int edge = heads[to]; edge >= 0; edge = next[edge])
            {
                int from = _faultless[edge].From;
                if (!reached[from])
                {
                    reached[from] = true;
                    queue.Enqueue(from);
                }
            }
        }

        return Array.IndexOf(reached, false);
    }

    private bool IsGood(in World world)
    {
        if (world.ActiveCount == 1)
        {
            return true;
        }

        // No copy is left that may run: lost, and nobody can change that.
        bool copyLeft = world.SourceMemory && !world.First.Ran && !world.Second.Ran;
        for (int attempt = 0; attempt <= world.Attempt; attempt++)
        {
            DestinationProcess process = world.Get(attempt);
            copyLeft |= process is { Memory: true, Complete: true, Outdated: false };
            if (process.Alive && process.State is DestinationState.HeldEmpty
                && DestinationSwitchover.HoldOf(process.State, _rules.Mode) != HoldReason.None)
            {
                return true;
            }
        }

        if (!copyLeft)
        {
            return true;
        }

        // Nothing is taken over because time has passed: the source holds, and says for whom.
        if (!_rules.DestinationRestarts && !world.Get(world.Attempt).Alive && world.SourceAlive
            && SourceSwitchover.HoldOf(world.Source, _rules.Mode) == HoldReason.DestinationSilent)
        {
            return true;
        }

        return _rules.Mode == OwnershipMode.NoStore
            && ((world.SourceAlive && SourceSwitchover.HoldOf(world.Source, _rules.Mode) == HoldReason.NoStore)
                || (world.Get(world.Attempt).Alive
                    && DestinationSwitchover.HoldOf(world.Get(world.Attempt).State, _rules.Mode) == HoldReason.NoStore));
    }

    private List<string> TraceTo(int number)
    {
        var trace = new List<string>();
        for (int at = number; at > 0; at = _origins[at].From)
        {
            trace.Add(_origins[at].By);
        }

        trace.Reverse();
        return trace;
    }
}
