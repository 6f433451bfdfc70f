using System.Globalization;
using PageEngine.Reporting;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PageEngine.Cli.Output;

// Owns: the moving picture of a migration, drawn on a terminal by a thread of its own and never while the guest stands still.

/// <summary>Draws progress until disposed. Draws nothing where there is no terminal.</summary>
internal sealed class LiveProgress : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(120);

    private readonly MigrationWatch _watch;
    private readonly IAnsiConsole _console;
    private readonly TimeSpan? _goal;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread? _thread;

    /// <summary>Starts drawing.</summary>
    /// <param name="host">The terminal.</param>
    /// <param name="watch">Where the numbers come from.</param>
    /// <param name="goal">The switchover time goal to show beside the prediction; null at the destination, which has none.</param>
    /// <param name="enabled">False: draw nothing (the log goes to the same terminal).</param>
    public LiveProgress(Host host, MigrationWatch watch, TimeSpan? goal, bool enabled)
    {
        _watch = watch;
        _goal = goal;
        _console = Terminal.ForNotes(host);
        if (enabled && host.ErrorIsTerminal)
        {
            _thread = new Thread(Draw) { IsBackground = true, Name = "progress" };
            _thread.Start();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Set();
        _thread?.Join();
        _stop.Dispose();
    }

    /// <summary>Makes the picture of one moment.</summary>
    internal static IRenderable View(MigrationProgress progress, TimeSpan? goal, double? bytesPerSecond)
    {
        double share = progress.RoundPages > 0 ? 1.0 - ((double)progress.RoundPagesLeft / progress.RoundPages) : 1.0;
        string prediction = progress.Prediction is { } expected
            ? $"switchover now: {Units.FormatDuration(expected.Total)}" + (goal is { } limit ? $" (goal {Units.FormatDuration(limit)})" : "")
            : "switchover: not predicted yet";
        string round = progress.Phase == MigrationPhase.PreCopy
            ? string.Create(CultureInfo.InvariantCulture, $"round {progress.Round} {Bar(share)} {share * 100,3:0} %  {Human.Count(progress.RoundPages - progress.RoundPagesLeft)} of {Human.Count(progress.RoundPages)} pages")
            : Phase(progress.Phase);
        return new Rows(
            new Text(round, new Style(Color.Green)),
            new Text($"{(bytesPerSecond is { } rate ? Units.FormatBytesPerSecond(rate) : "rate not known yet")}  {prediction}  {Units.FormatDuration(progress.Elapsed)}"));
    }

    private static string Bar(double share)
    {
        const int Columns = 30;
        int full = (int)Math.Clamp(Math.Round(share * Columns), 0, Columns);
        return new string('█', full) + new string('░', Columns - full);
    }

    private static string Phase(MigrationPhase phase) => phase switch
    {
        MigrationPhase.None or MigrationPhase.Handshake => "agreeing with the other side",
        MigrationPhase.Complete => "the guest has moved: finishing",
        _ => "switching over",
    };

    private void Draw()
    {
        while (_watch.Latest is null)
        {
            if (_stop.Wait(_interval))
            {
                return;
            }
        }

        CopyRate rate = new();
        _console.Live(new Text("")).AutoClear(true).Start(context =>
        {
            do
            {
                if (!_watch.MustBeQuiet && _watch.Latest is { } progress)
                {
                    rate.Add(progress);
                    context.UpdateTarget(View(progress, _goal, rate.BytesPerSecond));
                }
            }
            while (!_stop.Wait(_interval));
        });
    }
}
