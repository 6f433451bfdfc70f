using PageEngine.Devices;

namespace PageEngine.Simulation.Conformance;

// Owns: the comparison of saved states. A state may hold clocks; whatever differs between two saves of a guest that
// stands still is taken for one, with its neighbours, because the higher bytes of a clock change later.

/// <summary>Two saves of the same paused guest.</summary>
internal sealed class StateSample(DeviceState first, DeviceState second, Func<DeviceState, DeviceState, string?>? compare)
{
    private const int NeighbourBytes = 7;

    internal DeviceState Newest => second;

    /// <summary>Finds what the two saves disagree about beside clocks.</summary>
    internal string? Difference() => Difference(second);

    /// <summary>Finds what another state disagrees about beside clocks; null when nothing.</summary>
    internal string? Difference(DeviceState other)
    {
        if (compare is not null)
        {
            return compare(second, other);
        }

        if (other.Sections.Count != second.Sections.Count)
        {
            return $"{second.Sections.Count} sections became {other.Sections.Count}";
        }

        foreach (DeviceStateSection section in second.Sections)
        {
            if (!other.TryGet(section.Kind, section.Instance, out DeviceStateSection? found) || found.Version != section.Version)
            {
                return $"section '{section.Kind}' {section.Instance} version {section.Version} is not there";
            }

            if (found.Payload.Length != section.Payload.Length)
            {
                return $"section '{section.Kind}' {section.Instance} had {section.Payload.Length} bytes and has {found.Payload.Length}";
            }

            bool[] clock = Clock(section);
            for (int i = 0; i < clock.Length; i++)
            {
                if (!clock[i] && found.Payload.Span[i] != section.Payload.Span[i])
                {
                    return $"byte {i} of section '{section.Kind}' {section.Instance} was {section.Payload.Span[i]} and is {found.Payload.Span[i]}";
                }
            }
        }

        return null;
    }

    private bool[] Clock(DeviceStateSection section)
    {
        bool[] clock = new bool[section.Payload.Length];
        if (first.TryGet(section.Kind, section.Instance, out DeviceStateSection? before) && before.Payload.Length == clock.Length)
        {
            for (int i = 0; i < clock.Length; i++)
            {
                if (before.Payload.Span[i] != section.Payload.Span[i])
                {
                    int from = Math.Max(0, i - NeighbourBytes);
                    clock.AsSpan(from, Math.Min(clock.Length, i + NeighbourBytes + 1) - from).Fill(true);
                }
            }
        }

        return clock;
    }
}
