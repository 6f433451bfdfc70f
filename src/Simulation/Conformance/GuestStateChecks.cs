using PageEngine.Devices;
using PageEngine.Guests;
using static PageEngine.Simulation.Conformance.CheckVerdict;

namespace PageEngine.Simulation.Conformance;

// Owns: the checks of saving and loading.

internal static class GuestStateChecks
{
    private static readonly CancellationToken _none = CancellationToken.None;

    internal static CheckSuite<GuestBench>.Entry[] All =>
    [
        new("save-leaves-paused", "Saving leaves the guest paused, can be repeated, and the guest runs on after it.", SaveAsync),
        new("save-writes-are-traced", "What saving writes into guest memory is reported by the tracer.", SaveTracedAsync),
        new("state-round-trips", "A twin that loaded a state saves the same state.", RoundTripAsync),
        new("load-runs-nothing", "Loading lets nothing run: memory stands still until the resume.", LoadStillAsync),
        new("load-refuses-missing", "A state that lacks a section is refused with MigrationException (DataDamaged).", MissingAsync),
        new("load-refuses-newer", "A section of a version that the guest does not know is refused with MigrationException (VersionMismatch).", NewerAsync),
        new("load-refuses-damaged", "A section that is cut off or empty is refused with MigrationException (DataDamaged).", DamagedAsync),
    ];

    private static async Task<string> SaveAsync(GuestBench bench)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        for (int i = 1; i <= 5; i++)
        {
            StateSample state = await bench.SampleAsync(guest).ConfigureAwait(false);
            await bench.StandsStillAsync(guest, $"After save {2 * i}").ConfigureAwait(false);
            DeviceState again = await GuestBench.SaveAsync(guest).ConfigureAwait(false);
            RequireNone(state.Difference(again), "Saving changed the state");
            await guest.ResumeAsync(1, _none).ConfigureAwait(false);
            await bench.ProgressesAsync(guest, "Resumed after saves").ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
        }

