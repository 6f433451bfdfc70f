using PageEngine.Ownership;

namespace PageEngine.Simulation.Running;

// Owns: one side's journal of one attempt, as the host's disk has it. It survives its process; what was not flushed does
// not survive a loss of power.

internal sealed class SimulatedJournal
{
    private readonly List<JournalEntry> _entries = [];
    private int _durable;
    private bool _torn;

    public JournalState State => new(null!, _entries, _torn);

    public bool FailedToSettle { get; set; }

    public void Append(JournalEntryKind kind, ulong epoch, bool durable = true)
    {
        _torn = false;
        _entries.Add(new JournalEntry(kind, epoch, default));
        _durable = durable ? _entries.Count : _durable;
    }

    /// <summary>Cuts an entry short: the process died while it was being written.</summary>
    public void Tear() => _torn = true;

    public void LosePower() => _entries.RemoveRange(_durable, _entries.Count - _durable);

    public override string ToString() =>
        string.Join(", ", _entries.Select(entry => entry.Kind.ToString())) + (_torn ? ", torn" : "");
}
