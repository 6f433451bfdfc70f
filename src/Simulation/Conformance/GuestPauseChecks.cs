using PageEngine.Devices;
using PageEngine.Guests;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of stopping and going on.

internal static class GuestPauseChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<GuestBench>.Entry[] All =>
    [
        new("resume-runs", "A guest runs after its first resume and after each later one.", ResumeRunsAsync),
        new("pause-is-complete", "When a pause completes nothing runs and no write is outstanding: memory and state stand still.", PauseAsync),
        new("pause-when-paused", "Pausing is harmless when already paused, also before the first resume; one resume then suffices.", PauseTwiceAsync),
        new("cycles-on-any-thread", "The guest bears many pauses and resumes, one at a time, each from another thread.", CyclesAsync),
        new("resume-higher-epoch", "A paused guest can be resumed under a higher epoch.", HigherEpochAsync),
        new("cancelled-calls", "A call whose token is cancelled ends or throws OperationCanceledException; the guest can be paused, saved and resumed after it.", CancelledAsync),
    ];

    private static async Task<string> ResumeRunsAsync(GuestBench bench)
    {
        bench.NeedsWrites();
        IGuest guest = bench.Create();
        await bench.StandsStillAsync(guest, "Before the first resume").ConfigureAwait(false);
        for (int i = 1; i <= 4; i++)
        {
            await guest.ResumeAsync(1, _none).ConfigureAwait(false);
            await bench.ProgressesAsync(guest, $"After resume {i}").ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
        }

        bench.Inspect(guest, "After four resumes");
        return "It ran after each of four resumes.";
    }

    private static async Task<string> PauseAsync(GuestBench bench)
    {
        var random = new Random(bench.Options.Seed);
        IGuest guest = bench.Create();
        for (int i = 1; i <= bench.Options.Cycles; i++)
        {
            await guest.ResumeAsync(1, _none).ConfigureAwait(false);
            if (i % 3 == 0)
            {
                await bench.ProgressesAsync(guest, $"After resume {i}").ConfigureAwait(false);
            }

            Thread.SpinWait(random.Next(20_000));
            await guest.PauseAsync(_none).ConfigureAwait(false);
            await bench.StandsStillAsync(guest, $"After pause {i}").ConfigureAwait(false);
        }

        StateSample state = await bench.SampleAsync(guest).ConfigureAwait(false);
        await bench.StandsStillAsync(guest, "After two saves").ConfigureAwait(false);
        RequireNone(state.Difference(await GuestBench.SaveAsync(guest).ConfigureAwait(false)), "The state of a paused guest does not stand still");
        bench.Inspect(guest, "After the last pause");
        return $"Memory stood still after {bench.Options.Cycles} pauses, for {bench.Options.StillFor.TotalMilliseconds:0} ms each.";
    }

    private static async Task<string> PauseTwiceAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        await guest.PauseAsync(_none).ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        await bench.StandsStillAsync(guest, "Paused before the first resume").ConfigureAwait(false);
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(guest, "After pauses and the first resume").ConfigureAwait(false);
        for (int i = 0; i < 3; i++)
        {
            await guest.PauseAsync(_none).ConfigureAwait(false);
        }

        await bench.StandsStillAsync(guest, "After three pauses in a row").ConfigureAwait(false);
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(guest, "After three pauses and one resume").ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After repeated pauses");
        return "Pauses too many did nothing.";
    }

    private static async Task<string> CyclesAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        for (int i = 1; i <= 4 * bench.Options.Cycles; i++)
        {
            await OnOwnThreadAsync(() => guest.ResumeAsync(1, _none)).ConfigureAwait(false);
            if (i % 10 == 0)
            {
                await bench.ProgressesAsync(guest, $"After resume {i}").ConfigureAwait(false);
            }

            await OnOwnThreadAsync(() => guest.PauseAsync(_none)).ConfigureAwait(false);
            if (i % 10 == 5)
            {
                await OnOwnThreadAsync(() => guest.SaveStateAsync(new DeviceStateWriter(), _none)).ConfigureAwait(false);
                await bench.StandsStillAsync(guest, $"After pause {i}", TimeSpan.Zero).ConfigureAwait(false);
            }
        }

        await bench.StandsStillAsync(guest, "After the last pause").ConfigureAwait(false);
        bench.Inspect(guest, "After the last pause");
        return $"{4 * bench.Options.Cycles} times resumed and paused, on as many threads.";
    }

    private static async Task<string> HigherEpochAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        foreach (ulong epoch in (ulong[])[1, 2, 3, 1000, ulong.MaxValue])
        {
            await guest.ResumeAsync(epoch, _none).ConfigureAwait(false);
            await bench.ProgressesAsync(guest, $"After the resume under epoch {epoch}").ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
        }

        bench.Inspect(guest, "After five epochs");
        return "It ran under epochs 1, 2, 3, 1000 and the highest there is.";
    }

    private static async Task<string> CancelledAsync(GuestBench bench)
    {
        var random = new Random(bench.Options.Seed);
        IGuest guest = await bench.RunningAsync().ConfigureAwait(false);
        int cancelled = 0;
        for (int i = 0; i < bench.Options.Cycles; i++)
        {
            using var source = i % 2 == 0
                ? new CancellationTokenSource(TimeSpan.FromMicroseconds(random.Next(500)), TimeProvider.System)
                : new CancellationTokenSource();
            if (i % 2 != 0)
            {
                await source.CancelAsync().ConfigureAwait(false);
            }

            await CallAsync(() => guest.PauseAsync(source.Token)).ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
            await bench.StandsStillAsync(guest, "After a cancelled pause and one that was not", TimeSpan.Zero).ConfigureAwait(false);
            await CallAsync(() => guest.SaveStateAsync(new DeviceStateWriter(), source.Token)).ConfigureAwait(false);
            await GuestBench.SaveAsync(guest).ConfigureAwait(false);
            await CallAsync(() => guest.ResumeAsync(1, source.Token)).ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
            await bench.StandsStillAsync(guest, "After a cancelled resume and a pause", TimeSpan.Zero).ConfigureAwait(false);
            await guest.ResumeAsync(1, _none).ConfigureAwait(false);
            if (i % 5 == 0)
            {
                await bench.ProgressesAsync(guest, "After cancelled calls and a resume").ConfigureAwait(false);
            }
        }

        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After cancelled calls");
        return $"{3 * bench.Options.Cycles} calls with a cancelled token, {cancelled} of them threw: the guest went on each time.";

        async Task CallAsync(Func<ValueTask> call)
        {
            try
            {
                await call().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                cancelled++;
            }
        }
    }

    private static Task OnOwnThreadAsync(Func<ValueTask> call) => Task.Factory.StartNew(
        () => call().AsTask().GetAwaiter().GetResult(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
