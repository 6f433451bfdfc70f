namespace PageEngine.Simulation.Faults;

// Owns: what can happen to one message, chosen by its kind and number.

/// <summary>Loses messages of a kind.</summary>
/// <param name="Kind">Which.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
public sealed record MessageLoss(SimulatedMessageKind Kind, int First, int Count = 1) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnMessage(in SimulatedMessage message, ref MessageFate fate)
    {
        if (message.Kind == Kind && message.Number >= First && message.Number - First < Count)
        {
            fate.IsLost = true;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}

/// <summary>Delivers messages of a kind more than once.</summary>
/// <param name="Kind">Which.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Copies">How many more times.</param>
/// <param name="After">How much later each copy comes.</param>
public sealed record MessageDuplication(SimulatedMessageKind Kind, int First, int Copies, TimeSpan After) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnMessage(in SimulatedMessage message, ref MessageFate fate)
    {
        if (message.Kind == Kind && message.Number == First)
        {
            fate.Copies += Copies;
            fate.CopyDelay = After;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Copies > 1 ? [this with { Copies = 1 }] : [];
}

/// <summary>Delays messages of a kind: others overtake them.</summary>
/// <param name="Kind">Which.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
/// <param name="By">By how much.</param>
public sealed record MessageDelay(SimulatedMessageKind Kind, int First, int Count, TimeSpan By) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnMessage(in SimulatedMessage message, ref MessageFate fate)
    {
        if (message.Kind == Kind && message.Number >= First && message.Number - First < Count)
        {
            fate.Delay += By;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}

/// <summary>Reorders all messages of some of the time: each is delayed by an amount of its own.</summary>
/// <param name="First">The number from which on messages of each kind are concerned.</param>
/// <param name="Count">How many of each kind.</param>
/// <param name="Spread">The most that one is delayed by.</param>
public sealed record MessageReordering(int First, int Count, TimeSpan Spread) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnMessage(in SimulatedMessage message, ref MessageFate fate)
    {
        if (message.Number >= First && message.Number - First < Count)
        {
            ulong drawn = Running.SimulationRandom.Derive((ulong)message.Kind, (ulong)message.Number);
            fate.Delay += Spread * ((drawn >> 40) / (double)(1 << 24));
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}
