using PageEngine.Reporting;
using PageEngine.Tracing;
using PageEngine.Transport.Tests.Failures;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

// The pages that are dirty at the pause travel while the devices are saved; what saving writes follows them.
public class LastPassTests
{
    [Fact]
    public async Task The_pages_of_the_last_pass_arrive_while_the_devices_are_still_being_saved()
    {
        await using var scene = await Scene.StartAsync();
        scene.Guest.Pausing = () => scene.WriteAsync(page: 3, value: 0xa5);

        // Sent one after the other, this would wait for ever.
        scene.Guest.Saving = () => Eventually.HoldsAsync(() => scene.ArrivedAt(3) == 0xa5, "the page does not come while the state is saved");

        MigrationReport report = await scene.MoveAsync();

        Assert.Null(report.Failure);
        Assert.True(report.Memory?.Identical);
    }

    [Fact]
    public async Task What_saving_the_devices_writes_arrives_although_the_page_was_sent_before()
    {
        await using var scene = await Scene.StartAsync();
        scene.Guest.Pausing = () => scene.WriteAsync(page: 3, value: 0xa5);
        scene.Guest.Saving = async () =>
        {
            await Eventually.HoldsAsync(() => scene.ArrivedAt(3) == 0xa5, "the page does not come while the state is saved");
            await scene.WriteAsync(page: 3, value: 0x5a);
            await scene.WriteAsync(page: 5, value: 0x77);
        };

        MigrationReport report = await scene.MoveAsync();

        Assert.Null(report.Failure);
        Assert.True(report.Memory?.Identical);
        Assert.Equal((0x5a, 0x77), (scene.ArrivedAt(3), scene.ArrivedAt(5)));
        Assert.True(report.Switchover!.RemainingPages >= 3);
    }

    [Fact]
    public async Task A_guest_whose_devices_cannot_be_saved_runs_on_although_its_last_pages_have_left()
    {
        await using var scene = await Scene.StartAsync();
        scene.Guest.Pausing = () => scene.WriteAsync(page: 3, value: 0xa5);
        scene.Guest.Saving = async () =>
        {
            await Eventually.HoldsAsync(() => scene.ArrivedAt(3) == 0xa5, "the page does not come while the state is saved");
            throw new MigrationException(MigrationErrorKind.GuestFailed, "no state");
        };

        MigrationReport report = await scene.MoveAsync();

        Assert.Equal((MigrationErrorKind.GuestFailed, "no state"), (report.Failure?.Kind, report.Failure?.Message));
        Assert.True(scene.Runs);
    }

    private sealed class Scene : IAsyncDisposable
    {
        private readonly SocketEdge _edge = new();
        private readonly GuestAtHost _host;
        private EmbeddedGuest.VerifiableGuest? _copy;
        private bool _runs;

        private Scene(GuestAtHost host)
        {
            _host = host;
            Guest = new FaultyGuest(host.Guest)
            {
                Resuming = () =>
                {
                    _runs = true;
                    return Task.CompletedTask;
                },
            };
        }

        internal FaultyGuest Guest { get; }

        internal bool Runs => _runs;

        internal static async Task<Scene> StartAsync() => new(await GuestAtHost.StartAsync("idle", mebibytes: 4));

        // As a device would: past the guest's own program, seen by the tracer.
        internal Task WriteAsync(long page, byte value)
        {
            _host.Guest.Memory.Page(page)[100] = value;
            ((ExplicitWriteTracer)_host.Tracer).MarkDirty(page);
            return Task.CompletedTask;
        }

        internal int ArrivedAt(long page) => Volatile.Read(ref _copy!.Memory.Page(page)[100]);

        internal async Task<MigrationReport> MoveAsync()
        {
            var destination = new MigrationDestination(offer => _copy = MigrationTests.Build(offer));
            Task<DestinationResult> receiving = destination.ReceiveAsync(_edge);
            MigrationReport report = await new MigrationSource(Guest, _host.Tracer, new MigrationSourceOptions { Verify = true }).MigrateAsync(_edge);
            await receiving;
            return report;
        }

        public async ValueTask DisposeAsync()
        {
            _copy?.Dispose();
            _host.Dispose();
            await _edge.DisposeAsync();
        }
    }
}
