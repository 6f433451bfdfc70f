using PageEngine.Checkpoints.Format;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;

namespace PageEngine.Checkpoints;

// Owns: what is known about a checkpoint without its pages.

/// <summary>What a checkpoint says about itself. Immutable.</summary>
public sealed record CheckpointInfo
{
    /// <summary>Gets the guest.</summary>
    public required Guid GuestId { get; init; }

    /// <summary>Gets what is needed to build the guest again.</summary>
    public required GuestDescription Description { get; init; }

    /// <summary>Gets the ownership epoch that the guest ran under; 0: it had not run.</summary>
    public required ulong Epoch { get; init; }

    /// <summary>Gets the run that held the epoch; all zero bits: there was no store.</summary>
    public required RunId Run { get; init; }

    /// <summary>Gets whether the guest was stopped for good when the checkpoint was complete.</summary>
    public required bool IsSuspended { get; init; }

    /// <summary>Gets when it was written.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Gets the regions of the guest's memory.</summary>
    public required MemoryLayout Layout { get; init; }

    /// <summary>Gets the digest of the checkpoint that this one adds to; null: it stands alone.</summary>
    public UInt128? ParentDigest
    {
        get => HasParent ? Parent.ToUInt128() : null;
        init
        {
            HasParent = value is not null;
            Parent = CheckpointDigest.Of(value ?? default);
        }
    }

    /// <summary>Gets the name that the parent's file had; empty: a stream, or there is none.</summary>
    public string ParentName { get; init; } = "";

    /// <summary>Gets the digest over everything, which names this checkpoint; zero while a stream is not at its end.</summary>
    public UInt128 Digest
    {
        get => Own.ToUInt128();
        init => Own = CheckpointDigest.Of(value);
    }

    /// <summary>Gets the length in bytes.</summary>
    public long FileBytes { get; init; }

    /// <summary>Gets how many pages have their bytes here.</summary>
    public long DataPages { get; init; }

    /// <summary>Gets how many pages equal one of them.</summary>
    public long EqualPages { get; init; }

    /// <summary>Gets how many pages are said to be zero. Without a parent those that nothing is said about are zero, too.</summary>
    public long ZeroPages { get; init; }

    /// <summary>Gets the file's name; empty for a stream.</summary>
    public string FileName { get; init; } = "";

    internal bool HasParent { get; private init; }

    internal CheckpointDigest Parent { get; private init; }

    internal CheckpointDigest Own { get; private init; }

    internal static CheckpointInfo From(GuestSection guest, MemoryLayout layout, ParentSection? parent, EndSection? end, string fileName) => new()
    {
        GuestId = guest.GuestId,
        Description = guest.Description,
        Epoch = guest.Epoch,
        Run = new RunId(guest.Run),
        IsSuspended = guest.IsSuspended,
        CreatedAt = guest.CreatedAt,
        Layout = layout,
        HasParent = parent is not null,
        Parent = parent is null ? default : parent.Digest,
        ParentName = parent?.FileName ?? "",
        Own = end is null ? default : end.Digest,
        FileBytes = end?.FileBytes ?? 0,
        DataPages = end?.DataPages ?? 0,
        EqualPages = end?.EqualPages ?? 0,
        ZeroPages = end?.ZeroPages ?? 0,
        FileName = fileName,
    };
}
