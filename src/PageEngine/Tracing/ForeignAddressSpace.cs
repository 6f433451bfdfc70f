using System.Globalization;
using Microsoft.Win32.SafeHandles;
using PageEngine.Memory;

namespace PageEngine.Tracing;

// Owns: what must be known of another process so that its writes can be traced. It opens nothing by itself.

/// <summary>Another process that has mapped a guest's memory and writes it there.</summary>
public sealed class ForeignAddressSpace
{
    private readonly ulong[] _addresses;

    /// <summary>Describes the other process.</summary>
    /// <param name="processId">Its number.</param>
    /// <param name="userfaultfd">A userfaultfd that was made in that process and was used for nothing yet. The tracer closes it.</param>
    /// <param name="addresses">Where it has mapped each region, in the order of the memory's regions; page-aligned.</param>
    public ForeignAddressSpace(int processId, SafeFileHandle userfaultfd, IEnumerable<ulong> addresses)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(processId, 1);
        ArgumentNullException.ThrowIfNull(userfaultfd);
        ArgumentNullException.ThrowIfNull(addresses);
        ProcessId = processId;
        Userfaultfd = userfaultfd;
        _addresses = [.. addresses];
    }

    /// <summary>Gets the process's number.</summary>
    public int ProcessId { get; }

    /// <summary>Gets where the process has mapped each region.</summary>
    public IReadOnlyList<ulong> Addresses => _addresses;

    internal SafeFileHandle Userfaultfd { get; }

    internal bool ProcessExists => Directory.Exists("/proc/" + ProcessId.ToString(CultureInfo.InvariantCulture));

    /// <exception cref="ArgumentException">The memory does not fit: private, or with another number of regions.</exception>
    internal void Check(GuestMemory memory)
    {
        if (memory.Regions.Count != _addresses.Length)
        {
            throw new ArgumentException($"The memory has {memory.Regions.Count} regions; addresses are given for {_addresses.Length}.", nameof(memory));
        }

        if (memory.Regions.Any(region => !region.IsShared))
        {
            throw new ArgumentException("Private memory cannot be mapped by another process: map the same file here.", nameof(memory));
        }

        if (_addresses.Any(address => address % MemoryLayout.PageBytes != 0))
        {
            throw new ArgumentException($"A mapping starts at a multiple of {MemoryLayout.PageBytes} bytes.", nameof(memory));
        }
    }
}
