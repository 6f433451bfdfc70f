using System.Runtime.InteropServices;

namespace PageEngine.Fault.Tests.Hosts;

// Owns: the signals that a harness sends.

internal static partial class Signals
{
    internal const int SIGKILL = 9;
    internal const int SIGCONT = 18;
    internal const int SIGSTOP = 19;

    internal static void Send(int process, int signal) => _ = kill(process, signal);

    [LibraryImport("libc")]
    private static partial int kill(int pid, int sig);
}
