using PageEngine.Checkpoints.Reading;
using PageEngine.Devices;
using PageEngine.Memory;

namespace PageEngine.Checkpoints;

// Owns: a restore that goes on while the guest runs: its thread, its end, and what it found.

/// <summary>Memory that comes as it is touched. Safe from any thread. Dispose it after the guest has stopped using the
/// memory, or after <see cref="Completion"/>; the chain that made it stays open until then.</summary>
public sealed class CheckpointLazyRestore : IDisposable
{
    // The guest's first steps are worth more than the end of the restore a moment sooner: filling takes the processor and the
    // lock of the address space that they need.
    private static readonly TimeSpan _headStart = TimeSpan.FromMilliseconds(50);

    private readonly CancellationTokenSource _cancel = new();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private GuestMemoryHold _hold;

    internal CheckpointLazyRestore(LazyMemory lazy, GuestMemory memory, DeviceState state)
    {
        State = state;
        MappedPages = lazy.MappedPages;
        _hold = memory.HoldForIo();
        _thread = new Thread(() => Fill(lazy)) { Name = "checkpoint-fill", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Gets the device state, to be loaded before the guest runs.</summary>
    public DeviceState State { get; }

    /// <summary>Gets how many pages come as they are touched; all others are there.</summary>
    public long MappedPages { get; }

    /// <summary>Gets what ends when every byte was checked and every page has memory of its own. It fails with a
    /// <see cref="MigrationException"/> when something is damaged: stop the guest and throw it away.</summary>
    public Task Completion => _completion.Task;

    /// <summary>Stops filling and waits for the thread. Pages that were not there yet stay the file's.</summary>
    public void Dispose()
    {
        _cancel.Cancel();
        _thread.Join();
        _hold.Dispose();
        _cancel.Dispose();
    }

    private void Fill(LazyMemory lazy)
    {
        try
        {
            _cancel.Token.WaitHandle.WaitOne(_headStart);
            lazy.Fill(_cancel.Token);
            _completion.SetResult();
        }
        catch (OperationCanceledException)
        {
            _completion.TrySetCanceled(_cancel.Token);
        }
        catch (Exception e)
        {
            _completion.SetException(e);
            _ = _completion.Task.Exception; // Whoever does not ask does not want to know.
        }
    }
}
