using System.Buffers.Binary;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Guests;

// Owns: a QEMU virtual machine as the engine sees it. QEMU runs the guest and saves and loads its devices; memory is moved
// by the engine. The order rests on the engine: it calls SaveState after the pause and collects once more behind it, and
// calls LoadState when all memory is in place; QEMU then is the only one to write it.

/// <summary>Which end of a migration a QEMU is.</summary>
public enum QemuRole
{
    /// <summary>It runs the guest.</summary>
    Source = 0,

    /// <summary>It was started with <c>-incoming defer -S</c> and waits for the guest.</summary>
    Destination = 1,
}

/// <summary>A QEMU virtual machine that can be migrated. The engine calls it, one call at a time.</summary>
public sealed class QemuGuest : IGuest, IAsyncDisposable, IDisposable
{
    /// <summary>The kind of guest in a description.</summary>
    public const string Kind = "qemu";

    private const string SectionKind = "qemu";
    private const ushort SectionVersion = 1;
    private static readonly TimeSpan _exitPatience = TimeSpan.FromSeconds(10);

    // A process closes its connections shortly before it is gone.
    private static readonly TimeSpan _deathPatience = TimeSpan.FromSeconds(1);

    private readonly QemuMachine _machine;
    private readonly ReadOnlyMemory<byte> _description;
    private readonly DeviceStateTransfer _state;
    private readonly TimeProvider _time;
    private MigrationSetup? _setup;
    private Task _announcing = Task.CompletedTask;
    private ReadOnlyMemory<byte>? _saved;
    private bool _hasState;
    private bool _hasRun;
    private bool _ended;

    /// <summary>Wraps a machine.</summary>
    /// <param name="id">The guest's identity, the same on every host.</param>
    /// <param name="machine">The QEMU; the caller disposes it.</param>
    /// <param name="memory">Its memory, from <see cref="QemuMachine.MapMemory"/>; owned from here on.</param>
    /// <param name="role">Which end this is.</param>
    /// <param name="description">What the other end must know, from <see cref="MachineInspector.DescribeAsync"/>.</param>
    /// <param name="time">The clock; null: the system's.</param>
    public QemuGuest(Guid id, QemuMachine machine, GuestMemory memory, QemuRole role, MachineDescription description, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(machine);
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(description);
        Id = id;
        Memory = memory;
        Role = role;
        _machine = machine;
        _description = description.Encode();
        _time = time ?? TimeProvider.System;
        _state = new DeviceStateTransfer(machine.Monitor, _time);
        Ended = EndAsync();
    }

    /// <inheritdoc/>
    public Guid Id { get; }

    /// <inheritdoc/>
    public GuestMemory Memory { get; }

    /// <summary>Gets which end this is.</summary>
    public QemuRole Role { get; }

    /// <summary>Gets how many bytes the device state had that was saved or loaded last; 0 before.</summary>
    public int StateBytes { get; private set; }

    /// <summary>Gets whether QEMU has had a device state: it runs or has run the guest, or was given it to load.</summary>
    public bool HasState
    {
        get => _hasState;
        init => _hasState = value;
    }

    /// <summary>Gets whether QEMU is quit, too, when a copy is discarded that never got its device state. False (the
    /// default): such a QEMU still waits and can take the next attempt.</summary>
    public bool QuitWhenUnused { get; init; }

    /// <summary>Gets whether the machine's monitor is closed with this guest; default false: the caller closes it.</summary>
    public bool OwnsMachine { get; init; }

    /// <inheritdoc/>
    /// <remarks>True: QEMU has it.</remarks>
    public bool LivesInOwnProcess => true;

    /// <inheritdoc/>
    /// <remarks>Seen by the end of the monitor's connection.</remarks>
    public Task<MigrationException> Ended { get; }

    /// <inheritdoc/>
    public GuestDescription Describe() => new(Kind, _description);

