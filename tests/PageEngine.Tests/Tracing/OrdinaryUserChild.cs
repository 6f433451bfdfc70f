using System.Runtime.InteropServices;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Tests.Interop;
using PageEngine.Tracing;

namespace PageEngine.Tests.Tracing;

// Runs in a child process: gives up root, then traces.
internal static unsafe class OrdinaryUserChild
{
    internal static int Run(uint uid)
    {
        // Once before: the code is compiled and its assemblies are loaded while they are surely readable.
        Console.WriteLine($"before: {Trace(UserfaultAccess.Any)}");
        if (Environment.IsPrivilegedProcess)
        {
            if (Calls.setgroups(0, 0) != 0 || Calls.setresgid(uid, uid, uid) != 0 || Calls.setresuid(uid, uid, uid) != 0
                || Calls.prctl(Calls.PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
            {
                Console.WriteLine($"cannot become user {uid}: error {Marshal.GetLastPInvokeError()}");
                return 2;
            }
        }

        Console.WriteLine($"capabilities: {File.ReadLines("/proc/self/status").First(l => l.StartsWith("CapEff", StringComparison.Ordinal))[7..].Trim()}");
        Console.WriteLine($"syscall: {Trace(UserfaultAccess.SystemCall)}");
        Console.WriteLine($"device: {Trace(UserfaultAccess.Device)}");
        Console.WriteLine($"user mode only: {Trace(UserfaultAccess.UserModeOnly)}");
        Console.WriteLine($"any: {Trace(UserfaultAccess.Any)}");
        return 0;
    }

    private static string Trace(UserfaultAccess allowed)
    {
        try
        {
            using GuestMemory memory = GuestMemory.Allocate(64 * MemoryLayout.PageBytes);
            using KernelWriteTracer tracer = KernelWriteTracer.Create(memory, allowed);
            using DirtyBitmap dirty = new(64);
            memory.Page(1)[0] = 1;
            tracer.Start();
            Volatile.Write(ref memory.Page(1)[0], 2);
            Volatile.Write(ref memory.Page(9)[0], 2);
            using var zero = File.OpenHandle("/dev/zero");
            if (Calls.read(zero, memory.PagePointer(20), 2 * MemoryLayout.PageBytes) != 2 * MemoryLayout.PageBytes)
            {
                return "read(2) into traced memory failed";
            }

            long count = tracer.Collect(dirty);
            bool exact = count == 4 && dirty.IsSet(1) && dirty.IsSet(9) && dirty.IsSet(20) && dirty.IsSet(21) && tracer.Collect(dirty) == 0;
            return exact ? $"works by {tracer.Access}" : $"reported {count} pages";
        }
        catch (MigrationException e)
        {
            return e.Message;
        }
    }
}
