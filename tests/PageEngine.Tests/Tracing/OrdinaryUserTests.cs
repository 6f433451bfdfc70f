using System.Diagnostics;
using Xunit;

namespace PageEngine.Tests.Tracing;

public sealed class OrdinaryUserTests
{
    private const string Nobody = "65534";

    [Fact]
    public void Ordinary_user_traces_his_own_and_the_kernels_writes()
    {
        string output = RunChild();
        Assert.Contains("capabilities: 0000000000000000", output, StringComparison.Ordinal);
        Assert.Contains("user mode only: works by UserModeOnly", output, StringComparison.Ordinal);
        Assert.Contains("any: works by ", output, StringComparison.Ordinal);
        if (File.ReadAllText("/proc/sys/vm/unprivileged_userfaultfd").Trim() == "0")
        {
            Assert.Contains("syscall: The kernel cannot trace writes", output, StringComparison.Ordinal);
            Assert.Contains("is not permitted", output, StringComparison.Ordinal);
        }
    }

    private static string RunChild()
    {
        string host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        ProcessStartInfo start = new(host, [typeof(OrdinaryUserTests).Assembly.Location, "trace-as", Nobody])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process child = Process.Start(start)!;
        Task<string> errors = child.StandardError.ReadToEndAsync();
        string output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();
        Assert.True(child.ExitCode == 0, $"exit {child.ExitCode}\n{output}\n{errors.GetAwaiter().GetResult()}");
        return output;
    }
}
