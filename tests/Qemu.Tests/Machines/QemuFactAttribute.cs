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
