using System.Text.Json;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Qemu.Tests.Machines;
using Xunit;

namespace PageEngine.Qemu.Tests.Preflight;

public class ProcessorFeaturesTests
{
    [Fact]
    public void Bits_with_a_name_are_named_and_others_say_where_they_are()
    {
        using JsonDocument answer = JsonDocument.Parse("""
            [{"cpuid-register":"EDX","cpuid-input-eax":1,"features":67108865},
             {"cpuid-register":"EBX","cpuid-input-ecx":0,"cpuid-input-eax":7,"features":2147483680},
             {"cpuid-register":"EAX","cpuid-input-ecx":1,"cpuid-input-eax":7,"features":32},
             {"cpuid-register":"EDX","cpuid-input-eax":2147483649,"features":536870912}]
            """);
        Assert.Equal(["fpu", "sse2", "avx2", "avx512vl", "cpuid-7-1-eax-5", "lm"], ProcessorFeatures.Of(answer.RootElement));
    }

    [QemuFact]
    public async Task Names_are_those_under_which_QEMU_itself_has_the_features()
    {
        await using QemuProcess qemu = await QemuProcess.StartAsync(32, incoming: true, "-cpu", "max");
        await using QemuMachine machine = await qemu.ConnectAsync();
        MachineDescription description = await MachineInspector.DescribeAsync(machine);
        string[] named = [.. description.CpuFeatures.Where(name => !name.StartsWith("cpuid-", StringComparison.Ordinal))];
        Assert.True(named.Length > 40, string.Join(' ', named));
        JsonElement cpus = await machine.Monitor.ExecuteAsync("query-cpus-fast");
        string path = cpus[0].GetProperty("qom-path").GetString()!;
        foreach (string name in named)
        {
            JsonElement value = await machine.Monitor.ExecuteAsync("qom-get", writer =>
            {
                writer.WriteString("path", path);
                writer.WriteString("property", name);
            });
            Assert.True(value.GetBoolean(), name);
        }
    }
}
