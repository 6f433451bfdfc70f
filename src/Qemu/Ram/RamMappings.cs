using System.Globalization;
using PageEngine.Memory;
using PageEngine.Qemu.Processes;

namespace PageEngine.Qemu.Ram;

// Owns: which of QEMU's mappings is which memory backend. The kernel's tables decide, not names: a file may have been
// renamed or unlinked since QEMU opened it.

internal static class RamMappings
{
    /// <summary>Finds the mapping of every backend.</summary>
    /// <param name="process">QEMU's process.</param>
    /// <param name="backends">The backends, all shared.</param>
    /// <param name="inodeOf">The inode of a path; null when it is no file any more.</param>
    /// <param name="mappings">The process's mappings, as the kernel lists them.</param>
    /// <exception cref="MigrationException">One was not found, or two cannot be told apart
    /// (<see cref="MigrationErrorKind.MemoryFailed"/>).</exception>
    internal static List<RamMapping> Find(int process, IReadOnlyList<RamBackend> backends, Func<string, ulong?> inodeOf, IReadOnlyList<ProcessMapping> mappings)
    {
        List<(ProcessMapping Whole, ProcessMapping First)> candidates = [.. ProcessMaps.Join(mappings)
            .Where(mapping => mapping is { IsShared: true, IsWritable: true, HasFile: true, Offset: 0 })
            .Select(whole => (whole, mappings.First(piece => piece.Start == whole.Start)))];
        var found = new List<RamMapping>();
        foreach (RamBackend backend in backends)
        {
            ProcessMapping[] fits = [.. candidates.Where(c => c.Whole.Bytes == (ulong)backend.Bytes).Select(c => c.Whole)];
            if (fits.Length > 1 && backend.Path is { } path)
            {
                // Of several files of one length the name decides, by the file that has it, or had it before it was unlinked.
                ulong? inode = inodeOf(path);
                ProcessMapping[] named = [.. fits.Where(fit => inode is { } number ? fit.Inode == number : fit.Path.StartsWith(path, StringComparison.Ordinal))];
                fits = named.Length > 0 ? named : fits;
            }

            if (fits.Length != 1)
            {
                throw new MigrationException(
                    MigrationErrorKind.MemoryFailed,
                    fits.Length == 0
                        ? $"QEMU (process {process.ToString(CultureInfo.InvariantCulture)}) has no shared, writable file mapping of {backend.Bytes} bytes for its memory backend '{backend.Name}'. Give the backend share=on and a file on tmpfs or hugetlbfs."
                        : $"QEMU (process {process.ToString(CultureInfo.InvariantCulture)}) has {fits.Length} mappings that could be its memory backend '{backend.Name}' ({string.Join(", ", fits.Select(f => f.Path))}). Give each backend a mem-path of its own that still exists.");
            }

            ProcessMapping whole = fits[0];
            candidates.RemoveAll(candidate => candidate.Whole == whole);
            ProcessMapping first = mappings.First(piece => piece.Start == whole.Start);
            found.Add(new RamMapping(
                backend,
                whole.Start,
                string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/map_files/{first.Start:x}-{first.End:x}"),
                whole.Path));
        }

        return found;
    }

    /// <summary>Maps the same files into this process.</summary>
    /// <param name="mappings">What was found; their order becomes the order of the regions.</param>
    /// <exception cref="MigrationException">A file cannot be opened or mapped.</exception>
    internal static GuestMemory Map(IEnumerable<RamMapping> mappings)
    {
        var regions = new List<GuestMemoryRegion>();
        try
        {
            // RAM blocks have no one address in the guest (the chipset cuts them at its holes): they are numbered by where
            // they lie one behind the other, which both sides do alike.
            ulong address = 0;
            foreach (RamMapping mapping in mappings)
            {
                regions.Add(GuestMemoryRegion.File(
                    new GuestAddress(address), mapping.File, mapping.Backend.Bytes, create: false, new MemoryBackingOptions { TransparentHugePages = false }));
                address += (ulong)mapping.Backend.Bytes;
            }

            return new GuestMemory(regions);
        }
        catch
        {
            foreach (GuestMemoryRegion region in regions)
            {
                region.Dispose();
            }

            throw;
        }
    }
}
