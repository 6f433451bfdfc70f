using PageEngine.Transport.Tests.Sessions;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Transport.Tests.Failures;

/// <summary>Failing migrations, one after the other in one process, leave nothing behind.</summary>
[Collection(nameof(RunsAlone))]
public class LeakTests(ITestOutputHelper output)
{
    private const int WarmUp = 40;
    private const int Migrations = 200;

    [Fact]
    public async Task Two_hundred_failing_migrations_leave_nothing_behind()
    {
        // Those that wait for timers would make this long and end on the same paths.
        FailureRow[] rows = [.. FailureRows.All.Where(row => !row.Name.Contains("does not get", StringComparison.Ordinal)
            && !row.Name.Contains("silent", StringComparison.Ordinal) && !row.Name.Contains("for good", StringComparison.Ordinal)
            && !row.Name.Contains("does not answer", StringComparison.Ordinal) && row.Runs != Runs.Nobody)];
        await RunAsync(rows, WarmUp);
        Usage before = Usage.Now();
        await RunAsync(rows, Migrations);

        // The pool's own threads come and go; what a migration leaves behind would be one for each.
        Usage after = before;
        await Eventually.HoldsAsync(
            () =>
            {
                after = Usage.Now();
                return after.Descriptors <= before.Descriptors + 2 && after.Threads <= before.Threads + 6
                    && after.Mappings <= before.Mappings + 60 && after.HeapBytes <= before.HeapBytes + (4 << 20) && after.ResidentBytes <= before.ResidentBytes + (64 << 20);
            },
            $"{Migrations} failing migrations went from {before} to {after}");
        output.WriteLine($"before {before}");
        output.WriteLine($"after  {after}");
    }

    private static async Task RunAsync(FailureRow[] rows, int count)
    {
        for (int i = 0; i < count; i++)
        {
            FailureRow row = rows[i % rows.Length];
            await using FailureScene scene = await FailureScene.CreateAsync();
            row.Arrange(scene);
            await scene.RunAsync().WaitAsync(TimeSpan.FromMinutes(2));
            await scene.AssertRunsAsync(row.Runs);
        }
    }

    private sealed record Usage(int Descriptors, int Threads, int Mappings, long HeapBytes, long ResidentBytes)
    {
        internal static Usage Now()
        {
            long heap = GC.GetTotalMemory(forceFullCollection: true);
            GC.WaitForPendingFinalizers();
            string resident = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
            return new Usage(
                Directory.GetFiles("/proc/self/fd").Length,
                Directory.GetDirectories("/proc/self/task").Length,
                File.ReadLines("/proc/self/maps").Count(),
                heap,
                long.Parse(resident.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture) << 10);
        }
    }
}
