using PageEngine.Simulation.Faults;

namespace PageEngine.Simulation.Running;

// Owns: the way between the hosts. A message is lost, late, repeated or out of order as the faults say, and it may
// arrive after its connection is gone: nothing here is kinder than a real network.

internal sealed class Network(World world)
{
    private readonly List<(bool Source, bool Destination)> _connected = [];
    private readonly List<(SimulatedMessageKind Kind, SimulatedSide From, int Attempt, Packet Packet)> _said = [];
    private SimulationRandom _random = new(SimulationRandom.Derive(world.Options.Seed, purpose: 1));
    private TimeSpan _blackHoleUntil;

    public void Connect() => _connected.Add((true, true));

    public bool IsConnected(SimulatedSide side, int attempt) =>
        side == SimulatedSide.Source ? _connected[attempt].Source : _connected[attempt].Destination;

    /// <summary>Sends a message.</summary>
    /// <returns>False when this side has no connection.</returns>
    public bool Send(SimulatedProcess from, SimulatedMessageKind kind, in Packet packet = default, TimeSpan after = default)
    {
        if (!IsConnected(from.Side, from.Attempt))
        {
            return false;
        }

        if (kind >= SimulatedMessageKind.Prepare)
        {
            _said.Add((kind, from.Side, from.Attempt, packet));
            if (world.IsTracing)
            {
                world.Say(from.Name, $"sends {kind}");
            }
        }

        MessageFate fate = world.Faults.Of(kind, from.Side, from.Attempt);
        if (fate.IsLost)
        {
            return true;
        }

        TimeSpan latency = kind is SimulatedMessageKind.Pages or SimulatedMessageKind.RoundEnd
            ? world.Options.Link.StreamLatency
            : world.Options.Link.ControlLatency;
        if (world.Options.Link.Jitter > TimeSpan.Zero)
        {
            latency += world.Options.Link.Jitter * _random.Fraction();
        }

        TimeSpan at = world.Clock.Now + after + latency + fate.Delay;
        for (int copy = 0; copy <= fate.Copies; copy++)
        {
            Deliver(at + (copy * fate.CopyDelay), kind, from.Side, from.Attempt, packet);
        }

        return true;
    }

    /// <summary>Ends a connection on one side; the other one hears of it when the way is free.</summary>
    public void Close(SimulatedProcess by)
    {
        if (!IsConnected(by.Side, by.Attempt))
        {
            return;
        }

        Set(by.Side, by.Attempt, false);
        SimulatedSide other = by.Side == SimulatedSide.Source ? SimulatedSide.Destination : SimulatedSide.Source;
        int attempt = by.Attempt;
        world.Clock.Schedule(world.Clock.Now + world.Options.Link.ControlLatency, new VirtualAct(null, 0, () =>
        {
            if (world.Clock.Now >= _blackHoleUntil)
            {
                Lose(other, attempt);
            }
        }));
    }

    public void Cut(int attempt)
    {
        Lose(SimulatedSide.Source, attempt);
        Lose(SimulatedSide.Destination, attempt);
    }

    public void Lose(SimulatedSide side, int attempt)
    {
        if (IsConnected(side, attempt))
        {
            Set(side, attempt, false);
            SimulatedProcess process = world.Process(side, attempt);
            process.After(TimeSpan.Zero, process.LoseConnection);
        }
    }

    public void Swallow(TimeSpan duration) => _blackHoleUntil = world.Clock.Now + duration;

    /// <summary>Delivers everything that was ever said once more.</summary>
    public void Replay()
    {
        foreach ((SimulatedMessageKind kind, SimulatedSide from, int attempt, Packet packet) in _said)
        {
            Deliver(world.Clock.Now, kind, from, attempt, packet);
        }
    }

    private void Set(SimulatedSide side, int attempt, bool connected)
    {
        (bool source, bool destination) = _connected[attempt];
        _connected[attempt] = side == SimulatedSide.Source ? (connected, destination) : (source, connected);
    }

    private void Deliver(TimeSpan at, SimulatedMessageKind kind, SimulatedSide from, int attempt, Packet packet)
    {
        SimulatedProcess to = world.Process(from == SimulatedSide.Source ? SimulatedSide.Destination : SimulatedSide.Source, attempt);
        world.Clock.Schedule(at, new VirtualAct(to, -1, () =>
        {
            if (world.Clock.Now < _blackHoleUntil)
            {
                world.Faults.Note(world.Clock.Now, $"{kind} vanishes in the black hole");
                return;
            }

            if (kind >= SimulatedMessageKind.Prepare && world.IsTracing)
            {
                world.Say(to.Name, $"receives {kind}");
            }

            to.Receive(kind, packet);
        }));
    }
}
