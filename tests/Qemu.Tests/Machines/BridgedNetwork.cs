using System.Diagnostics;
using System.Globalization;
using Xunit;

namespace PageEngine.Qemu.Tests.Machines;

// A network namespace of a test's own: a bridge as the switch between hosts, a tap for each of two QEMUs, and the namespace
// itself as the client that talks to the guest. It goes with the test.
internal sealed class BridgedNetwork : IDisposable
{
    internal const string GuestAddress = "10.79.0.2";
    private const string ClientAddress = "10.79.0.1";
    private const int PrefixLength = 24;

    internal BridgedNetwork()
    {
        Namespace = string.Create(CultureInfo.InvariantCulture, $"pe-net-{Environment.ProcessId}-{Random.Shared.Next():x}");
        Ip($"netns add {Namespace}");
        try
        {
            Ip($"-n {Namespace} link set lo up");
            Ip($"-n {Namespace} link add br0 type bridge");
            Ip(string.Create(CultureInfo.InvariantCulture, $"-n {Namespace} addr add {ClientAddress}/{PrefixLength} dev br0"));
            Ip($"-n {Namespace} link set br0 up");
            foreach (int side in (int[])[0, 1])
            {
                Ip($"-n {Namespace} tuntap add {Tap(side)} mode tap");
                Ip($"-n {Namespace} link set {Tap(side)} master br0 up");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal string Namespace { get; }

    internal static string GuestSetting => string.Create(CultureInfo.InvariantCulture, $"pe.address={GuestAddress}/{PrefixLength}");

    internal static string Tap(int side) => string.Create(CultureInfo.InvariantCulture, $"tap{side}");

    /// <summary>Gives a machine a card: the same one, behind the tap of its side.</summary>
    internal static string[] Card(int side) =>
        ["-netdev", $"tap,id=net0,ifname={Tap(side)},script=no,downscript=no", "-device", "virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56"];

    /// <summary>Starts a connection to a port of the guest; its standard input and output are the connection's.</summary>
    internal Process Connect(int port) => Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", Namespace, "busybox", "nc", GuestAddress, port.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;

    public void Dispose() => Ip($"netns del {Namespace}");

    private static void Ip(string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardError = true })!;
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"ip {arguments}: {errors}");
    }
}
