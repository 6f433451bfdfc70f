using Xunit;

namespace PageEngine.Qemu.Tests.Machines;

/// <summary>A test that needs a real QEMU and may stop its process; skipped, with the reason, where that is not to be had.</summary>
internal sealed class QemuFactAttribute : FactAttribute
{
    public QemuFactAttribute() => Skip = QemuProcess.WhyNot;
}

/// <inheritdoc cref="QemuFactAttribute"/>
internal sealed class QemuTheoryAttribute : TheoryAttribute
{
    public QemuTheoryAttribute() => Skip = QemuProcess.WhyNot;
}

/// <summary>A test that needs a QEMU whose virtual CPUs are run by KVM.</summary>
internal sealed class KvmFactAttribute : FactAttribute
{
    public KvmFactAttribute() => Skip = QemuProcess.WhyNot ?? (CanOpen("/dev/kvm") ? null : "/dev/kvm is not there, or not for this user");

    private static bool CanOpen(string device)
    {
        try
        {
            using FileStream opened = new(device, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
