using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Ram;
using PageEngine.Qemu.Tests.Machines;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Qemu.Tests.Tracing;

public class ForeignTracingTests(ITestOutputHelper output)
{
    private const int Megabytes = 64;
    private const long End = 48 << 20;

    [QemuFact]
    public async Task Every_page_that_the_guest_wrote_is_reported_and_no_other()
    {
        using TemporaryImage image = new(End);
        await using QemuProcess qemu = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path);
        await qemu.WaitForPassesAsync(1);
        await using QemuMachine machine = await qemu.ConnectAsync();
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        using GuestMemory memory = QemuMachine.MapMemory(ram);
        ForeignTracing tracing = await machine.TraceAsync(memory, ram);
        using var tracer = tracing.Tracer;
        output.WriteLine($"stopped for {tracing.Stopped.TotalMicroseconds} µs");
        Assert.Equal(0, tracing.StrayDescriptors);

        tracer.Start();
        await qemu.WaitForPassesAsync(2);
        using DirtyBitmap dirty = new(memory.PageCount);
        long running = tracer.Collect(dirty);
        long first = BootSector.FirstByte / MemoryLayout.PageBytes;
        long last = End / MemoryLayout.PageBytes;
        for (long page = first; page < last; page++)
        {
            Assert.True(dirty.IsSet(page), $"page {page} was written and not reported");
        }

        // Beside them the counter's page, and what the firmware's tables take: never a page above the guest's end.
        Assert.InRange(running, last - first, last - first + 32);
        await machine.Monitor.ExecuteAsync("stop");
        tracer.Collect(dirty);
        dirty.Clear();
        Assert.Equal(0, tracer.Collect(dirty));
        Assert.Null(BootSector.Judge(address => memory.Page(address / MemoryLayout.PageBytes)[0], End));
    }

    [QemuFact]
    public async Task Tracer_leaves_nothing_and_the_next_one_takes_over()
    {
        using TemporaryImage image = new(End);
        await using QemuProcess qemu = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path);
        await qemu.WaitForPassesAsync(1);
        await using QemuMachine machine = await qemu.ConnectAsync();
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        using GuestMemory memory = QemuMachine.MapMemory(ram);
        for (int i = 0; i < 3; i++)
        {
            ForeignTracing tracing = await machine.TraceAsync(memory, ram);
            Assert.Equal(0, tracing.StrayDescriptors);
            tracing.Tracer.Start();
            tracing.Tracer.Dispose();
        }

        await qemu.WaitForPassesAsync(2);
    }

    [QemuFact]
    public async Task Process_that_ends_while_it_is_traced_is_a_failure_that_says_so()
    {
        using TemporaryImage image = new(End);
        await using QemuProcess qemu = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path);
        await using QemuMachine machine = await qemu.ConnectAsync();
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        using GuestMemory memory = QemuMachine.MapMemory(ram);
        using var tracer = (await machine.TraceAsync(memory, ram)).Tracer;
        tracer.Start();
        qemu.Kill();
        await qemu.WaitForExitAsync();
        using DirtyBitmap dirty = new(memory.PageCount);
        MigrationException failure = Assert.Throws<MigrationException>(() => tracer.Collect(dirty));
        Assert.Contains("which has ended", failure.Message, StringComparison.Ordinal);
    }

    [QemuFact]
    public async Task File_of_the_memory_may_be_unlinked_and_QEMU_may_be_an_ordinary_users()
    {
        using TemporaryImage image = new(End);
        await using QemuProcess qemu = await QemuProcess.StartBootSectorAsync(Megabytes, image.Path, incoming: false, "-runas", "nobody");
        await qemu.WaitForPassesAsync(1);
        File.Delete(qemu.RamFile);
        await using QemuMachine machine = await qemu.ConnectAsync();
        IReadOnlyList<RamMapping> ram = machine.FindRam();
        using GuestMemory memory = QemuMachine.MapMemory(ram);
        using var tracer = (await machine.TraceAsync(memory, ram)).Tracer;
        tracer.Start();
        await qemu.WaitForPassesAsync(2);
        using DirtyBitmap dirty = new(memory.PageCount);
        Assert.True(tracer.Collect(dirty) >= (End - BootSector.FirstByte) / MemoryLayout.PageBytes);
    }
}
