using System.Collections.Concurrent;
using System.Globalization;

namespace PageEngine.FaultHost;

// Owns: the steps of the protocol as this process takes them. Each is announced before and after; one that is armed stops
// there until it is told to go on, or fails in its place.

internal enum StepAction
{
    None = 0,
    Stop = 1,
    Fail = 2,
}

internal sealed class StepGate(HostChannel channel)
{
    private readonly ConcurrentDictionary<(string Step, string Edge), int> _counts = new();
    private readonly Lock _lock = new();
    private (string Step, string Edge, int Occurrence, StepAction Action) _armed;
    private TaskCompletionSource? _stopped;

    /// <summary>Arms a step.</summary>
    /// <param name="step">Its name.</param>
    /// <param name="edge">before or after.</param>
    /// <param name="occurrence">How often it has to come, counted from now; 0: every time.</param>
    /// <param name="action">What happens there.</param>
    public void Arm(string step, string edge, int occurrence, StepAction action)
    {
        lock (_lock)
        {
            _counts.Clear();
            _armed = (step, edge, occurrence, action);
        }
    }

    public void Disarm()
    {
        lock (_lock)
        {
            _armed = default;
        }
    }

    /// <summary>Lets a stopped step go on.</summary>
    public void Go()
    {
        lock (_lock)
        {
            _stopped?.TrySetResult();
            _stopped = null;
        }
    }

    public ValueTask BeforeAsync(string step) => AtAsync(step, "before");

    public ValueTask AfterAsync(string step) => AtAsync(step, "after");

    private async ValueTask AtAsync(string step, string edge)
    {
        int count = _counts.AddOrUpdate((step, edge), 1, static (_, n) => n + 1);
        channel.Say($"step {step} {edge} {count.ToString(CultureInfo.InvariantCulture)}");
        Task? wait = null;
        lock (_lock)
        {
            if (_armed.Step == step && _armed.Edge == edge && (_armed.Occurrence == 0 || _armed.Occurrence == count))
            {
                if (_armed.Action == StepAction.Fail)
                {
                    throw new IOException($"The step '{step}' was told to fail.");
                }

                _stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                wait = _stopped.Task;
            }
        }

        if (wait is not null)
        {
            channel.Say($"stopped {step} {edge}");
            await wait;
        }
    }
}
