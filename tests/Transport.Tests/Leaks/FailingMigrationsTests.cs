using System.Globalization;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Reporting;
using PageEngine.Transport.Tests.Failures;
using PageEngine.Transport.Tests.Sessions;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Transport.Tests.Leaks;

/// <summary>Two hundred migrations that fail, each in another way than the one before, over real sockets in one process.</summary>
[Collection(nameof(RunsAlone))]
public sealed class FailingMigrationsTests(ITestOutputHelper output)
{
    private const int Count = 200;
    private const int WarmUp = 34;
    private static readonly TimeSpan _never = TimeSpan.FromMinutes(2);

    private static readonly (string Name, Action<Attempt> Arrange)[] _ways =
    [
        ("refused", a => a.OnBuild = () => throw new MigrationException(MigrationErrorKind.Refused, "No room.")),
        ("cut while the shadow is built", a => a.OnBuild = a.Edge.CutAtSource),
        ("cut at the source after a round", a => a.AfterRound = a.Edge.CutAtSource),
        ("cut at the destination after a round", a => a.AfterRound = a.Edge.CutAtDestination),
        ("cancelled at the source", a => a.AfterRound = a.CancelSource.Cancel),
        ("cancelled at the destination", a => a.AfterRound = a.CancelDestination.Cancel),
        ("the guest does not pause", a => a.Guest.Pausing = Fail),
        ("the guest does not save", a => a.Guest.Saving = Fail),
        ("the guest does not load", a => a.OnShadow = shadow => shadow.Loading = Fail),
        ("cut while the guest loads", a => a.OnShadow = shadow => shadow.Loading = () => Do(a.Edge.CutAtDestination)),
        ("cut while the guest pauses", a => a.Guest.Pausing = () => Do(a.Edge.CutAtSource)),
        ("the policy gives up", a => a.Decision = DecisionKind.GiveUp),
        ("tracing fails", a => a.Tracer.Collecting = () => throw new InvalidOperationException("no trace")),
        ("the guards cannot be raised", a => a.Guards = () => throw new InvalidOperationException("no guard")),
        ("the store does not stage", a => a.SourceStore.Staging = Fail),
        ("nobody can be reached", a => a.Edge.BeforeConnect = _ => throw new MigrationException(MigrationErrorKind.ConnectionLost, "No route.")),
        ("cancelled while it is cut", a => a.Guest.Saving = () =>
        {
            a.CancelSource.Cancel();
            a.Edge.CutAtSource();
            return Task.CompletedTask;
        }),
    ];

