using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Qemu.Interop;

namespace PageEngine.Qemu.Injection;

// Owns: the process that stops QEMU for a moment. It does nothing else, so that nobody has a reason to kill it, and it
// stops QEMU once: the userfaultfd is made, copied over here and closed again in QEMU within the same stop. It says one
// line, and lives until its standard input ends, so that whoever asked can fetch the copy. "userfaultfd" waits for a line first;
// "userfaultfd-for-kernel" makes one that sees what the kernel touches for the process, too, or none.

/// <summary>The entry point: "userfaultfd PID", or "close PID FD...".</summary>
[SuppressMessage("Performance", "CA1852", Justification = "An entry point.")]
internal static class InjectionProgram
{
    internal const string MakeVerb = "userfaultfd";
    internal const string MakeForKernelVerb = "userfaultfd-for-kernel";
    internal const string CloseVerb = "close";
    internal const string DoneWord = "done";
    internal const string FailedWord = "failed";

    internal static int Main(string[] arguments)
    {
        // Ctrl-C on the terminal is for the program that started this one.
        _ = Libc.setsid();

        // Whoever may: a busy host must not hold this process up while another one stands still for it.
        _ = Libc.setpriority(0, 0, -20);
        using var input = new StreamReader(new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read));
        using var output = new StreamWriter(new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write)) { AutoFlush = true };
        try
        {
            if (arguments.Length < 2 || !int.TryParse(arguments[1], NumberStyles.None, CultureInfo.InvariantCulture, out int process))
            {
                output.WriteLine($"{FailedWord} 0 This program is started by PageEngine when it needs it.");
                return 2;
            }

            if (Run(arguments[0], process, arguments.AsSpan(2), input) is { } answer)
            {
                output.WriteLine(answer);
                input.ReadLine();
            }

            return 0;
        }
        catch (Win32Exception e)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{FailedWord} {e.NativeErrorCode} {e.Message}: {Marshal.GetPInvokeErrorMessage(e.NativeErrorCode)}"));
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            output.WriteLine($"{FailedWord} {Libc.ESRCH} {e.Message}");
            return 1;
        }
    }

    private static string? Run(string verb, int process, ReadOnlySpan<string> rest, StreamReader input)
    {
        ulong instruction = SystemCallInstruction.Find(process);
        if (instruction == 0)
        {
            throw new Win32Exception(Libc.ENOSYS, "no system call instruction was found in the process");
        }

        StoppedThread.Rehearse();
        ForeignUserfaultfd.Rehearse();
        using SafeFileHandle handle = ForeignUserfaultfd.OpenProcess(process);
        if (verb == CloseVerb)
        {
            int[] descriptors = [.. rest.ToArray().Select(word => int.Parse(word, NumberStyles.None, CultureInfo.InvariantCulture))];
            TimeSpan stopped = ForeignUserfaultfd.Close(process, instruction, descriptors);
            return Say(0, stopped);
        }

        // Ready ahead of time, so that whoever asks does not wait for a process to start; nothing is touched until then.
        if (input.ReadLine() is null)
        {
            return null;
        }

        SafeFileHandle made = ForeignUserfaultfd.Make(process, instruction, handle, verb == MakeForKernelVerb, out TimeSpan duration);

        // Not disposed: it must be open until the other side has fetched it, and goes with this process.
        return Say((int)made.DangerousGetHandle(), duration);
    }

    private static string Say(int descriptor, TimeSpan stopped) =>
        string.Create(CultureInfo.InvariantCulture, $"{DoneWord} {descriptor} {stopped.TotalMicroseconds:0}");
}
