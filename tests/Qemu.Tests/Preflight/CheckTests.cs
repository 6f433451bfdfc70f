using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Preflight;
using PageEngine.Qemu.Ram;
using Xunit;

namespace PageEngine.Qemu.Tests.Preflight;

public class CheckTests
{
    private const long GiB = 1L << 30;

    private static readonly MachineDescription _machine = new()
    {
        Id = Guid.Parse("6d0c1b52-91e4-4f1b-8f0a-0c7a7a4c2f11"),
        Version = "7.2.22",
        MachineType = "pc-q35-7.2",
        UsesKvm = false,
        CpuModel = "qemu64-x86_64-cpu",
        CpuFeatures = ["cx16", "sse2"],
        Cpus = 2,
        Ram = [new RamDescription("ram", GiB)],
        Devices = [new DeviceDescription("net0", "virtio-net-pci", "52:54:00:00:00:01")],
        Disks = [new DiskDescription("disk0", "/images/a.qcow2", 10 * GiB, false)],
        Arguments = ["qemu-system-x86_64", "-m", "1G"],
    };

    private static readonly MachineState _running = new()
    {
        RunState = "running",
        MigrationState = "none",
        Blockers = [],
        Capabilities = ["x-ignore-shared", "late-block-activate", "events", "multifd"],
        NetworkBackends = [@"net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01", @" \ tap0: index=0,type=tap,ifname=tap0"],
        MemoryBytes = GiB,
    };

    private static readonly RamBackend[] _ram = [new("ram", GiB, true, "/dev/shm/vm")];

    [Fact]
    public void Machine_thatCanBeMoved_hasNoFinding() => Assert.Empty(SourceCheck.Judge(_machine, _running, _ram));

    [Fact]
    public void Machines_thatAreAlike_fit() => Assert.Empty(DestinationCheck.Compare(_machine, _machine));

    [Fact]
    public void Waiting_machine_withRoom_canTakeOne() =>
        Assert.Empty(DestinationCheck.Judge(_machine, _running with { RunState = "inmigrate" }, _ram, _ => GiB));

    public static TheoryData<string, string> SourceFaults => new()
    {
        { "paused", "does not run" },
        { "migrating", "is migrating this machine itself" },
        { "blocked", "QEMU itself refuses: The fish is wet." },
        { "old", "late-block-activate" },
        { "private", "is private to QEMU" },
        { "partly", "Only 1073741824 of the machine's 2147483648 bytes" },
        { "memfd", "has no file" },
        { "vhost-user", "'fs0' (vhost-user-fs-pci) writes the machine's memory from outside" },
        { "vfio", "'card' (vfio-pci) writes the machine's memory from outside" },
        { "vdpa", "network back end 'v0'" },
    };

    [Theory, MemberData(nameof(SourceFaults))]
    public void Fault_ofAMachine_isItsOneFinding_withARemedy(string fault, string says)
    {
        (MachineDescription machine, MachineState state, RamBackend[] ram) = fault switch
        {
            "paused" => (_machine, _running with { RunState = "paused" }, _ram),
            "migrating" => (_machine, _running with { MigrationState = "active" }, _ram),
            "blocked" => (_machine, _running with { Blockers = ["The fish is wet"] }, _ram),
            "old" => (_machine, _running with { Capabilities = ["events", "x-ignore-shared"] }, _ram),
            "private" => (_machine, _running, [_ram[0] with { IsShared = false }]),
            "partly" => (_machine, _running with { MemoryBytes = 2 * GiB }, _ram),
            "memfd" => (_machine with { Version = "8.2.0" }, _running, [_ram[0] with { Path = null }]),
            "vhost-user" => (_machine with { Devices = [new("fs0", "vhost-user-fs-pci", null)] }, _running, _ram),
            "vfio" => (_machine with { Devices = [new("card", "vfio-pci", null)] }, _running, _ram),
            _ => (_machine, _running with { NetworkBackends = [@" \ v0: index=0,type=vhost-vdpa,vhostdev=/dev/vhost-vdpa-0"] }, _ram),
        };
        Finding finding = Assert.Single(SourceCheck.Judge(machine, state, ram));
        Assert.Contains(says, finding.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Remedy);
    }

