using System.Runtime.InteropServices;

namespace PageEngine.Cli.Commands;

// Owns: SIGINT and SIGTERM. The first one asks; the second one ends the process, as if nobody had listened.

/// <summary>Turns signals into a cancellation.</summary>
internal sealed class Interrupts : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private int _count;

    /// <summary>Listens.</summary>
    /// <param name="host">Where to say what the first signal does.</param>
    /// <param name="announcement">What it does.</param>
    /// <param name="ignoreTerminal">True: Ctrl-C belongs to the process that started this one and is ignored.</param>
    public Interrupts(Host host, string announcement, bool ignoreTerminal = false)
    {
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
            {
                if (ignoreTerminal)
                {
                    context.Cancel = true;
                }
                else
                {
                    OnSignal(context);
                }
            }),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        ];

        void OnSignal(PosixSignalContext context)
        {
            if (Interlocked.Increment(ref _count) > 1)
            {
                return;
            }

            context.Cancel = true;
            host.Error.WriteLine(announcement);
            _source.Cancel();
        }
    }

    /// <summary>Gets the token that the first signal cancels.</summary>
    public CancellationToken Token => _source.Token;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }
}
