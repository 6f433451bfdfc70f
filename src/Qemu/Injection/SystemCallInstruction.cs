using System.Globalization;
using PageEngine.Qemu.Interop;
using PageEngine.Qemu.Processes;

namespace PageEngine.Qemu.Injection;

// Owns: where in a process there is a system call instruction. Every process has one in its vDSO, whatever it runs.

internal static unsafe class SystemCallInstruction
{
    private const int MaxVdsoBytes = 1 << 20;

    /// <summary>Finds one.</summary>
    /// <returns>Its address, or 0 when none was found.</returns>
    internal static ulong Find(int process)
    {
        ProcessMapping vdso = ProcessMaps.Of(process).FirstOrDefault(mapping => mapping.Path == "[vdso]");
        if (vdso.Bytes is 0 or > MaxVdsoBytes)
        {
            return 0;
        }

        byte[] code = new byte[vdso.Bytes];
        fixed (byte* here = code)
        {
            Libc.iovec local = new() { iov_base = here, iov_len = (nuint)code.Length };
            Libc.iovec remote = new() { iov_base = (void*)vdso.Start, iov_len = (nuint)code.Length };

            // SAFETY: the array is pinned for its length; the other address is only the kernel's to look at.
            nint read = Ptrace.process_vm_readv(process, &local, 1, &remote, 1, 0);
            int found = read > 0 ? code.AsSpan(0, (int)read).IndexOf((ReadOnlySpan<byte>)[0x0f, 0x05]) : -1;
            return found < 0 ? 0 : vdso.Start + (ulong)found;
        }
    }
}
