using Microsoft.Extensions.Logging;
using PageEngine.Reporting;
using PageEngine.Transport.Tests.Failures;
using PageEngine.Transport.Tests.Sessions;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Transport.Tests.Leaks;

/// <summary>A cancel at the steps that a migration takes, one after the other in strides: every line of either log and every call of guest, store, tracer and
/// policy is a step.</summary>
public sealed class CancelEverywhereTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _never = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData(Cancelling.AtSource, 2)]
    [InlineData(Cancelling.AtSourceThenDestination, 3)]
    [InlineData(Cancelling.AtDestination, 5)]
    [InlineData(Cancelling.OnBothSides, 5)]
    [InlineData(Cancelling.WhileCut, 5)]
    public async Task It_ends_and_exactly_one_side_runs(Cancelling how, int stride)
    {
        int moved = 0;
        int stayed = 0;
        int tooLate = 0;
        int number = 1;
        var wrong = new List<string>();
        for (bool reached = true; reached && number < 400; number += stride)
        {
            await using FailureScene scene = await FailureScene.CreateAsync();
            int steps = 0;
            string at = "";
            void Step(string what)
            {
                int step = Interlocked.Increment(ref steps);
                if (step == number || (how == Cancelling.AtSourceThenDestination && step == number + 1))
                {
                    at += what + "; ";
                    Cancel(scene, how, isSecond: step != number);
                }

                if (what.StartsWith("S logs", StringComparison.Ordinal) && what.Contains("Too late to cancel", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref tooLate);
                }
            }

            Hook(scene, Step);
            try
            {
                await scene.RunAsync().WaitAsync(_never);
                reached = steps >= number;
                string which = $"{how} at step {number} ({at}): {scene.Report.Outcome}, {scene.Report.Failure}; {scene.Result?.Report.Outcome}, {scene.Result?.Report.Failure}";
                bool isMoved = scene.Report.Outcome == MigrationOutcome.Completed || scene.Result?.Report.Outcome == MigrationOutcome.Completed;
                Check(scene, how, isMoved, which, wrong);
                await scene.AssertRunsAsync(isMoved ? Runs.AtDestination : Runs.AtSource);
                _ = isMoved ? moved++ : stayed++;
            }
            catch (Exception e)
            {
                wrong.Add($"{how} at step {number} ({at}): {e.Message}; {scene.Report?.Outcome}, {scene.Report?.Failure}; {scene.Result?.Report.Outcome}, {scene.Result?.Report.Failure}");
            }
        }

        output.WriteLine($"{how}: {number} steps, {stayed} stayed, {moved} moved, {tooLate} told that it was too late");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(stayed > 3 && moved > 0);
        Assert.True(how != Cancelling.AtSource || tooLate > 0, "no cancel after the commit was answered");
    }

    private static void Check(FailureScene scene, Cancelling how, bool isMoved, string which, List<string> wrong)
    {
        if (isMoved)
        {
            if (scene.Result?.Guest is null)
            {
                wrong.Add("moved and no guest: " + which);
            }

            return;
        }

        // A destination that stops before anybody knocked has nobody to tell.
        bool named = how == Cancelling.WhileCut
            ? scene.Report.Failure?.Kind is MigrationErrorKind.Cancelled or MigrationErrorKind.ConnectionLost
            : scene.Report.Failure?.Kind == MigrationErrorKind.Cancelled
                || (how == Cancelling.AtDestination && scene.Report.Failure is { Kind: MigrationErrorKind.Timeout, Phase: MigrationPhase.Handshake });
        if (!named || scene.Report.Failure!.Guest != GuestWhereabouts.RunningAtSource || scene.Result?.Guest is not null)
        {
            wrong.Add("not a plain cancel: " + which);
        }
    }

    // The second cancel meets the clean-up after the first.
    private static void Cancel(FailureScene scene, Cancelling how, bool isSecond)
    {
        if (how != Cancelling.AtDestination && !isSecond)
        {
            scene.CancelSource.Cancel();
        }

        if (how is Cancelling.AtDestination or Cancelling.OnBothSides || isSecond)
        {
            scene.CancelDestination.Cancel();
        }

        if (how == Cancelling.WhileCut)
        {
            scene.Edge.CutAtSource();
        }
    }

    private static void Hook(FailureScene scene, Action<string> step)
    {
        Func<Task> At(string what) => () =>
        {
            step(what);
            return Task.CompletedTask;
        };

        scene.Guest.Pausing = At("source pauses");
        scene.Guest.Saving = At("source saves");
        scene.Guest.Resuming = At("source resumes");
        scene.Tracer.Collecting = () => step("collect");
        scene.Tracer.Starting = () => step("tracing starts");
        scene.SourceStore.Reading = At("source reads");
        scene.SourceStore.Staging = At("source stages");
        scene.SourceStore.Creating = (_, create) =>
        {
            step("source creates");
            return create();
        };
        scene.DestinationStore.Reading = At("destination reads");
        scene.DestinationStore.Staging = At("destination stages");
        scene.DestinationStore.Marking = mark => At($"destination marks {mark}")();
        scene.Shadow = shadow =>
        {
            step("shadow is built");
            shadow.Loading = At("destination loads");
            shadow.Resuming = At("destination resumes");
        };
        scene.AfterRound = round =>
        {
            step($"round {round}");
            return null;
        };
        TimeSpan soon = TimeSpan.FromSeconds(5);
        scene.Source = scene.Source with { Logger = new SteppingLog("S", step), StartTimeout = soon, ResumeTimeout = soon, NetworkTimeout = soon };
        scene.Destination = scene.Destination with { Logger = new SteppingLog("D", step), StartTimeout = soon, NetworkTimeout = soon, ClaimTimeout = TimeSpan.FromSeconds(1) };
    }
}

/// <summary>Who cancels, and what happens at the same time.</summary>
public enum Cancelling
{
    AtSource,
    AtSourceThenDestination,
    AtDestination,
    OnBothSides,
    WhileCut,
}

internal sealed class SteppingLog(string side, Action<string> step) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        step(side + " logs " + formatter(state, exception));
}
