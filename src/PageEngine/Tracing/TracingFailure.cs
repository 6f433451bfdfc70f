using static PageEngine.Interop.TracingCalls;

namespace PageEngine.Tracing;

// Owns: what a person reads when kernel tracing cannot be had: the reason and the remedy, from the step that failed and
// the kernel's error number. Pure but for the kernel's version.

/// <summary>The steps of kernel tracing that can fail.</summary>
internal enum TracingStep
{
    None = 0,

    /// <summary>Getting a userfaultfd.</summary>
    Open = 1,

    /// <summary>Switching asynchronous write protection on.</summary>
    Features = 2,

    /// <summary>Opening the page tables of this process.</summary>
    Pagemap = 3,

    /// <summary>Registering a region.</summary>
    Register = 4,

    /// <summary>Arming a region for the first time.</summary>
    Arm = 5,

    /// <summary>Collecting and re-arming.</summary>
    Scan = 6,

    /// <summary>The trial on a page of its own: everything was accepted, but a write was not reported.</summary>
    Trial = 7,
}

internal static class TracingFailure
{
    /// <summary>The first kernel with WP_ASYNC and PAGEMAP_SCAN.</summary>
    internal static readonly Version OldestKernel = new(6, 7);

    private const string UseExplicit = "or let the guest mark its own writes (explicit tracing)";

    /// <summary>Says why, and what to do.</summary>
    /// <param name="step">What was tried.</param>
    /// <param name="errno">What the kernel answered.</param>
    /// <param name="kernel">The running kernel's version.</param>
    internal static (string Reason, string Remedy) Explain(TracingStep step, int errno, Version kernel)
    {
        bool tooOld = kernel < OldestKernel;
        string version = $"Linux {kernel.Major}.{kernel.Minor}";
        (string, string) old = (
            $"{version} is too old: asynchronous write protection and PAGEMAP_SCAN came with Linux {OldestKernel}",
            $"boot Linux {OldestKernel} or later, {UseExplicit}");
        return (step, errno) switch
        {
            (TracingStep.Open, ENOSYS) => (
                "the kernel has no userfaultfd, or a seccomp filter hides it",
                $"use a kernel with CONFIG_USERFAULTFD=y, allow userfaultfd in the container's seccomp profile, {UseExplicit}"),
            (TracingStep.Open, EPERM or EACCES) => (
                "userfaultfd is not permitted, not even in user mode: a seccomp filter or a security module refuses it",
                $"allow userfaultfd in the container's seccomp profile (or make /dev/userfaultfd accessible), {UseExplicit}"),
            (TracingStep.Open or TracingStep.Pagemap, EMFILE or ENFILE) => (
                "too many files are open",
                "raise the limit on open files (ulimit -n, fs.file-max)"),
            (TracingStep.Open or TracingStep.Features, EINVAL) when tooOld => old,
            (TracingStep.Features, EINVAL) => (
                $"this {version} was built without asynchronous write protection",
                $"use a kernel with CONFIG_PTE_MARKER_UFFD_WP=y, {UseExplicit}"),
            (TracingStep.Pagemap, EACCES or EPERM or ENOENT) => (
                "/proc/self/pagemap cannot be opened: /proc is not mounted here, is hidden by the container, or this process was made undumpable",
                $"mount /proc in the container and keep the process dumpable, {UseExplicit}"),
            (TracingStep.Scan or TracingStep.Arm, ENOTTY) when tooOld => old,
            (TracingStep.Scan or TracingStep.Arm, ENOTTY) => (
                $"this {version} does not know PAGEMAP_SCAN",
                $"use a kernel with CONFIG_PROC_PAGE_MONITOR=y, {UseExplicit}"),
            (TracingStep.Scan or TracingStep.Arm, EPERM) => (
                "the memory is no longer under tracing: it was unmapped, mapped anew or moved under the engine's hands",
                "leave the mappings of guest memory alone while it is being migrated"),
            (TracingStep.Register, EBUSY) => (
                "another userfaultfd already watches this memory: another tracer, or a lazy restore that has not ended",
                "end the other one first"),
            (TracingStep.Register, EPERM) => (
                "the memory is a file that may not be written",
                "open the memory's file for writing"),
            (TracingStep.Register, EINVAL) => (
                "the kernel cannot write-protect this kind of memory, or a huge page is cut at the region's edge",
                $"use anonymous memory, a memfd, or whole huge pages, {UseExplicit}"),
            (_, ENOMEM) => (
                "the kernel has no memory left for its page tables",
                "free some memory: arming needs up to 2 MiB for each GiB of the guest"),
            (TracingStep.Trial, _) => (
                "everything was accepted, but a write to a page of its own was not reported",
                $"report this with the kernel's version ({kernel}), {UseExplicit}"),
            _ => (
                $"the kernel answered error {errno} to {Name(step)} on {version}",
                $"look the number up in errno(3), {UseExplicit}"),
        };
    }

    /// <summary>Makes the exception for a failed step on the running kernel.</summary>
    internal static MigrationException Create(TracingStep step, int errno, string? where = null)
    {
        (string reason, string remedy) = Explain(step, errno, Environment.OSVersion.Version);
        string place = where is null ? string.Empty : $" ({where})";
        return new MigrationException(
            MigrationErrorKind.TracingFailed,
            $"The kernel cannot trace writes to the guest's memory: {reason}{place}. What to do: {remedy}.");
    }

    private static string Name(TracingStep step) => step switch
    {
        TracingStep.Open => "opening a userfaultfd",
        TracingStep.Features => "switching write protection on",
        TracingStep.Pagemap => "opening /proc/self/pagemap",
        TracingStep.Register => "registering the memory",
        TracingStep.Arm => "arming the memory",
        TracingStep.Scan => "scanning the memory",
        _ => "the trial",
    };
}
