using System.Diagnostics;
using System.Globalization;
using PageEngine.Qemu.Injection;
using PageEngine.Qemu.Tests.Machines;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Qemu.Tests.Injection;

// The stopped process must be nobody's child here: a runtime that looks after its children would take the news of its stops.
public class StoppedThreadTests(ITestOutputHelper output)
{
    private const int SYS_getpid = 39;
    private const int SYS_userfaultfd = 323;
    private const ulong O_CLOEXEC_O_NONBLOCK = 0x80800;

    [QemuFact]
    public async Task Process_that_sleeps_is_stopped_a_hundred_times_and_sleeps_on()
    {
        // Long enough for a hundred stops on a busy machine.
        using Sleeper sleeper = await Sleeper.StartAsync("6");
        var longest = TimeSpan.Zero;
        await OnOneThread(() =>
        {
            ulong instruction = SystemCallInstruction.Find(sleeper.Id);
            StoppedThread.Rehearse();
            for (int i = 0; i < 100; i++)
            {
                StoppedThread thread = StoppedThread.Stop(sleeper.Id, instruction);
                Assert.Equal(sleeper.Id, thread.Call(SYS_getpid, 0));
                Assert.Equal(sleeper.Id, thread.Call(SYS_getpid, 0));
                thread.Dispose();
                longest = thread.Duration > longest ? thread.Duration : longest;
            }
        });
        output.WriteLine($"longest stop {longest.TotalMicroseconds} µs");

        // Its own, interrupted system call went on each time, and ended as it would have.
        Assert.Equal("0", await sleeper.EndAsync());
    }

    [QemuFact]
    public async Task Userfaultfd_is_brought_over_and_nothing_of_it_stays()
    {
        using Sleeper sleeper = await Sleeper.StartAsync("600");
        FetchedUserfaultfd fetched = await InjectionHelper.MakeAsync(sleeper.Id, CancellationToken.None);
        using (fetched.Descriptor)
        {
            output.WriteLine($"stopped for {fetched.Stopped.TotalMicroseconds} µs");
            string link = new FileInfo(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{fetched.Descriptor.DangerousGetHandle()}")).LinkTarget!;
            Assert.Equal("anon_inode:[userfaultfd]", link);
            Assert.Empty(InjectionHelper.FindStray(sleeper.Id));
        }
    }

    [QemuFact]
    public async Task What_a_killed_tracer_left_is_found_and_closed()
    {
        using Sleeper sleeper = await Sleeper.StartAsync("600");

        // As if it had been killed between making the descriptor and closing it.
        long left = 0;
        await OnOneThread(() =>
        {
            using StoppedThread thread = StoppedThread.Stop(sleeper.Id, SystemCallInstruction.Find(sleeper.Id));
            left = thread.Call(SYS_userfaultfd, O_CLOEXEC_O_NONBLOCK);
        });
        Assert.True(left > 0);
        Assert.Equal([(int)left], InjectionHelper.FindStray(sleeper.Id));
        await InjectionHelper.CloseAsync(sleeper.Id, InjectionHelper.FindStray(sleeper.Id), CancellationToken.None);
        Assert.Empty(InjectionHelper.FindStray(sleeper.Id));
    }

    [QemuFact]
    public async Task Process_that_is_not_there_or_is_traced_already_is_said()
    {
        MigrationException gone = await Assert.ThrowsAsync<MigrationException>(() => InjectionHelper.MakeAsync(int.MaxValue, CancellationToken.None));
        Assert.Equal(MigrationErrorKind.TracingFailed, gone.Kind);
        using Sleeper sleeper = await Sleeper.StartAsync("600");
        MigrationException? taken = null;
        await OnOneThread(() =>
        {
            using StoppedThread thread = StoppedThread.Stop(sleeper.Id, SystemCallInstruction.Find(sleeper.Id));
            taken = Assert.Throws<MigrationException>(() => InjectionHelper.MakeAsync(sleeper.Id, CancellationToken.None).GetAwaiter().GetResult());
        });
        Assert.Contains("another tracer", taken!.Message, StringComparison.Ordinal);
    }

    // The kernel wants all steps of a trace from one thread.
    private static Task OnOneThread(Action work)
    {
        var done = new TaskCompletionSource();
        new Thread(() =>
        {
            try
            {
                work();
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        }).Start();
        return done.Task;
    }

    // A process that sleeps; its parent is a shell, which says its number first and its exit code last.
    private sealed class Sleeper : IDisposable
    {
        private readonly Process _shell;

        private Sleeper(Process shell, int id)
        {
            _shell = shell;
            Id = id;
        }

        internal int Id { get; }

        internal static async Task<Sleeper> StartAsync(string seconds)
        {
            ProcessStartInfo start = new("sh", ["-c", $"sleep {seconds} & echo $!; wait $!; echo $?"]) { RedirectStandardOutput = true };
            Process shell = Process.Start(start)!;
            int id = int.Parse((await shell.StandardOutput.ReadLineAsync())!, CultureInfo.InvariantCulture);

            // Until then it is the shell's own copy, which has another program to become.
            while (!File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/cmdline")).StartsWith("sleep", StringComparison.Ordinal))
            {
                await Task.Delay(1);
            }

            return new Sleeper(shell, id);
        }

        internal async Task<string?> EndAsync() => await _shell.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));

        public void Dispose()
        {
            if (!_shell.HasExited)
            {
                try
                {
                    using Process sleeping = Process.GetProcessById(Id);
                    sleeping.Kill();
                }
                catch (ArgumentException)
                {
                    // It has ended.
                }

                _shell.WaitForExit();
            }

            _shell.Dispose();
        }
    }
}
