using PageEngine.Qemu.Launch;
using PageEngine.Qemu.Preflight;
using Xunit;

namespace PageEngine.Qemu.Tests.Launch;

public class LaunchPlanTests
{
    private const string Monitor = "/run/new,vm.qmp";

    private static readonly string[] _ending = ["-qmp", "unix:/run/new,,vm.qmp,server=on,wait=off", "-incoming", "defer", "-S", "-daemonize"];

    [Fact]
    public void Names_of_the_source_become_those_of_this_host_and_the_rest_stays()
    {
        LaunchPlan plan = Plan(
            ["/dev/shm/old=/dev/shm/new", "/srv/images=/mnt/images/", "tap0=tap7", "/run/vm=/run/vm2"],
            "/usr/bin/qemu-system-x86_64", "-machine", "q35,memory-backend=ram", "-m", "1G", "-nodefaults",
            "-object", "memory-backend-file,id=ram,size=1G,mem-path=/dev/shm/old,share=on",
            "-drive", "if=none,id=a,file=/srv/images/dir/a,,b.raw,format=raw", "-netdev", "tap,id=n,ifname=tap0,script=no,downscript=no",
            "-serial", "unix:/run/vm/serial,server=on,wait=off", "--display", "none", "-append", "root=/dev/vda console=ttyS0",
            "-qmp", "unix:/run/vm/qmp,server=on,wait=off", "-incoming", "defer", "-S", "-daemonize", "-pidfile", "/anywhere");
        Assert.Equal("qemu-system-x86_64", plan.Program);
        Assert.Equal(
            [
                "-machine", "q35,memory-backend=ram", "-m", "1G", "-nodefaults",
                "-object", "memory-backend-file,id=ram,size=1G,mem-path=/dev/shm/new,share=on",
                "-drive", "if=none,id=a,file=/mnt/images/dir/a,,b.raw,format=raw", "-netdev", "tap,id=n,ifname=tap7,script=no,downscript=no",
                "-serial", "unix:/run/vm2/serial,server=on,wait=off", "--display", "none", "-append", "root=/dev/vda console=ttyS0",
                .. _ending,
            ],
            plan.Arguments);
        Assert.Equal(["/dev/shm/new"], plan.MemoryFiles);
    }

    [Fact]
    public void JSON_is_mapped_wherever_a_name_stands_in_it()
    {
        LaunchPlan plan = Plan(
            ["/srv=/mnt"], "kvm", "-blockdev", """{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"/srv/d.qcow2"},"size":7}""");
        Assert.Equal("""{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"/mnt/d.qcow2"},"size":7}""", plan.Arguments[1]);
    }

    [Theory]
    [InlineData("-drive", "file=/etc/shadow,format=raw", "/etc/shadow")]
    [InlineData("-drive", "file=/srv/images/../../etc/shadow", "/srv/images/../../etc/shadow")]
    [InlineData("-drive", "file=/srv/images2/a", "/srv/images2/a")]
    [InlineData("-drive", "file=disk.raw", "relative")]
    [InlineData("-drive", "file.filename=disk.raw", "relative")]
    [InlineData("-drive", "file=host_device:/dev/sda", "/dev/sda")]
    [InlineData("-drive", "file=json:{}", "would run a command")]
    [InlineData("-drive", "file=file:///etc/shadow", "relative")]
    [InlineData("-blockdev", """{"driver":"file","filename":"/etc/shadow"}""", "/etc/shadow")]
    [InlineData("-blockdev", """{"driver":""", "no JSON")]
    [InlineData("-kernel", "/boot/vmlinuz", "/boot/vmlinuz")]
    [InlineData("-chardev", "socket,id=c,path=/run/c", "/run/c")]
    [InlineData("-chardev", "socket,id=c,fd=7", "handed to the source")]
    [InlineData("-netdev", "tap,id=n,script=/tmp/evil", "/tmp/evil")]
    [InlineData("-netdev", "tap,id=n,fd=25", "handed to the source")]
    [InlineData("-netdev", "user,id=n,guestfwd=tcp:10.0.2.1:1-cmd:id", "would run a command")]
    [InlineData("-serial", "stdio", "terminal")]
    [InlineData("-serial", "mon:stdio", "terminal")]
    [InlineData("-serial", "file:/var/log/x", "/var/log/x")]
    [InlineData("-readconfig", "/etc/q.cfg", "'-readconfig'")]
    [InlineData("-plugin", "/tmp/evil.so", "'-plugin'")]
    [InlineData("disk.img", "", "'disk.img'")]
    [InlineData("-nographic", "", "'-nographic'")]
    public void What_no_pair_covers_is_refused_by_name(string option, string value, string named)
    {
        IReadOnlyList<Finding> findings = Findings(["/srv/images=/mnt/images"], value.Length > 0 ? ["qemu-system-x86_64", option, value] : ["qemu-system-x86_64", option]);
        Assert.Contains(named, Assert.Single(findings).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void All_findings_come_at_once()
    {
        Assert.Equal(4, Findings([], ["/tmp/evil", "-kernel", "/k", "-initrd", "/i", "-readconfig", "x"]).Count);
        Assert.Single(Findings([], []));
        Assert.Contains("ends after '-kernel'", Assert.Single(Findings([], ["kvm", "-kernel"])).Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nbd://host/disk")]
    [InlineData("rbd:pool/disk")]
    public void Images_on_the_network_name_nothing_of_this_host(string image) =>
        Assert.Equal($"file={image}", Plan([], "kvm", "-drive", $"file={image}").Arguments[1]);

    [Fact]
    public void Longest_name_decides_and_a_root_covers_everything()
    {
        string[] pairs = ["/=/all", "/srv=/mnt", "/srv/a/=/a"];
        Assert.Equal(
            ["-kernel", "/all/k", "-initrd", "/mnt/i", "-bios", "/a/b", "-dtb", "/all/srv2"],
            Plan(pairs, "kvm", "-kernel", "/k", "-initrd", "/srv/i", "-bios", "/srv/a/b", "-dtb", "/srv2").Arguments.Take(8));
    }

    private static LaunchPlan Plan(string[] pairs, params string[] arguments)
    {
        (LaunchPlan? plan, IReadOnlyList<Finding> findings) = LaunchPlan.Make(arguments, Mappings(pairs), Monitor);
        Assert.Empty(findings);
        return plan!;
    }

    private static IReadOnlyList<Finding> Findings(string[] pairs, string[] arguments)
    {
        (LaunchPlan? plan, IReadOnlyList<Finding> findings) = LaunchPlan.Make(arguments, Mappings(pairs), Monitor);
        Assert.Null(plan);
        return findings;
    }

    private static ValueMapping[] Mappings(string[] pairs) => [.. pairs.Select(pair => pair.Split('=')).Select(pair => new ValueMapping(pair[0], pair[1]))];
}
