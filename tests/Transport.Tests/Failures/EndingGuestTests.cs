using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

/// <summary>A guest in a process of its own whose memory cannot be traced any more: because that process ends, or not.</summary>
public class EndingGuestTests
{
    private static readonly MigrationException _untraceable = new(MigrationErrorKind.TracingFailed, "The process cannot be traced.");

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Process_thatEndsAsItIsTraced_isTheReason_andNotItsTracing(bool inFirstRound)
    {
        await using FailureScene scene = await FailureScene.CreateAsync();
        var end = new TaskCompletionSource<MigrationException>(TaskCreationOptions.RunContinuationsAsynchronously);
        scene.Guest.End = end;
        void Fail()
        {
            // Seen after the tracer has met it.
            _ = Task.Delay(20).ContinueWith(_ => end.TrySetResult(new MigrationException(MigrationErrorKind.GuestLost, "The process ended.")), TaskScheduler.Default);
            throw _untraceable;
        }

        scene.Tracer.Starting = inFirstRound ? Fail : null;
        scene.Tracer.Collecting = Fail;
        await scene.RunAsync().WaitAsync(TimeSpan.FromMinutes(2));
        MigrationFailure failure = scene.Report.Failure!;
        Assert.Equal((MigrationErrorKind.GuestLost, GuestWhereabouts.Lost, DetectedBy.Guest), (failure.Kind, failure.Guest, failure.DetectedBy));
        Assert.Equal(MigrationErrorKind.GuestLost, scene.Result!.Report.Failure!.Kind);
    }

    [Fact]
    public async Task Process_thatGoesOn_isNotBlamed()
    {
        await using FailureScene scene = await FailureScene.CreateAsync();
        scene.Guest.End = new TaskCompletionSource<MigrationException>();
        scene.Tracer.Starting = () => throw _untraceable;
        await scene.RunAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal((MigrationErrorKind.TracingFailed, GuestWhereabouts.RunningAtSource), (scene.Report.Failure!.Kind, scene.Report.Failure.Guest));
        await scene.AssertRunsAsync(Runs.AtSource);
    }
}