    /// <inheritdoc/>
    /// <remarks>QEMU's settings for the move are made here, before the rounds, so that none is left for the blackout.</remarks>
    public async ValueTask RehearseAsync(CancellationToken cancellationToken) => await RunAsync("be prepared for the move", async () =>
    {
        await SetUpAsync(cancellationToken).ConfigureAwait(false);
        if (_saved is null)
        {
            await _state.RehearseAsync(cancellationToken).ConfigureAwait(false);
        }

        await _state.PrepareAsync(Role == QemuRole.Destination, cancellationToken).ConfigureAwait(false);
    }).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask PauseAsync(CancellationToken cancellationToken) =>
        await RunAsync("stop", () => _machine.Monitor.ExecuteAsync("stop", null, cancellationToken)).ConfigureAwait(false);

    /// <inheritdoc/>
    public async ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (Role == QemuRole.Destination && !_hasRun)
        {
            throw new MigrationException(
                MigrationErrorKind.GuestFailed, $"QEMU (process {_machine.ProcessId}) holds a machine that arrived and has not run yet: QEMU would abort if it were to save it, since it has not taken over its disks. Let it run first.");
        }

        await RunAsync("save its device state", async () =>
        {
            await SetUpAsync(cancellationToken).ConfigureAwait(false);

            // QEMU saves a machine that stands still once; until it runs again the state is the same.
            ReadOnlyMemory<byte> state = _saved ??= await _state.SaveAsync(cancellationToken).ConfigureAwait(false);
            StateBytes = state.Length;
            // QEMU believes what it is given, and ends when that is cut off: then the machine that waits is spent. So its length goes along.
            Span<byte> length = stackalloc byte[sizeof(int)];
            BinaryPrimitives.WriteInt32LittleEndian(length, state.Length);
            writer.Add(SectionKind, 0, SectionVersion, length, state.Span);
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ReadOnlyMemory<byte> payload = WithoutLength(state.Require(SectionKind, 0, SectionVersion).Payload);
        StateBytes = payload.Length;
        await RunAsync("load its device state", async () =>
        {
            await SetUpAsync(cancellationToken).ConfigureAwait(false);

            // From here on QEMU takes no second state, whatever comes of this one.
            _hasState = true;
            await _state.LoadAsync(payload, cancellationToken).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    /// <remarks>Disks are locked here. At the destination the network is told, without waiting for it, where the guest is now.</remarks>
    public async ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        if (Role == QemuRole.Source)
        {
            await RunAsync("give up the move", () => _state.CancelAsync(cancellationToken)).ConfigureAwait(false);
        }

        _saved = null;
        await RunAsync("run", () => _machine.Monitor.ExecuteAsync("cont", null, cancellationToken)).ConfigureAwait(false);
        _hasRun = true;
        _announcing = Role == QemuRole.Destination ? AnnounceAsync() : UndoAsync();
    }

    /// <inheritdoc/>
    /// <remarks>Quits QEMU: at the source the guest has moved away, at the destination the copy never ran. A QEMU that waits
    /// and never got a state is left as it is, unless <see cref="QuitWhenUnused"/>.</remarks>
    public async ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        if (_ended || (Role == QemuRole.Destination && !_hasState && !QuitWhenUnused))
        {
            return;
        }

        _ended = true;
        try
        {
            await _machine.Monitor.ExecuteAsync("quit", null, cancellationToken).ConfigureAwait(false);
            await _machine.Monitor.Closed.WaitAsync(_exitPatience, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (QmpException e) when (e.IsConnection)
        {
            // It is gone: that is what was asked for.
        }
        catch (Exception e) when (e is QmpException or TimeoutException)
        {
            throw new MigrationException(MigrationErrorKind.GuestFailed, $"QEMU (process {_machine.ProcessId}) did not quit: {e.Message} Its guest is stopped; end the process.", e);
        }
    }

    /// <summary>Asks QEMU whether the guest runs.</summary>
    /// <exception cref="MigrationException">QEMU does not answer.</exception>
    public async ValueTask<bool> IsRunningAsync(CancellationToken cancellationToken)
    {
        bool runs = false;
        await RunAsync("say how it is", async () => runs = await _machine.StatusAsync(cancellationToken).ConfigureAwait(false) == "running").ConfigureAwait(false);
        return runs;
    }

    /// <summary>Waits for what was begun in the background, and unmaps the memory.</summary>
    public async ValueTask DisposeAsync()
    {
        await _announcing.ConfigureAwait(false);
        Memory.Dispose();
        if (OwnsMachine)
        {
            await _machine.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>As <see cref="DisposeAsync"/>, for those who cannot wait; QEMU answers within milliseconds, or not at all.</summary>
    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    private static ReadOnlyMemory<byte> WithoutLength(ReadOnlyMemory<byte> payload) =>
        payload.Length > sizeof(int) && BinaryPrimitives.ReadInt32LittleEndian(payload.Span) == payload.Length - sizeof(int)
            ? payload[sizeof(int)..]
            : throw new MigrationException(MigrationErrorKind.DataDamaged, $"The machine's device state is cut off: {payload.Length} bytes arrived. It was not given to QEMU, which still waits.");

    private async Task<MigrationException> EndAsync()
    {
        QmpException why = await _machine.Monitor.Closed.ConfigureAwait(false);
        bool died = await _machine.HasDiedAsync(_deathPatience, _time).ConfigureAwait(false);
        return Role == QemuRole.Source && died
            ? new MigrationException(MigrationErrorKind.GuestLost, $"QEMU (process {_machine.ProcessId}) ended while its guest was being moved; no complete copy of the guest survived. Its standard error, or the kernel's log, says why.", why)
            : new MigrationException(
                MigrationErrorKind.GuestFailed,
                died
                    ? $"The QEMU that was to take the guest (process {_machine.ProcessId}) ended. Its standard error, or the kernel's log, says why; start it again with -incoming defer -S."
                    : $"QEMU (process {_machine.ProcessId}) goes on, but {why.Description}",
                why);
    }

    // Switches learn where a network address is from what they see it send; the guest itself may be silent for long.
    private async Task AnnounceAsync()
    {
        try
        {
            await _machine.Monitor.ExecuteAsync(
                "announce-self",
                static writer =>
                {
                    writer.WriteNumber("initial", 50);
                    writer.WriteNumber("max", 550);
                    writer.WriteNumber("rounds", 5);
                    writer.WriteNumber("step", 100);
                }).ConfigureAwait(false);
        }
        catch (QmpException)
        {
            // The guest runs; without the announcement the network learns of it by the guest's next packet.
        }

        await UndoAsync().ConfigureAwait(false);
    }

    private async Task SetUpAsync(CancellationToken cancellationToken)
    {
        // What an earlier attempt takes back must not be taken from this one.
        await _announcing.ConfigureAwait(false);
        _setup ??= await MigrationSetup.ApplyAsync(_machine.Monitor, cancellationToken).ConfigureAwait(false);
    }

    private async Task UndoAsync()
    {
        if (_setup is { } setup)
        {
            _setup = null;
            try
            {
                await setup.UndoAsync(_machine.Monitor, CancellationToken.None).ConfigureAwait(false);
            }
            catch (QmpException)
            {
                // The guest runs; whoever migrates next makes his own settings.
            }
        }
    }

    private async Task RunAsync(string doing, Func<Task> work)
    {
        try
        {
            await work().ConfigureAwait(false);
        }
        catch (Exception e) when (e is QmpException or TimeoutException)
        {
            throw new MigrationException(MigrationErrorKind.GuestFailed, $"QEMU (process {_machine.ProcessId}) failed to {doing}: {e.Message}", e) { DetectedBy = DetectedBy.Guest };
        }
    }
}
