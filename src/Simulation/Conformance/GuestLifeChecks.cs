using PageEngine.Guests;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of what a guest is, of its end, of rehearsing and of throttling.

internal static class GuestLifeChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<GuestBench>.Entry[] All =>
    [
        new("identity", "The id is the same for the guest and its twin and is not empty; memory is one object of one layout.", IdentityAsync),
        new("description", "The description names a kind, stays the same, and its configuration is within the limit.", DescriptionAsync),
        new("power-off-is-final", "After a power-off, paused or never resumed, nothing runs, not after a resume either; the memory stays as it was.", PowerOffAsync),
        new("power-off-again", "A second power-off is harmless.", PowerOffAgainAsync),
        new("rehearse-has-no-effect", "A rehearsal changes no memory and no state, lets nothing run, and stops nothing that runs.", RehearseAsync),
        new("throttle", "A guest that takes a throttle runs slower under it, can be paused under it, and runs again without it; one that refuses goes on refusing.", ThrottleAsync),
    ];

    private static async Task<string> IdentityAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        IGuest twin = bench.CreateTwin(guest);
        Require(guest.Id != Guid.Empty, "The id is empty.");
        RequireEqual(guest.Id, twin.Id, "The twin's id");
        RequireEqual(guest.Memory.Layout, twin.Memory.Layout, "The twin's layout");
        Require(!ReferenceEquals(guest.Memory, twin.Memory), "The guest and its twin share one memory.");
        (Guid id, Memory.GuestMemory memory) = (guest.Id, guest.Memory);
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        await GuestBench.SaveAsync(guest).ConfigureAwait(false);
        Require(guest.Id == id && ReferenceEquals(guest.Memory, memory), "The id or the memory object changed while the guest ran.");
        return $"{id}, {memory.Layout.PageCount} pages.";
    }

    private static async Task<string> DescriptionAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        GuestDescription first = guest.Describe();
        Require(first is not null && !string.IsNullOrWhiteSpace(first.Kind), "The description names no kind.");
        Require(first.Configuration.Length <= GuestDescription.MaxConfigurationBytes, $"The configuration has {first.Configuration.Length} bytes; at most {GuestDescription.MaxConfigurationBytes} are allowed.");
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(guest, "After the first resume").ConfigureAwait(false);
        GuestDescription second = guest.Describe();
        await guest.PauseAsync(_none).ConfigureAwait(false);
        Require(first.Kind == second.Kind && first.Configuration.Span.SequenceEqual(second.Configuration.Span), "The description changed while the guest ran.");
        return $"\"{first.Kind}\", {first.Configuration.Length} bytes.";
    }

    private static async Task<string> PowerOffAsync(GuestBench bench)
    {
        IGuest ran = await bench.PausedAsync().ConfigureAwait(false);
        IGuest never = bench.CreateTwin(ran);
        foreach ((IGuest guest, string which) in ((IGuest, string)[])[(ran, "A guest that ran"), (never, "A copy that never ran")])
        {
            using var before = new GuestMemoryCopy(guest.Memory);
            await guest.PowerOffAsync(_none).ConfigureAwait(false);
            await bench.StandsStillAsync(guest, $"{which}, powered off").ConfigureAwait(false);
            try
            {
                await guest.ResumeAsync(2, _none).ConfigureAwait(false);
            }
            catch (Exception e) when (e is MigrationException or InvalidOperationException)
            {
                // A refusal is as good as doing nothing.
            }

            await bench.StandsStillAsync(guest, $"{which}, powered off and then resumed", 3 * bench.Options.StillFor).ConfigureAwait(false);
            Require(before.FirstDifference(guest.Memory) is not { } page, $"{which}: page {before.FirstDifference(guest.Memory)} changed by the power-off.");
        }

        return "Two guests were ended and stayed so; their memory can be read.";
    }

    private static async Task<string> PowerOffAgainAsync(GuestBench bench)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        await guest.PowerOffAsync(_none).ConfigureAwait(false);
        await guest.PowerOffAsync(_none).ConfigureAwait(false);
        return "Powered off twice.";
    }

    private static async Task<string> RehearseAsync(GuestBench bench)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        StateSample state = await bench.SampleAsync(guest).ConfigureAwait(false);
        using var before = new GuestMemoryCopy(guest.Memory);
        await guest.RehearseAsync(_none).ConfigureAwait(false);
        await guest.RehearseAsync(_none).ConfigureAwait(false);
        await bench.StandsStillAsync(guest, "A paused guest after rehearsals").ConfigureAwait(false);
        Require(before.FirstDifference(guest.Memory) is not { } page, $"Rehearsing changed page {before.FirstDifference(guest.Memory)} of a paused guest.");
        RequireNone(state.Difference(await GuestBench.SaveAsync(guest).ConfigureAwait(false)), "Rehearsing changed the state");

        IGuest twin = bench.CreateTwin(guest);
        using var empty = new GuestMemoryCopy(twin.Memory);
        await twin.RehearseAsync(_none).ConfigureAwait(false);
        await bench.StandsStillAsync(twin, "A twin after its rehearsal").ConfigureAwait(false);
        Require(empty.FirstDifference(twin.Memory) is null, $"Rehearsing changed page {empty.FirstDifference(twin.Memory)} of a twin that nothing was loaded into.");
        GuestBench.CopyMemory(guest, twin);
        await twin.LoadStateAsync(state.Newest, _none).ConfigureAwait(false);
        RequireNone(state.Difference(await GuestBench.SaveAsync(twin).ConfigureAwait(false)), "A twin that rehearsed does not take the state over");

        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await guest.RehearseAsync(_none).ConfigureAwait(false);
        await bench.ProgressesAsync(guest, "A running guest after its rehearsal").ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After rehearsals");
        return "Four rehearsals, of a paused, an empty and a running guest, had no effect.";
    }

    private static async Task<string> ThrottleAsync(GuestBench bench)
    {
        IGuest guest = await bench.RunningAsync().ConfigureAwait(false);
        bool taken = guest.TryThrottle(0);
        RequireEqual(taken, guest.TryThrottle(0.5), "What TryThrottle answers the second time");
        RequireEqual(taken, guest.TryThrottle(1), "What TryThrottle answers the third time");
        RequireEqual(taken, guest.TryThrottle(0), "What TryThrottle answers the fourth time");
        await bench.ProgressesAsync(guest, "Without a throttle").ConfigureAwait(false);
        if (!taken)
        {
            return "It cannot be throttled, and says so each time.";
        }

        bench.NeedsWrites();

        // In turns, so that whatever else runs on this machine slows both alike.
        long full = 0;
        long slowed = 0;
        for (int i = 0; i < 8; i++)
        {
            guest.TryThrottle(0);
            full += await PagesChangedAsync(bench, guest).ConfigureAwait(false);
            guest.TryThrottle(1);
            slowed += await PagesChangedAsync(bench, guest).ConfigureAwait(false);
        }

        Require(slowed < 0.75 * full, $"With all of its time taken away the guest changed {slowed} pages, without a throttle {full}: it takes throttles and is not slowed.");
        await guest.PauseAsync(_none).ConfigureAwait(false);
        await bench.StandsStillAsync(guest, "Paused under a throttle of 1").ConfigureAwait(false);
        guest.TryThrottle(0);
        await guest.ResumeAsync(1, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(guest, "After the throttle was taken back").ConfigureAwait(false);
        await guest.PauseAsync(_none).ConfigureAwait(false);
        bench.Inspect(guest, "After throttling");
        return $"{full} pages changed without a throttle, {slowed} with all time taken away.";
    }

    private static async Task<long> PagesChangedAsync(GuestBench bench, IGuest guest)
    {
        // The throttle just set may take a moment to act.
        await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System).ConfigureAwait(false);
        using var before = new GuestMemoryCopy(guest.Memory);
        await Task.Delay(bench.Options.StillFor, TimeProvider.System).ConfigureAwait(false);
        return before.CountDifferences(guest.Memory);
    }
}
