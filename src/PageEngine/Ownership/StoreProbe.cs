using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: the proof that a directory's file system has real hard links, on names that nobody else uses.

internal static class StoreProbe
{
    /// <summary>Links a scratch file and checks what the protocol relies on.</summary>
    /// <exception cref="MigrationException">There are no hard links, or they do not count or do not exclude.</exception>
    public static void Run(IOwnershipFiles files)
    {
        string first = $"probe.{Guid.NewGuid():N}";
        string second = first + ".linked";
        try
        {
            files.Create(first, "probe"u8);
            if (!files.TryLink(first, second))
            {
                throw NoHardLinks(files, "a name that was free is said to be taken");
            }

            if (files.CountLinks(first) != 2)
            {
                throw NoHardLinks(files, "a linked file does not count two names");
            }

            if (files.TryLink(first, second))
            {
                throw NoHardLinks(files, "a name that was taken could be linked again");
            }

            files.SyncDirectory();
        }
        catch (FileCallException e) when (files.CountLinks(first) > 0 && e.ErrorNumber
            is FileSystemCalls.EPERM or FileSystemCalls.EOPNOTSUPP or FileSystemCalls.ENOSYS or FileSystemCalls.EMLINK or FileSystemCalls.EXDEV)
        {
            throw NoHardLinks(files, e.Message, e);
        }
        finally
        {
            TryRemove(files, second);
            TryRemove(files, first);
        }
    }

    private static void TryRemove(IOwnershipFiles files, string name)
    {
        try
        {
            files.Remove(name);
        }
        catch (FileCallException)
        {
            // What made the probe fail is the better message; a left-over scratch file means nothing to anybody.
        }
    }

    private static MigrationException NoHardLinks(IOwnershipFiles files, string why, Exception? inner = null) => new(
        MigrationErrorKind.OwnershipFailed,
        $"The ownership store {files.Path} cannot be used: its file system has no hard links ({why}). "
            + "Put the directory on one that has them: ext4, XFS, Btrfs, NFS, GFS2, OCFS2 or CephFS; not FAT, exFAT, SMB or most FUSE file systems.",
        inner);
}
