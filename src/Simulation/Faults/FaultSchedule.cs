using System.Collections;

namespace PageEngine.Simulation.Faults;

// Owns: the faults of one run, as data. Immutable.

/// <summary>The faults of a run. It is data: a part of it can be run again, with the same effect as far as that part goes.</summary>
public sealed class FaultSchedule : IReadOnlyList<SimulationFault>
{
    private readonly SimulationFault[] _faults;

    /// <summary>Makes a schedule.</summary>
    /// <param name="faults">The faults; their order decides who changes a fate last.</param>
    public FaultSchedule(params IEnumerable<SimulationFault> faults)
    {
        ArgumentNullException.ThrowIfNull(faults);
        _faults = [.. faults];
        ArgumentOutOfRangeException.ThrowIfNotEqual(Array.TrueForAll(_faults, fault => fault is not null), true, nameof(faults));
    }

    /// <summary>Gets the schedule without faults.</summary>
    public static FaultSchedule None { get; } = new();

    /// <inheritdoc/>
    public int Count => _faults.Length;

    /// <inheritdoc/>
    public SimulationFault this[int index] => _faults[index];

    /// <summary>Keeps some of the faults.</summary>
    /// <param name="indices">Their places in this schedule.</param>
    public FaultSchedule Keep(params IEnumerable<int> indices) => new(indices.Select(index => _faults[index]));

    /// <summary>Leaves one fault out.</summary>
    public FaultSchedule Without(int index) => new(_faults.Where((_, at) => at != index));

    /// <summary>Puts another fault in the place of one.</summary>
    public FaultSchedule With(int index, SimulationFault fault) => new(_faults.Select((old, at) => at == index ? fault : old));

    /// <inheritdoc/>
    public IEnumerator<SimulationFault> GetEnumerator() => ((IEnumerable<SimulationFault>)_faults).GetEnumerator();

    /// <summary>Gives one line for each fault.</summary>
    public override string ToString() => _faults.Length == 0 ? "no faults" : string.Join(Environment.NewLine, _faults.Select(fault => fault.ToString()));

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
