namespace PageEngine.Simulation.Faults;

// Owns: what can happen to the store, and to one request to it.

/// <summary>Takes the store away for a while.</summary>
/// <param name="At">From when on.</param>
/// <param name="Duration">For how long.</param>
public sealed record StoreOutage(TimeSpan At, TimeSpan Duration) : SimulationFault
{
    /// <inheritdoc/>
    public override void Begin(ISimulatedSystem system)
    {
        ArgumentNullException.ThrowIfNull(system);
        system.Schedule(At, () => system.StoreOutage(Duration));
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Shorter.Of(Duration).Select(duration => this with { Duration = duration });
}

/// <summary>Lets requests of a kind fail: they are not carried out, and who asked cannot tell.</summary>
/// <param name="Kind">Which.</param>
/// <param name="From">Whose.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
public sealed record StoreRequestFailure(SimulatedStoreRequestKind Kind, SimulatedSide From, int First, int Count = 1) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnStoreRequest(in SimulatedStoreRequest request, ref StoreFate fate)
    {
        if (request.Kind == Kind && request.From == From && request.Number >= First && request.Number - First < Count)
        {
            fate.Fails = true;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}

/// <summary>Carries requests of a kind out and loses the answer.</summary>
/// <param name="Kind">Which.</param>
/// <param name="From">Whose.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
public sealed record StoreAnswerLoss(SimulatedStoreRequestKind Kind, SimulatedSide From, int First, int Count = 1) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnStoreRequest(in SimulatedStoreRequest request, ref StoreFate fate)
    {
        if (request.Kind == Kind && request.From == From && request.Number >= First && request.Number - First < Count)
        {
            fate.LosesAnswer = true;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}

/// <summary>Carries a request out late. Later than the time allowed for it, its outcome is not known to who asked: a
/// creation that nobody waits for any more and that happens all the same.</summary>
/// <param name="Kind">Which.</param>
/// <param name="From">Whose.</param>
/// <param name="First">The number of the first one.</param>
/// <param name="Count">How many.</param>
/// <param name="By">How late.</param>
public sealed record StoreRequestDelay(SimulatedStoreRequestKind Kind, SimulatedSide From, int First, int Count, TimeSpan By) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnStoreRequest(in SimulatedStoreRequest request, ref StoreFate fate)
    {
        if (request.Kind == Kind && request.From == From && request.Number >= First && request.Number - First < Count)
        {
            fate.Delay += By;
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() =>
        Count > 1 ? [this with { Count = 1 }] : Shorter.Of(By).Select(by => this with { By = by });
}

/// <summary>Lets a side read old epochs and marks.</summary>
/// <param name="From">Which side.</param>
/// <param name="First">The number of its first read that is stale.</param>
/// <param name="Count">How many reads.</param>
/// <param name="By">How many epochs and marks they lag behind.</param>
/// <param name="MarksOnly">Whether the epochs are read as they are.</param>
public sealed record StaleReads(SimulatedSide From, int First, int Count, int By = 1, bool MarksOnly = false) : SimulationFault
{
    /// <inheritdoc/>
    public override void OnStoreRequest(in SimulatedStoreRequest request, ref StoreFate fate)
    {
        if (request.Kind == SimulatedStoreRequestKind.Read && request.From == From && request.Number >= First && request.Number - First < Count)
        {
            fate.StaleBy = Math.Max(fate.StaleBy, MarksOnly ? 0 : By);
            fate.StaleMarksBy = Math.Max(fate.StaleMarksBy, By);
        }
    }

    /// <inheritdoc/>
    public override IEnumerable<SimulationFault> Milder() => Count > 1 ? [this with { Count = 1 }] : [];
}