        bench.Inspect(guest, "After saves");
        return "15 saves; the guest stayed paused after each and ran on when resumed.";
    }

    private static async Task<string> SaveTracedAsync(GuestBench bench)
    {
        IGuest guest = bench.Create();
        using var dirty = new Bitmaps.DirtyBitmap(guest.Memory.PageCount);
        Tracing.IWriteTracer tracer = bench.Trace(guest);
        tracer.Start();
        long written = 0;
        for (int i = 0; i < 5; i++)
        {
            await guest.ResumeAsync(1, _none).ConfigureAwait(false);
            await bench.ProgressesAsync(guest, "Under a tracer").ConfigureAwait(false);
            await guest.PauseAsync(_none).ConfigureAwait(false);
            tracer.Collect(dirty);
            dirty.Clear();
            using var before = new GuestMemoryCopy(guest.Memory);
            await GuestBench.SaveAsync(guest).ConfigureAwait(false);
            tracer.Collect(dirty);
            for (long page = 0; page < guest.Memory.PageCount; page++)
            {
                bool changed = before.Differs(guest.Memory, page);
                written += changed ? 1 : 0;
                Require(dirty.IsSet(page) || !changed, $"Saving changed page {page}, and the tracer did not report it: the destination would never see it.");
            }
        }

        return $"Five saves wrote {written} pages, all of them reported.";
    }

    private static async Task<string> RoundTripAsync(GuestBench bench)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        StateSample saved = await bench.SampleAsync(guest).ConfigureAwait(false);
        IGuest twin = bench.CreateTwin(guest);
        GuestBench.CopyMemory(guest, twin);
        await twin.LoadStateAsync(saved.Newest, _none).ConfigureAwait(false);
        DeviceState again = await GuestBench.SaveAsync(twin).ConfigureAwait(false);
        RequireNone(saved.Difference(again), "The state did not survive a save, a load and a save");
        IGuest third = bench.CreateTwin(twin);
        GuestBench.CopyMemory(twin, third);
        await third.LoadStateAsync(again, _none).ConfigureAwait(false);
        RequireNone(saved.Difference(await GuestBench.SaveAsync(third).ConfigureAwait(false)), "The state did not survive a second load and save");
        bench.Inspect(third, "After two loads");
        return $"{again.Sections.Count} sections, {again.Sections.Sum(section => section.Payload.Length)} bytes, the same after two loads.";
    }

    private static async Task<string> LoadStillAsync(GuestBench bench)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        IGuest twin = bench.CreateTwin(guest);
        await bench.StandsStillAsync(twin, "A twin before its load").ConfigureAwait(false);
        DeviceState state = await GuestBench.SaveAsync(guest).ConfigureAwait(false);
        GuestBench.CopyMemory(guest, twin);
        await twin.LoadStateAsync(state, _none).ConfigureAwait(false);
        await bench.StandsStillAsync(twin, "A twin after its load", 3 * bench.Options.StillFor).ConfigureAwait(false);
        await twin.ResumeAsync(2, _none).ConfigureAwait(false);
        await bench.ProgressesAsync(twin, "A twin after its resume").ConfigureAwait(false);
        return "The twin stood still until it was resumed.";
    }

    private static Task<string> MissingAsync(GuestBench bench) => RefusesAsync(
        bench,
        MigrationErrorKind.DataDamaged,
        static sections => sections.Select((section, i) => ($"without section '{section.Kind}' {section.Instance}", sections.Where((_, j) => j != i))));

    private static Task<string> NewerAsync(GuestBench bench) => RefusesAsync(
        bench,
        MigrationErrorKind.VersionMismatch,
        static sections => sections.Select((section, i) => (
            $"with section '{section.Kind}' {section.Instance} of version {ushort.MaxValue}",
            sections.Select((other, j) => j == i ? other with { Version = ushort.MaxValue } : other))));

    private static Task<string> DamagedAsync(GuestBench bench) => RefusesAsync(
        bench,
        MigrationErrorKind.DataDamaged,
        static sections => sections.SelectMany((section, i) => ((int[])[0, section.Payload.Length / 2, section.Payload.Length - 1])
            .Where(length => length >= 0 && length < section.Payload.Length)
            .Distinct()
            .Select(length => (
                $"with section '{section.Kind}' {section.Instance} cut to {length} of {section.Payload.Length} bytes",
                sections.Select((other, j) => j == i ? other with { Payload = other.Payload[..length] } : other)))));

    private static async Task<string> RefusesAsync(
        GuestBench bench,
        MigrationErrorKind kind,
        Func<IReadOnlyList<DeviceStateSection>, IEnumerable<(string How, IEnumerable<DeviceStateSection> Sections)>> spoil)
    {
        IGuest guest = await bench.PausedAsync().ConfigureAwait(false);
        DeviceState state = await GuestBench.SaveAsync(guest).ConfigureAwait(false);
        int refused = 0;
        foreach ((string how, IEnumerable<DeviceStateSection> sections) in spoil(state.Sections))
        {
            // One at a time: a twin that took a bad state is not asked to take another.
            IGuest twin = bench.CreateTwin(guest);
            GuestBench.CopyMemory(guest, twin);
            try
            {
                await twin.LoadStateAsync(new DeviceState(sections), _none).ConfigureAwait(false);
                Fail($"A state {how} was taken.");
            }
            catch (MigrationException e)
            {
                RequireEqual(kind, e.Kind, $"The kind of the refusal of a state {how} (\"{e.Message}\")");
                refused++;
            }

            await bench.StandsStillAsync(twin, $"After the refusal of a state {how}", TimeSpan.Zero).ConfigureAwait(false);
        }

        if (refused == 0)
        {
            Skip("The guest saves no section, or none with bytes.");
        }

        return $"{refused} spoilt states were refused.";
    }
}
