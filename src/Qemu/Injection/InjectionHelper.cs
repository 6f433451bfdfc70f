using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Qemu.Interop;
using PageEngine.Qemu.Processes;

namespace PageEngine.Qemu.Injection;

// Owns: this process's side of the short-lived one: starting it, understanding what it says, fetching the descriptor.

/// <summary>A userfaultfd that acts on another process, and what it cost that process.</summary>
/// <param name="Descriptor">The descriptor; the receiver owns it.</param>
/// <param name="Stopped">For how long the other process's main thread was stopped.</param>
internal readonly record struct FetchedUserfaultfd(SafeFileHandle Descriptor, TimeSpan Stopped);

/// <summary>Has a userfaultfd made in another process.</summary>
internal static class InjectionHelper
{
    private const string UserfaultfdLink = "anon_inode:[userfaultfd]";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Makes a userfaultfd in a process and brings it here. The process keeps nothing.</summary>
    /// <exception cref="MigrationException">It cannot be had (<see cref="MigrationErrorKind.TracingFailed"/>).</exception>
    /// <param name="process">The process.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="forKernel">Whether it must see what the kernel touches for the process, too.</param>
    internal static async Task<FetchedUserfaultfd> MakeAsync(int process, CancellationToken cancellationToken, bool forKernel = false)
    {
        using Process helper = Prepare(process, forKernel);
        return await MakeAsync(helper, process, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Starts the process that <see cref="MakeAsync(Process, int, CancellationToken)"/> will use; it touches nothing yet.</summary>
    /// <exception cref="MigrationException">It cannot be started.</exception>
    internal static Process Prepare(int process, bool forKernel = false) =>
        Start(process, [forKernel ? InjectionProgram.MakeForKernelVerb : InjectionProgram.MakeVerb, Number(process)]);

    /// <summary>Has a process that was prepared do its work, and ends it.</summary>
    /// <inheritdoc cref="MakeAsync(int, CancellationToken, bool)" path="/exception"/>
    internal static async Task<FetchedUserfaultfd> MakeAsync(Process helper, int process, CancellationToken cancellationToken)
    {
        try
        {
            try
            {
                await helper.StandardInput.WriteLineAsync().ConfigureAwait(false);
                await helper.StandardInput.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException)
            {
                // It has ended already, and said why.
            }

            (int descriptor, TimeSpan stopped) = await AnswerAsync(helper, process, cancellationToken).ConfigureAwait(false);
            return new FetchedUserfaultfd(Fetch(helper.Id, descriptor, process), stopped);
        }
        finally
        {
            await EndAsync(helper).ConfigureAwait(false);
        }
    }

    /// <summary>Finds userfaultfds that a process holds: left there by a tracer that was killed while it stopped the process,
    /// or, while a migration of its own is under way, the process's.</summary>
    /// <exception cref="MigrationException">This user may not look.</exception>
    internal static int[] FindStray(int process)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries($"/proc/{Number(process)}/fd")
                .Where(path => new FileInfo(path).LinkTarget == UserfaultfdLink)
                .Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failed(process, 0, e.Message);
        }
    }

    /// <summary>Closes descriptors in a process.</summary>
    /// <exception cref="MigrationException">It cannot be done (<see cref="MigrationErrorKind.TracingFailed"/>).</exception>
    internal static async Task CloseAsync(int process, int[] descriptors, CancellationToken cancellationToken)
    {
        using Process helper = Start(process, [InjectionProgram.CloseVerb, Number(process), .. descriptors.Select(Number)]);
        try
        {
            await AnswerAsync(helper, process, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await EndAsync(helper).ConfigureAwait(false);
        }
    }

    private static Process Start(int process, string[] arguments)
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw Failed(process, 0, $"only x86-64 hosts are supported so far, not {RuntimeInformation.ProcessArchitecture}");
        }

        ProcessStartInfo start = new(Muxer()) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        string program = Path.Combine(AppContext.BaseDirectory, "PageEngine.Qemu.dll");
        if (File.Exists(start.FileName) && File.Exists(program))
        {
            start.ArgumentList.Add("exec");
            start.ArgumentList.Add(program);
        }
        else if (InjectionEntry.IsInstalled)
        {
            // The application brings its runtime along, and there is nothing else to run an assembly with.
            start.FileName = Environment.ProcessPath!;
            start.ArgumentList.Add(InjectionEntry.Word);
        }
        else
        {
            throw Failed(process, 0, $"{program} and {start.FileName} are needed to run it as a program of its own, or an application that begins with {nameof(InjectionEntry)}.{nameof(InjectionEntry.RunIfAsked)}");
        }

        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw Failed(process, e.NativeErrorCode, $"{start.FileName} could not be started: {e.Message}");
        }
    }

    // The program that runs assemblies: this process's own, or the one beside the runtime that this process loaded.
    private static string Muxer()
    {
        const string Name = "dotnet";
        return Path.GetFileName(Environment.ProcessPath) == Name
            ? Environment.ProcessPath!
            : Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", Name));
    }

    private static async Task<(int Descriptor, TimeSpan Stopped)> AnswerAsync(Process helper, int process, CancellationToken cancellationToken)
    {
        string? line;
        try
        {
            line = await helper.StandardOutput.ReadLineAsync(cancellationToken).AsTask().WaitAsync(_patience, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw Failed(process, 0, $"no answer within {_patience.TotalSeconds:0} s");
        }

        string[] words = line?.Split(' ', 3) ?? [];
        if (words is [InjectionProgram.DoneWord, string descriptor, string microseconds])
        {
            return (int.Parse(descriptor, CultureInfo.InvariantCulture), TimeSpan.FromMicroseconds(double.Parse(microseconds, CultureInfo.InvariantCulture)));
        }

        if (words is [InjectionProgram.FailedWord, string errno, string reason])
        {
            throw Failed(process, int.Parse(errno, CultureInfo.InvariantCulture), reason);
        }

        throw Failed(process, 0, $"the short-lived process ended without a word: {(await helper.StandardError.ReadToEndAsync(cancellationToken).ConfigureAwait(false)).Trim()}");
    }

    private static SafeFileHandle Fetch(int helper, int descriptor, int process)
    {
        try
        {
            using var opened = ProcessHandle.Open(helper);
            return opened.CopyDescriptor(descriptor);
        }
        catch (Win32Exception e)
        {
            throw Failed(process, e.NativeErrorCode, $"the userfaultfd could not be taken over: {e.Message}");
        }
    }

    // Never killed: it might just have stopped the other process. Without input it ends by itself.
    internal static async Task EndAsync(Process helper)
    {
        try
        {
            helper.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        using CancellationTokenSource limit = new(_patience);
        try
        {
            await helper.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It waits for a process that is blocked in the kernel, and ends with that.
        }
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static MigrationException Failed(int process, int errno, string reason)
    {
        string remedy = errno is Libc.EPERM or Libc.EACCES
            ? " Run this as root or with CAP_SYS_PTRACE; if it is already, another tracer (a debugger, strace) has the process, or kernel.yama.ptrace_scope forbids it."
            : "";
        return new MigrationException(
            MigrationErrorKind.TracingFailed, $"The writes of process {Number(process)} cannot be traced: {reason}.{remedy}")
        { DetectedBy = DetectedBy.Monitor };
    }
}