    public static TheoryData<string, string> Misfits => new()
    {
        { "type", "machine type is pc-q35-7.2 at the source and pc-i440fx-7.2 here" },
        { "version", "QEMU is 6.0.0 here and 7.2.22 at the source" },
        { "kvm", "emulates and this QEMU uses KVM" },
        { "cpus", "2 virtual CPUs and this QEMU 1" },
        { "features", "lack cx16" },
        { "model", "a qemu64-x86_64-cpu at the source and a other here" },
        { "ram", "ram with 1073741824 bytes at the source and ram with 1 bytes here" },
        { "missing", "'net0' is a virtio-net-pci at the source and missing here" },
        { "other", "'net0' is a virtio-net-pci at the source and a e1000 here" },
        { "mac", "52:54:00:00:00:01 at the source and 52:54:00:00:00:02 here" },
        { "extra", "'rng' (virtio-rng-pci) is here and not at the source" },
        { "no disk", "Disk 'disk0' (/images/a.qcow2) is missing here" },
        { "disk", "it is not the same image" },
        { "read-only", "writable at the source and read-only here" },
    };

    [Theory, MemberData(nameof(Misfits))]
    public void Misfit_ofTwoMachines_isItsOneFinding_withARemedy(string misfit, string says)
    {
        MachineDescription here = misfit switch
        {
            "type" => _machine with { MachineType = "pc-i440fx-7.2" },
            "version" => _machine with { Version = "6.0.0" },
            "kvm" => _machine with { UsesKvm = true },
            "cpus" => _machine with { Cpus = 1 },
            "features" => _machine with { CpuFeatures = ["sse2", "avx"] },
            "model" => _machine with { CpuModel = "other" },
            "ram" => _machine with { Ram = [new("ram", 1)] },
            "missing" => _machine with { Devices = [] },
            "other" => _machine with { Devices = [_machine.Devices[0] with { Type = "e1000" }] },
            "mac" => _machine with { Devices = [_machine.Devices[0] with { NetworkAddress = "52:54:00:00:00:02" }] },
            "extra" => _machine with { Devices = [.. _machine.Devices, new("rng", "virtio-rng-pci", null)] },
            "no disk" => _machine with { Disks = [] },
            "disk" => _machine with { Disks = [_machine.Disks[0] with { Bytes = GiB }] },
            _ => _machine with { Disks = [_machine.Disks[0] with { IsReadOnly = true }] },
        };
        Finding finding = Assert.Single(DestinationCheck.Compare(_machine, here));
        Assert.Contains(says, finding.Problem, StringComparison.Ordinal);
        Assert.NotEmpty(finding.Remedy);
    }

    [Fact]
    public void Newer_QEMU_andCaseOfAnAddress_fit() => Assert.Empty(DestinationCheck.Compare(
        _machine,
        _machine with { Version = "9.0.1", CpuFeatures = ["cx16", "sse2", "avx"], Devices = [_machine.Devices[0] with { NetworkAddress = "52:54:00:00:00:01".ToUpperInvariant() }] }));

    [Fact]
    public void Waiting_machine_hasEveryFindingAtOnce()
    {
        IReadOnlyList<Finding> findings = DestinationCheck.Judge(
            _machine, _running with { Capabilities = [] }, [_ram[0], new("more", GiB, false, null)], _ => GiB - 1);
        Assert.Equal(4, findings.Count);
        MigrationException refused = Finding.Refuse(findings);
        Assert.Equal(MigrationErrorKind.Refused, refused.Kind);
        Assert.All(findings, finding => Assert.Contains(finding.Remedy, refused.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Description_isReadBack()
    {
        MachineDescription read = MachineDescription.Decode(_machine.Encode());
        Assert.Equal(_machine.Encode().ToArray(), read.Encode().ToArray());
        Assert.Equal(_machine.Devices, read.Devices);
        Assert.Equal(_machine.Id, read.Id);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"format\":1,\"version\":null}")]
    public void Description_thatIsNone_isDamaged(string text) =>
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => MachineDescription.Decode(System.Text.Encoding.UTF8.GetBytes(text))).Kind);

    [Fact]
    public void Description_ofAnotherFormat_isSaid() =>
        Assert.Equal(MigrationErrorKind.VersionMismatch, Assert.Throws<MigrationException>(() => MachineDescription.Decode((_machine with { Format = 2 }).Encode())).Kind);
}
