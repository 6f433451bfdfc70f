using Microsoft.Extensions.Logging;
using PageEngine.Bitmaps;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Tracing;

namespace PageEngine.Transport.Tests.Failures;

// Owns: the real parts of a migration, each with a place where a test can step in.

/// <summary>A guest that asks before each call what shall happen.</summary>
internal sealed class FaultyGuest(VerifiableGuest inner) : IGuest, IDisposable
{
    private static readonly TaskCompletionSource<MigrationException> _never = new();

    internal VerifiableGuest Inner => inner;

    internal Func<Task>? Pausing { get; set; }

    internal Func<Task>? Saving { get; set; }

    internal Func<Task>? Loading { get; set; }

    internal Func<Task>? Resuming { get; set; }

    /// <summary>Gets or sets what ends the process that this guest lives in; null: it lives in this one.</summary>
    internal TaskCompletionSource<MigrationException>? End { get; set; }

    public Guid Id => inner.Id;

    public GuestMemory Memory => inner.Memory;

    public bool LivesInOwnProcess => End is not null;

    public Task<MigrationException> Ended => End?.Task ?? _never.Task;

    public GuestDescription Describe() => inner.Describe();

    public async ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        await Run(Pausing);
        await inner.PauseAsync(cancellationToken);
    }

    public async ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        await Run(Resuming);
        await inner.ResumeAsync(epoch, cancellationToken);
    }

    public async ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        await Run(Saving);
        await inner.SaveStateAsync(writer, cancellationToken);
    }

    public async ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        await Run(Loading);
        await inner.LoadStateAsync(state, cancellationToken);
    }

    public ValueTask PowerOffAsync(CancellationToken cancellationToken) => inner.PowerOffAsync(cancellationToken);

    public ValueTask RehearseAsync(CancellationToken cancellationToken) => inner.RehearseAsync(cancellationToken);

    public void Dispose() => inner.Dispose();

    private static Task Run(Func<Task>? hook) => hook is null ? Task.CompletedTask : hook();
}

/// <summary>One host's way to a store: the guest's own record, not the rehearsals', goes through the hooks.</summary>
internal sealed class FaultyStore(IOwnershipStore inner, Guid guestId) : IOwnershipStore
{
    internal Func<OwnershipRecord, Func<ValueTask<CreateOutcome>>, ValueTask<CreateOutcome>>? Creating { get; set; }

    internal Func<Task>? Reading { get; set; }

    internal Func<Task>? Staging { get; set; }

    internal Func<OwnershipMark, Task>? Marking { get; set; }

    public string Description => "a store with faults";

    public async ValueTask<OwnershipRecord?> ReadAsync(Guid guest, CancellationToken cancellationToken)
    {
        if (guest == guestId && Reading is { } hook)
        {
            await hook();
        }

        return await inner.ReadAsync(guest, cancellationToken);
    }

    public ValueTask<CreateOutcome> CreateAsync(OwnershipRecord record, CancellationToken cancellationToken) =>
        record.GuestId == guestId && Creating is { } hook
            ? hook(record, () => inner.CreateAsync(record, cancellationToken))
            : inner.CreateAsync(record, cancellationToken);

    public async ValueTask MarkAsync(Guid guest, ulong epoch, OwnershipMark mark, CancellationToken cancellationToken)
    {
        if (guest == guestId && Marking is { } hook)
        {
            await hook(mark);
        }

        await inner.MarkAsync(guest, epoch, mark, cancellationToken);
    }

    public ValueTask<OwnershipMark> ReadMarkAsync(Guid guest, ulong epoch, CancellationToken cancellationToken) => inner.ReadMarkAsync(guest, epoch, cancellationToken);

    public ValueTask WriteNonceAsync(Guid guest, AttemptId attempt, string side, Guid nonce, CancellationToken cancellationToken) =>
        inner.WriteNonceAsync(guest, attempt, side, nonce, cancellationToken);

    public ValueTask<Guid?> ReadNonceAsync(Guid guest, AttemptId attempt, string side, CancellationToken cancellationToken) =>
        inner.ReadNonceAsync(guest, attempt, side, cancellationToken);

    public ValueTask RemoveGuestAsync(Guid guest, CancellationToken cancellationToken) => inner.RemoveGuestAsync(guest, cancellationToken);

    public ValueTask ForgetAttemptAsync(Guid guest, AttemptId attempt, CancellationToken cancellationToken) => inner.ForgetAttemptAsync(guest, attempt, cancellationToken);

    public async ValueTask StageAsync(OwnershipRecord record, CancellationToken cancellationToken)
    {
        if (record.GuestId == guestId && Staging is { } hook)
        {
            await hook();
        }
    }
}

/// <summary>A tracer that asks before each call what shall happen.</summary>
internal sealed class FaultyTracer(IWriteTracer inner) : IWriteTracer
{
    internal Action? Starting { get; set; }

    internal Action? Collecting { get; set; }

    internal int Stops { get; private set; }

    public string Name => inner.Name;

    public WriteTracerCounters Counters => inner.Counters;

    public void Start()
    {
        Starting?.Invoke();
        inner.Start();
    }

    public void MarkPresent(DirtyBitmap present) => inner.MarkPresent(present);

    public long Collect(DirtyBitmap dirty)
    {
        Collecting?.Invoke();
        return inner.Collect(dirty);
    }

    public void AddPagesCopied(long pages) => inner.AddPagesCopied(pages);

    public void Stop()
    {
        Stops++;
        inner.Stop();
    }

    public void Dispose() => inner.Dispose();
}

/// <summary>Keeps what was logged.</summary>
internal sealed class KeptLog : ILogger
{
    private readonly List<string> _lines = [];

    internal IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
            {
                return [.. _lines];
            }
        }
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        lock (_lines)
        {
            _lines.Add(formatter(state, exception));
        }
    }
}