    [Fact]
    public async Task Nothing_grows()
    {
        string directory = Directory.CreateTempSubdirectory("pageengine-leaks-").FullName;
        try
        {
            Usage before = default;
            for (int i = 0; i < Count; i++)
            {
                (string name, Action<Attempt> arrange) = _ways[i % _ways.Length];
                await using Attempt attempt = await Attempt.CreateAsync(directory);
                arrange(attempt);
                MigrationReport report = await attempt.RunAsync().WaitAsync(_never);
                Assert.True(report.Failure is not null, name);
                Assert.True(report.Failure.Guest == GuestWhereabouts.RunningAtSource, $"{name}: {report.Failure}");
                if (i == WarmUp - 1)
                {
                    before = await Usage.ReadAsync();
                }
            }

            Usage after = await Usage.ReadAsync();
            output.WriteLine($"after {WarmUp}: {before}\nafter {Count}: {after}");
            Assert.DoesNotContain(Directory.GetFiles(directory, "*", SearchOption.AllDirectories), f => !f.EndsWith(".lock", StringComparison.Ordinal));
            Assert.InRange(after.Descriptors, 0, before.Descriptors + 2);
            Assert.InRange(after.Userfaults, 0, before.Userfaults);
            Assert.InRange(after.Threads, 0, before.Threads + 6);
            Assert.InRange(after.Mappings, 0, before.Mappings + 40);
            Assert.InRange(after.HeapBytes, 0, before.HeapBytes + (1 << 20));
            Assert.InRange(after.ResidentBytes, 0, before.ResidentBytes + (48 << 20));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static Task Fail() => throw new InvalidOperationException("it fails, as the test wants it");

    private static Task Do(Action action)
    {
        action();
        return Task.CompletedTask;
    }

    /// <summary>One migration with its own guest, edge and record.</summary>
    private sealed class Attempt : IAsyncDisposable
    {
        private readonly GuestAtHost _host;
        private readonly string _directory;
        private readonly FileOwnershipStore _store;
        private readonly List<FaultyGuest> _shadows = [];

        private Attempt(GuestAtHost host, FileOwnershipStore store, string directory)
        {
            (_host, _store, _directory) = (host, store, directory);
            Guest = new FaultyGuest(host.Guest);
            Tracer = new FaultyTracer(host.Tracer);
            SourceStore = new FaultyStore(store, Guest.Id);
        }

        internal SocketEdge Edge { get; } = new();

        internal CancellationTokenSource CancelSource { get; } = new();

        internal CancellationTokenSource CancelDestination { get; } = new();

        internal FaultyGuest Guest { get; }

        internal FaultyTracer Tracer { get; }

        internal FaultyStore SourceStore { get; }

        internal Action OnBuild { get; set; } = static () => { };

        internal Action AfterRound { get; set; } = static () => { };

        internal Action Guards { get; set; } = static () => { };

        internal Action<FaultyGuest> OnShadow { get; set; } = static _ => { };

        internal DecisionKind Decision { get; set; } = DecisionKind.SwitchOver;

        internal static async Task<Attempt> CreateAsync(string directory)
        {
            string records = Directory.CreateDirectory(Path.Combine(directory, "records")).FullName;
            var store = FileOwnershipStore.Open(records);
            return new Attempt(await GuestAtHost.StartAsync("hot:1MiB@10MiB/s", mebibytes: 2, tracer: Tracing.WriteTracerKind.Auto, store: store), store, directory);
        }

        internal async Task<MigrationReport> RunAsync()
        {
            TimeSpan soon = TimeSpan.FromSeconds(10);
            Task<DestinationResult> receiving = new MigrationDestination(Build, new MigrationDestinationOptions
            {
                OwnershipStore = _store,
                JournalDirectory = Directory.CreateDirectory(Path.Combine(_directory, "destination")).FullName,
                StartTimeout = soon,
                NetworkTimeout = soon,
                ClaimTimeout = TimeSpan.FromSeconds(5),
                RaiseGuards = (_, _, _) =>
                {
                    Guards();
                    return ValueTask.CompletedTask;
                },
            }).ReceiveAsync(Edge, CancelDestination.Token);
            MigrationReport report = await new MigrationSource(Guest, Tracer, new MigrationSourceOptions
            {
                Ownership = _host.Ownership! with { Store = SourceStore },
                JournalDirectory = Directory.CreateDirectory(Path.Combine(_directory, "source")).FullName,
                Streams = 2,
                StartTimeout = soon,
                NetworkTimeout = soon,
                ResumeTimeout = TimeSpan.FromSeconds(4),
                Policy = new ScriptedPolicy(_ =>
                {
                    AfterRound();
                    return new MigrationDecision(Decision, "as the test wants it");
                }),
            }).MigrateAsync(Edge, CancelSource.Token);
            if (Edge.BeforeConnect is not null)
            {
                await CancelDestination.CancelAsync();
            }

            DestinationResult result = await receiving;
            Assert.Null(result.Guest);
            await GuestAtHost.AssertRunsAndIsConsistentAsync(Guest.Inner);
            return report;
        }

        public async ValueTask DisposeAsync()
        {
            Assert.All(_shadows, s => Assert.True(s.Memory.Regions[0].IsDisposed));
            await _store.RemoveGuestAsync(Guest.Id, default);
            _host.Dispose();
            _host.Guest.Memory.Dispose();
            await Edge.DisposeAsync();
            CancelSource.Dispose();
            CancelDestination.Dispose();
        }

        private FaultyGuest Build(GuestOffer offer)
        {
            OnBuild();
            var guest = new FaultyGuest(MigrationTests.Build(offer));
            _shadows.Add(guest);
            OnShadow(guest);
            return guest;
        }
    }

    /// <summary>What this process holds.</summary>
    private readonly record struct Usage(int Descriptors, int Userfaults, int Threads, int Mappings, long HeapBytes, long ResidentBytes)
    {
        internal static async Task<Usage> ReadAsync()
        {
            // Pool threads that are left over go home by themselves; what a migration leaves behind does not.
            await Task.Delay(500);
            for (int i = 0; i < 3; i++)
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
                GC.WaitForPendingFinalizers();
            }

            string[] links = [.. Directory.GetFiles("/proc/self/fd").Select(f => new FileInfo(f).LinkTarget ?? "")];
            return new Usage(
                links.Length,
                links.Count(l => l.Contains("userfaultfd", StringComparison.Ordinal)),
                Directory.GetDirectories("/proc/self/task").Length,
                File.ReadLines("/proc/self/maps").Count(),
                GC.GetTotalMemory(forceFullCollection: true),
                long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize);
        }
    }
}
