using Microsoft.Win32.SafeHandles;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Reading;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Tracing;

namespace PageEngine.Checkpoints;

// Owns: a checkpoint file with all those it adds to: found, matched by digest, restored oldest first.

/// <summary>A checkpoint file and its parents, open. Used by one thread at a time.</summary>
public sealed class CheckpointChain : IDisposable
{
    /// <summary>The most checkpoints of a chain. Longer ones are folded by <see cref="FlattenAsync"/>.</summary>
    public const int MaxLength = 256;

    private readonly List<OpenCheckpoint> _youngestFirst = [];

    private CheckpointChain()
    {
    }

    /// <summary>Gets the checkpoint itself.</summary>
    public CheckpointInfo Checkpoint => _youngestFirst[0].Info;

    /// <summary>Gets the checkpoint and its parents, youngest first.</summary>
    public IReadOnlyList<CheckpointInfo> All => [.. _youngestFirst.Select(c => c.Info)];

    /// <summary>Opens a checkpoint and its parents, which are looked for in the same directory by the names they had. What is at
    /// both ends of each file is checked; pages are not (<see cref="Verify"/>).</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MigrationException">It is damaged, cut off, of a version that is not known, cannot be read, or a parent
    /// is missing or another one.</exception>
    public static CheckpointChain Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var chain = new CheckpointChain();
        try
        {
            chain._youngestFirst.Add(OpenCheckpoint.Open(path));
            string directory = Path.GetDirectoryName(Path.GetFullPath(path)) ?? "/";
            while (chain._youngestFirst[^1].Info is { HasParent: true } child)
            {
                chain.AddParent(directory, child);
            }

            return chain;
        }
        catch
        {
            chain.Dispose();
            throw;
        }
    }

    /// <summary>Reads what a checkpoint file says about itself, without its parents.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MigrationException">It is damaged, cut off, of a version that is not known, or cannot be read.</exception>
    public static CheckpointInfo Inspect(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using OpenCheckpoint checkpoint = OpenCheckpoint.Open(path);
        return checkpoint.Info;
    }

    /// <summary>Reads every byte of all files and checks all that can be checked.</summary>
    /// <param name="workers">How many threads read; 0: as many as there are processors.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="MigrationException">What is damaged, and where.</exception>
    public void Verify(int workers = 0, CancellationToken cancellationToken = default)
    {
        foreach (OpenCheckpoint checkpoint in _youngestFirst)
        {
            Read(checkpoint, null, workers, cancellationToken);
        }
    }

    /// <summary>Reads the memory, oldest file first, straight to where the guest has it, and checks all of it.</summary>
    /// <param name="memory">Memory of the same layout: new, so that it is zero; or a file that somebody else made, which is
    /// emptied first. After an error it holds anything: dispose it.</param>
    /// <param name="workers">How many threads read; 0: as many as there are processors.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The device state, to be loaded only now.</returns>
    /// <exception cref="MigrationException">What is damaged, and where.</exception>
    public DeviceState RestoreMemory(GuestMemory memory, int workers = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        RequireLayout(Checkpoint, memory);
        using GuestMemoryHold hold = memory.HoldForIo();
        EmptyMemory.Require(memory);
        DeviceState state = null!;
        for (int i = _youngestFirst.Count - 1; i >= 0; i--)
        {
            state = Read(_youngestFirst[i], memory, workers, cancellationToken).Devices;
        }

        return state;
    }

    /// <summary>Lets a guest run before its memory is read: raw pages are mapped from the file and come as they are touched, while a
    /// thread checks every byte behind the guest. Index and device state are checked before; a damaged page is noticed only
    /// when its turn comes, so what the guest did by then must not matter, or can be undone.</summary>
    /// <param name="memory">Private memory of the same layout, all zero.</param>
    /// <returns>The rest of the restore; the caller disposes it, before this chain and the memory.</returns>
    /// <exception cref="MigrationException">What is damaged, and where; or the file cannot be mapped.</exception>
    /// <remarks>Until the restore is complete the file must not be changed in place or truncated: a page that is gone ends the
    /// process. Kernel tracing needs the checkpoint on tmpfs meanwhile; the guest's own marks work everywhere.</remarks>
    public CheckpointLazyRestore BeginRestore(GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(memory);
        RequireLayout(Checkpoint, memory);
        using GuestMemoryHold hold = memory.HoldForIo();
        DeviceState state = ReadDeviceState();
        var lazy = new LazyMemory(_youngestFirst, memory);
        lazy.Begin();
        return new CheckpointLazyRestore(lazy, memory, state);
    }

    /// <summary>Lets a process that has mapped shared memory use it before it is read: what it touches comes at once, the rest follows, each
    /// chunk checked before any of its pages is in place.</summary>
    /// <param name="memory">The memory as mapped here, of the same layout; it is emptied, and must not be touched here meanwhile.</param>
    /// <param name="userfaultfd">A new userfaultfd that was made in that process; the server closes it.</param>
    /// <param name="addresses">Where the process has mapped each region.</param>
    /// <returns>What brings the pages; the caller disposes it, before this chain.</returns>
    /// <exception cref="MigrationException">The kernel cannot do it with this memory, or an index is damaged.</exception>
    public CheckpointPageServer BeginServing(GuestMemory memory, SafeFileHandle userfaultfd, IEnumerable<ulong> addresses)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(userfaultfd);
        RequireLayout(Checkpoint, memory);
        using GuestMemoryHold hold = memory.HoldForIo();
        return new CheckpointPageServer([.. _youngestFirst], userfaultfd, addresses, memory);
    }

    /// <summary>Goes on with what another server began, here or in a process that has ended.</summary>
    /// <param name="userfaultfd">A copy of the descriptor that was given to <see cref="BeginServing"/>; the server closes it.</param>
    /// <param name="addresses">Where the process has mapped each region.</param>
    /// <exception cref="MigrationException">An index is damaged.</exception>
    public CheckpointPageServer ContinueServing(SafeFileHandle userfaultfd, IEnumerable<ulong> addresses)
    {
        ArgumentNullException.ThrowIfNull(userfaultfd);
        return new CheckpointPageServer([.. _youngestFirst], userfaultfd, addresses, null);
    }

    /// <summary>Reads the device state alone.</summary>
    /// <exception cref="MigrationException">It is damaged.</exception>
    public DeviceState ReadDeviceState() => _youngestFirst[0].ReadDevices();

    /// <summary>Builds a guest from the checkpoint, paused: its memory first, checked to the last byte, then its state.</summary>
    /// <param name="create">Makes the guest with empty memory of the checkpoint's layout.</param>
    /// <param name="workers">How many threads read; 0: as many as there are processors.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>The guest, which the caller owns.</returns>
    /// <exception cref="MigrationException">What is damaged, and where. A guest that was made is disposed.</exception>
    public async Task<TGuest> RestoreAsync<TGuest>(Func<CheckpointInfo, TGuest> create, int workers = 0, CancellationToken cancellationToken = default)
        where TGuest : IGuest
    {
        ArgumentNullException.ThrowIfNull(create);
        TGuest guest = create(Checkpoint);
        try
        {
            DeviceState state = await Task.Run(() => RestoreMemory(guest.Memory, workers, cancellationToken), CancellationToken.None).ConfigureAwait(false);
            await guest.LoadStateAsync(state, cancellationToken).ConfigureAwait(false);
            return guest;
        }
        catch
        {
            (guest as IDisposable)?.Dispose();
            throw;
        }
    }

    /// <summary>Builds a guest from a checkpoint that arrives on a stream, paused. It must stand alone.</summary>
    /// <param name="stream">Read to its end.</param>
    /// <param name="create">Makes the guest with empty memory of the checkpoint's layout.</param>
    /// <param name="cancellationToken">Ends it between two chunks.</param>
    /// <returns>The guest, which the caller owns, and what the checkpoint said.</returns>
    /// <exception cref="MigrationException">What is damaged, and where. A guest that was made is disposed.</exception>
    public static async Task<(TGuest Guest, CheckpointInfo Checkpoint)> RestoreFromStreamAsync<TGuest>(
        Stream stream, Func<CheckpointInfo, TGuest> create, CancellationToken cancellationToken = default)
        where TGuest : class, IGuest
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(create);
        TGuest? guest = null;
        try
        {
            SectionWalk walk = await Task.Run(() => ReadStream(stream, info => (guest = create(info)).Memory, cancellationToken), CancellationToken.None).ConfigureAwait(false);
            await guest!.LoadStateAsync(walk.Devices, cancellationToken).ConfigureAwait(false);
            return (guest, walk.Info);
        }
        catch
        {
            (guest as IDisposable)?.Dispose();
            throw;
        }
    }

    /// <summary>Compares with another checkpoint.</summary>
    /// <param name="other">The other one; of the same layout.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="MigrationException">A page that is needed is damaged, or the layouts differ.</exception>
    public CheckpointDifference CompareWith(CheckpointChain other, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(other);
        return ChainComparison.Compare(_youngestFirst, other._youngestFirst, cancellationToken);
    }

    /// <summary>Marks the pages of a guest's memory that are not what this checkpoint holds, by their bytes: what
    /// <see cref="CheckpointOptions.Changed"/> needs where no tracer has run since. It reads the memory once, and of the files what
    /// still counts, checked. A guest that runs must be traced from before this call on, and what it writes is the tracer's to say.</summary>
    /// <param name="memory">The memory, of the same layout.</param>
    /// <param name="changed">Receives the pages; marks that it has stay.</param>
    /// <param name="tracer">The tracer that was started; null: the guest stands still.</param>
    /// <param name="workers">How many threads read; 0: as many as there are processors.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="MigrationException">What is damaged, and where.</exception>
    public void MarkChanged(
        GuestMemory memory, DirtyBitmap changed, IWriteTracer? tracer = null, int workers = 0, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(changed);
        RequireLayout(Checkpoint, memory);
        using GuestMemoryHold hold = memory.HoldForIo();
        using var present = new DirtyBitmap(memory.PageCount);
        if (tracer is null)
        {
            MemoryResidency.MarkPresent(memory, present);
        }
        else
        {
            tracer.MarkPresent(present);
        }

        ChangedPages.Mark([.. _youngestFirst], memory, present, changed, workers, cancellationToken);
    }

    /// <summary>Writes one checkpoint that stands alone and holds what this chain holds. It needs as much memory as the guest.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="options">Compression, chunks and threads; the rest is the checkpoint's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<CheckpointReport> FlattenAsync(CheckpointTarget target, CheckpointOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        options ??= new CheckpointOptions();
        using GuestMemory memory = StoredGuest.Allocate(Checkpoint.Layout);
        DeviceState state = await Task.Run(() => RestoreMemory(memory, options.Workers, cancellationToken), CancellationToken.None).ConfigureAwait(false);
        return await CheckpointSaver.SaveAsync(
            new StoredGuest(Checkpoint, memory, state),
            target,
            options with
            {
                Epoch = Checkpoint.Epoch,
                Run = Checkpoint.Run,
                Suspend = Checkpoint.IsSuspended,
                CreatedAt = Checkpoint.CreatedAt,
                Parent = null,
                Changed = null,
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _youngestFirst.ForEach(c => c.Dispose());

    /// <summary>Reads a stream to its end.</summary>
    internal static SectionWalk ReadStream(Stream stream, Func<CheckpointInfo, GuestMemory?> memoryOf, CancellationToken cancellationToken)
    {
        using var source = new StreamSource(stream);
        return Read(source, memoryOf, 1, cancellationToken);
    }

    /// <summary>Reads a source that can be sought in, all of it.</summary>
    internal static SectionWalk ReadWhole(CheckpointSource source, GuestMemory? memory, CancellationToken cancellationToken = default) => Read(source, _ => memory, 1, cancellationToken);

    private static void RequireLayout(CheckpointInfo info, GuestMemory memory)
    {
        if (!memory.Layout.Equals(info.Layout))
        {
            throw new ArgumentException($"The checkpoint's layout is {info.Layout}, the memory's {memory.Layout}.", nameof(memory));
        }
    }

    private static SectionWalk Read(OpenCheckpoint checkpoint, GuestMemory? memory, int workers, CancellationToken cancellationToken)
    {
        SectionWalk walk = Read(checkpoint.Source, _ => memory, workers, cancellationToken);

        // The file might have been replaced by another one between the two looks, were it not held open; so this only
        // differs if the file was changed in place.
        return walk.End == checkpoint.End ? walk : throw Damage.At(SectionName.End, 0, "the file was changed while it was read");
    }

    private static SectionWalk Read(CheckpointSource source, Func<CheckpointInfo, GuestMemory?> memoryOf, int workers, CancellationToken cancellationToken)
    {
        ChunkPass? pass = null;
        GuestMemoryHold hold = default;
        try
        {
            SectionWalk walk = SectionWalk.Run(
                source,
                (_, header, offset) => pass!.Take(header, offset),
                begun =>
                {
                    if (!source.CanSeek && begun.Info.HasParent)
                    {
                        throw new MigrationException(MigrationErrorKind.Refused, "The checkpoint on the stream adds to another one, which cannot be had from a stream. Flatten it first, or restore it from its file.");
                    }

                    GuestMemory? memory = memoryOf(begun.Info);
                    if (memory is not null)
                    {
                        RequireLayout(begun.Info, memory);
                        hold = memory.HoldForIo();
                        if (!source.CanSeek)
                        {
                            EmptyMemory.Require(memory);
                        }
                    }

                    pass = new ChunkPass(source, begun.Layout.PageCount, memory);
                },
                cancellationToken);
            pass!.Finish(walk, workers, cancellationToken);
            return walk;
        }
        finally
        {
            pass?.Abandon();
            hold.Dispose();
        }
    }

    private void AddParent(string directory, CheckpointInfo child)
    {
        if (_youngestFirst.Count == MaxLength)
        {
            throw new MigrationException(MigrationErrorKind.Refused, $"'{child.FileName}' is the {MaxLength}th of its chain, and more are not read. Flatten an earlier one.");
        }

        string path = Path.Combine(directory, child.ParentName);
        if (child.ParentName.Length == 0 || !File.Exists(path))
        {
            throw new MigrationException(MigrationErrorKind.StorageFailed, $"'{child.FileName}' adds to the checkpoint '{child.ParentName}', which is not in {directory}. Put it there.");
        }

        OpenCheckpoint parent = OpenCheckpoint.Open(path);
        _youngestFirst.Add(parent);
        if (parent.Info.Own != child.Parent || !parent.Info.Layout.Equals(child.Layout) || parent.Info.GuestId != child.GuestId)
        {
            throw new MigrationException(
                MigrationErrorKind.DataDamaged,
                $"'{child.FileName}' adds to a checkpoint with the digest {child.Parent}, and '{path}' is another one ({parent.Info.Own}). Put the right file there.");
        }
    }
}
