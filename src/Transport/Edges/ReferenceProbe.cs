namespace PageEngine.Transport.Edges;

// Owns: the choice between copying pages into the socket and handing the kernel references to them. Pure: it is told what each
// batch took, and says how the next one shall go.

/// <summary>Tries both ways on the first batches of a stream, and keeps the better one until it is time to look again.</summary>
internal struct ReferenceProbe
{
    /// <summary>Batches sent one way before the other has its turn: a socket's buffer makes a single one meaningless.</summary>
    internal const int BatchesPerTurn = 6;

    /// <summary>Turns of a trial, alternating; the first one of each way only warms up.</summary>
    internal const int Turns = 6;

    /// <summary>Batches after which the trial is repeated: the link, or what else the host does, may have changed.</summary>
    internal const int BatchesPerChoice = 2048;

    private Cost _copied;
    private Cost _referenced;
    private int _batches;
    private bool _decided;
    private bool _choice;

    /// <summary>Gets whether the next batch shall go by reference.</summary>
    internal readonly bool UseReferences => _decided ? _choice : _batches / BatchesPerTurn % 2 == 1;

    /// <summary>Gets whether a trial is over and its choice holds.</summary>
    internal readonly bool IsDecided => _decided;

    /// <summary>Takes note of a batch that went the way that <see cref="UseReferences"/> said.</summary>
    /// <param name="bytes">Its bytes.</param>
    /// <param name="wall">How long it took, in any unit.</param>
    /// <param name="cpu">The processor time of the sending thread, in nanoseconds.</param>
    internal void Add(long bytes, long wall, long cpu)
    {
        if (!_decided && _batches >= 2 * BatchesPerTurn)
        {
            ref Cost cost = ref _copied;
            if (UseReferences)
            {
                cost = ref _referenced;
            }

            cost.Bytes += bytes;
            cost.Wall += wall;
            cost.Cpu += cpu;
        }

        _batches++;
        if (_decided ? _batches == BatchesPerChoice : _batches == Turns * BatchesPerTurn)
        {
            if (!_decided)
            {
                _choice = IsBetter(_referenced, _copied);
            }

            _decided = !_decided;
            _batches = 0;
            _copied = default;
            _referenced = default;
        }
    }

    /// <summary>Gets whether references gain: clearly faster, or as fast for clearly less processor time.</summary>
    private static bool IsBetter(in Cost referenced, in Cost copied)
    {
        if (referenced.Bytes == 0 || copied.Bytes == 0)
        {
            return false;
        }

        double wall = referenced.Wall / (double)referenced.Bytes / (copied.Wall / (double)copied.Bytes);
        double cpu = referenced.Cpu / (double)referenced.Bytes / (copied.Cpu / (double)copied.Bytes);
        return wall <= 0.9 || (wall <= 1.05 && cpu <= 0.8);
    }

    private struct Cost
    {
        internal long Bytes;
        internal long Wall;
        internal long Cpu;
    }
}
