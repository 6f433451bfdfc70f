using PageEngine.Ownership;

namespace PageEngine.FaultHost;

// Owns: the file store as a share that can go away: while the directory is not at its path, every call fails before it
// does anything. A call that finds it gone afterwards fails too, although it may have happened. What concerns the real
// guest is announced step by step; the rehearsals' scratch guests are not.

internal sealed class SteppedStore(FileOwnershipStore store, string directory, StepGate steps) : IOwnershipStore
{
    /// <summary>Gets or sets the guest whose steps are announced.</summary>
    public Guid Guest { get; set; }

    public string Description => store.Description;

    public ValueTask<OwnershipRecord?> ReadAsync(Guid guestId, CancellationToken cancellationToken) =>
        RunAsync("read", guestId, () => store.ReadAsync(guestId, cancellationToken));

    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        return RunAsync("create", record.GuestId, () => store.CreateAsync(record, cancellationToken));
    }

    public ValueTask MarkAsync(Guid guestId, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken) =>
        RunAsync(mark == OwnershipMark.Running ? "mark-running" : "mark-resuming", guestId, () => store.MarkAsync(guestId, epoch, mark, cancellationToken));

    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guestId, ulong epoch, CancellationToken cancellationToken) =>
        RunAsync("read-mark", guestId, () => store.ReadMarkAsync(guestId, epoch, cancellationToken));

    public ValueTask WriteNonceAsync(Guid guestId, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken) =>
        RunAsync("write-nonce", guestId, () => store.WriteNonceAsync(guestId, attempt, side, nonce, cancellationToken));

    public ValueTask<Guid?> ReadNonceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        RunAsync("read-nonce", guestId, () => store.ReadNonceAsync(guestId, attempt, side, cancellationToken));

    public ValueTask RemoveGuestAsync(Guid guestId, CancellationToken cancellationToken) =>
        RunAsync("remove", guestId, () => store.RemoveGuestAsync(guestId, cancellationToken));

    public ValueTask ForgetAttemptAsync(Guid guestId, AttemptId attempt, CancellationToken cancellationToken) =>
        RunAsync("forget", guestId, () => store.ForgetAttemptAsync(guestId, attempt, cancellationToken));

    public ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(record);
        return RunAsync("stage", record.GuestId, () => store.StageAsync(record, cancellationToken));
    }

    public ValueTask RehearseAsync(CancellationToken cancellationToken) =>
        RunAsync("rehearse-store", Guid.Empty, () => store.RehearseAsync(cancellationToken));

    public ValueTask<IDisposable?> AnnounceAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        RunAsync("announce", guestId, () => store.AnnounceAsync(guestId, attempt, side, cancellationToken));

    public ValueTask<AttemptPresence> LookAsync(Guid guestId, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        RunAsync("look", guestId, () => store.LookAsync(guestId, attempt, side, cancellationToken));

    private async ValueTask<T> RunAsync<T>(string step, Guid guest, Func<ValueTask<T>> call)
    {
        bool announced = guest == Guest;
        if (announced)
        {
            await steps.BeforeAsync(step);
        }

        ThrowIfGone();
        T result = await call();
        ThrowIfGone();
        if (announced)
        {
            await steps.AfterAsync(step);
        }

        return result;
    }

    private async ValueTask RunAsync(string step, Guid guest, Func<ValueTask> call) =>
        await RunAsync(step, guest, async () =>
        {
            await call();
            return true;
        });

    private void ThrowIfGone()
    {
        if (!Directory.Exists(directory))
        {
            throw new MigrationException(MigrationErrorKind.OwnershipFailed, $"The ownership store {directory} is not reachable. Bring it back.");
        }
    }
}
