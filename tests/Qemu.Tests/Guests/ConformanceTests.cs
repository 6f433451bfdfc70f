using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;
using PageEngine.Qemu.Tests.Machines;
using PageEngine.Simulation.Conformance;
using PageEngine.Tracing;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Qemu.Tests.Guests;

// A QEMU machine against the contract that every guest of the engine keeps.
public sealed class ConformanceTests(ITestOutputHelper output) : IDisposable
{
    private const int Megabytes = 32;
    private const long End = 16 << 20;

    private readonly TemporaryImage _image = new(End);
    private readonly List<QemuProcess> _processes = [];
    private readonly Dictionary<IGuest, (QemuMachine Machine, IReadOnlyList<RamMapping> Ram)> _machines = [];

    // These save a twin that was loaded and has not run, to compare it: QEMU 7.2 aborts then, and this guest refuses.
    private static readonly string[] _saveBeforeTheFirstRun = ["migration-is-identical", "migration-undone", "rehearse-has-no-effect", "state-round-trips"];

    public static TheoryData<string> Names => [.. GuestConformance.Checks.Select(check => check.Name).Except(_saveBeforeTheFirstRun)];

    [QemuTheory]
    [MemberData(nameof(Names))]
    public async Task Machine_keeps_the_contract_of_a_guest(string check)
    {
        var options = new GuestConformanceOptions
        {
            Cycles = 5,
            Trace = guest => Trace(guest),
            ProgressWithin = TimeSpan.FromSeconds(40),
        };
        ConformanceResult result = await GuestConformance.RunCheckAsync(check, () => Make(Guid.NewGuid(), QemuRole.Source), guest => Make(guest.Id, QemuRole.Destination), options);
        output.WriteLine(result.ToString());
        Assert.True(result.Status != ConformanceStatus.Failed, result.ToString());
    }

    [QemuFact]
    public async Task Machine_that_was_loaded_and_never_ran_is_not_saved()
    {
        QemuGuest guest = Make(Guid.NewGuid(), QemuRole.Destination);
        await using (guest)
        {
            MigrationException refused = await Assert.ThrowsAsync<MigrationException>(async () => await guest.SaveStateAsync(new DeviceStateWriter(), default));
            Assert.Equal(MigrationErrorKind.GuestFailed, refused.Kind);
            Assert.Equal("inmigrate", await _machines[guest].Machine.StatusAsync());
        }
    }

    public void Dispose()
    {
        foreach (QemuProcess process in _processes)
        {
            process.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        _image.Dispose();
    }

    private KernelWriteTracer Trace(IGuest guest)
    {
        (QemuMachine machine, IReadOnlyList<RamMapping> ram) = _machines[guest];
        return machine.TraceAsync(guest.Memory, ram).GetAwaiter().GetResult().Tracer;
    }

    private QemuGuest Make(Guid id, QemuRole role) => MakeAsync(id, role).GetAwaiter().GetResult();

    private async Task<QemuGuest> MakeAsync(Guid id, QemuRole role)
    {
        QemuProcess process = await QemuProcess.StartBootSectorAsync(Megabytes, _image.Path, role == QemuRole.Destination, role == QemuRole.Source ? ["-S"] : []);
        _processes.Add(process);
        QemuMachine machine = await process.ConnectAsync();
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        QemuGuest guest = new(id, machine, QemuMachine.MapMemory(ram), role, await MachineInspector.DescribeAsync(machine)) { OwnsMachine = true, QuitWhenUnused = true };
        _machines.Add(guest, (machine, ram));
        return guest;
    }
}
