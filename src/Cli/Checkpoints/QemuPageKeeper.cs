using System.CommandLine;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Processes;

namespace PageEngine.Cli.Checkpoints;

// Owns: the second process of a lazy restore, and how the first one talks to it. It holds a copy of the userfaultfd, so that no missing
// page ever reads as zeros while one of the two lives; where the first one ends without a word, it brings the rest itself, or
// ends QEMU. It sits in a session of its own and does nothing else.

/// <summary>The keeper, as the process that restores knows it.</summary>
internal sealed class QemuPageKeeper : IDisposable
{
    /// <summary>The hidden command that the second process runs.</summary>
    public const string Word = "keep-pages";

    private const string Ready = "ready";
    private const string Loading = "loading";
    private const string Done = "done";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly Process _process = ThisProgram.Start(["checkpoint", Word], sharesError: true);

    /// <summary>Gives it what it needs, and waits until it holds it.</summary>
    /// <exception cref="MigrationException">It cannot.</exception>
    public async Task PrepareAsync(string file, CheckpointInfo checkpoint, int descriptor, QemuMachine machine, IEnumerable<ulong> addresses, CancellationToken cancellationToken)
    {
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessId} {descriptor} {machine.ProcessId} {machine.StartedAt} {checkpoint.Digest} {string.Join(',', addresses)} {Path.GetFullPath(file)}");
        string? answer = null;
        try
        {
            await SayAsync(line);
            answer = await _process.StandardOutput.ReadLineAsync(cancellationToken).AsTask().WaitAsync(_patience, cancellationToken);
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            answer = e.Message;
        }

        if (answer != Ready)
        {
            throw new MigrationException(MigrationErrorKind.MemoryFailed, $"The process that is to stand by while pages are brought could not begin: {answer ?? "it ended"}. Restore without --lazy.");
        }
    }

    /// <summary>Tells it that QEMU is about to take the machine: from here on its pages must come, whatever happens.</summary>
    public Task BeginAsync() => SayAsync(Loading);

    /// <summary>Tells it that it is not needed any more, and waits for its end.</summary>
    public async Task EndAsync()
    {
        try
        {
            await SayAsync(Done);
            await _process.WaitForExitAsync().WaitAsync(_patience);
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            // It was ended by somebody, or waits for its processor: it has nothing left to do.
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended.
        }

        _process.Dispose();
    }

    /// <summary>Makes the command of the second process.</summary>
    public static Command Create(Host host)
    {
        Command command = new(Word, "Started by restore --lazy.") { Hidden = true };
        command.SetAction((_, _) => KeepAsync(host));
        return command;
    }

    private static async Task<int> KeepAsync(Host host)
    {
        // What is meant for the one that restores, or for all at once, must not take the last copy of the descriptor away.
        _ = Interop.Libc.setsid();
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        PosixSignalRegistration[] registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, static context => context.Cancel = true))];
        using StreamReader input = new(Console.OpenStandardInput());
        string[] words = (await input.ReadLineAsync())?.Split(' ', 7) ?? [];
        if (words.Length < 7)
        {
            throw new UsageException($"{Word} is started by this program when it needs it.");
        }

        int Number(int word) => int.Parse(words[word], NumberStyles.None, CultureInfo.InvariantCulture);
        try
        {
            using ProcessHandle qemu = ProcessHandle.Open(Number(2), ulong.Parse(words[3], CultureInfo.InvariantCulture));
            using ProcessHandle owner = ProcessHandle.Open(Number(0));
            using CheckpointChain chain = CheckpointChain.Open(words[6]);
            if (chain.Checkpoint.Digest != UInt128.Parse(words[4], CultureInfo.InvariantCulture))
            {
                throw new MigrationException(MigrationErrorKind.DataDamaged, $"'{words[6]}' was replaced meanwhile");
            }

            using SafeFileHandle copy = owner.CopyDescriptor(Number(1));
            host.Out.WriteLine(Ready);
            host.Out.Flush();
            bool loading = false;
            string? said;
            while ((said = await input.ReadLineAsync()) is not null && said != Done)
            {
                loading |= said == Loading;
            }

            return said == Done ? ExitCodes.Done
                : !loading ? ExitCodes.Failed
                : await GoOnAsync(host, chain, copy, words[5].Split(',').Select(a => ulong.Parse(a, CultureInfo.InvariantCulture)), qemu, words[2]);
        }
        catch (Exception e) when (e is Win32Exception or MigrationException)
        {
            host.Out.WriteLine(e.Message);
            return ExitCodes.Failed;
        }
        finally
        {
            Array.ForEach(registrations, static registration => registration.Dispose());
        }
    }

    private static async Task<int> GoOnAsync(
        Host host, CheckpointChain chain, SafeFileHandle userfaultfd, IEnumerable<ulong> addresses, ProcessHandle qemu, string process)
    {
        Say(host, $"The process that brought the memory of QEMU (process {process}) has ended; this one goes on.");
        try
        {
            using CheckpointPageServer server = chain.ContinueServing(userfaultfd, addresses);
            server.BeginFilling();
            await server.Completion;
            Say(host, $"The memory of QEMU (process {process}) is complete.");
            return ExitCodes.Done;
        }
        catch (Exception e)
        {
            // Whatever it was: nobody is left who could bring a page.
            qemu.Kill();
            Say(host, $"QEMU (process {process}) was ended, because its memory cannot be brought: {e.Message}");
            return e is MigrationException { Kind: MigrationErrorKind.DataDamaged } ? ExitCodes.DataDamaged : ExitCodes.GuestLost;
        }
    }

    private static void Say(Host host, string text)
    {
        try
        {
            host.Error.WriteLine(text);
            host.Error.Flush();
        }
        catch (IOException)
        {
            // Nobody reads it any more.
        }
    }

    private async Task SayAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }
}
