using System.Diagnostics;
using System.Globalization;
using PageEngine.Ownership;
using PageEngine.Qemu.Tests.Machines;
using PageEngine.Reporting;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Qemu.Tests.Guests;

public class NetworkTests(ITestOutputHelper output)
{
    private const int Megabytes = 256;
    private const int Port = 7;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    [LinuxGuestFact]
    public async Task Connection_that_is_open_survives_moves_there_and_back_with_every_line_once_and_in_order()
    {
        const string Work = "pe.memory=64 pe.rate=20";
        using BridgedNetwork network = new();
        string settings = string.Create(CultureInfo.InvariantCulture, $"{Work} {BridgedNetwork.GuestSetting} pe.port={Port}");
        Task<QemuProcess> StartAsync(int side, bool incoming) => LinuxGuest.StartAsync(network.Namespace, Megabytes, settings, incoming, BridgedNetwork.Card(side));
        QemuProcess here = await StartAsync(0, incoming: false);
        try
        {
            Guid id = Guid.NewGuid();
            var store = new MemoryOwnershipStore();
            GuestOwnership owned = await GuestOwnership.ClaimAsync(store, id);
            await LinuxGuest.WaitForTicksAsync(here, 20);
            using var echo = await Echo.OpenAsync(network);
            for (int move = 0; move < 2; move++)
            {
                await echo.AnsweredAsync(20);
                QemuProcess there = await StartAsync((move + 1) % 2, incoming: true);
                echo.ForgetGaps();
                (MigrationReport report, GuestOwnership? next) = await Move.RunAsync(here, there, id, owned, store);
                Assert.Equal((MigrationOutcome.Completed, null), (report.Outcome, report.Failure?.Message));
                owned = next!;
                await here.WaitForExitAsync();
                await here.DisposeAsync();
                here = there;
                await echo.AnsweredAsync(100);
                output.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"longest gap between two answers: {echo.LongestGap.TotalMilliseconds:0} ms; blackout {report.Switchover?.Actual.TotalMilliseconds:0.0} ms"));
            }

            Assert.Empty(LinuxGuest.Errors(here));
        }
        finally
        {
            await here.DisposeAsync();
        }
    }

    // One connection, on which a number goes out every 10 ms and comes back.
    private sealed class Echo : IDisposable
    {
        private readonly Process _connection;
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _sending;
        private readonly Task _receiving;
        private long _answers;
        private long _last = Stopwatch.GetTimestamp();
        private long _longest;

        private Echo(Process connection)
        {
            _connection = connection;
            _sending = Task.Run(SendAsync);
            _receiving = Task.Run(ReceiveAsync);
        }

        public TimeSpan LongestGap => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _longest));

        // The guest's server may not listen yet: then the connection ends at once.
        public static async Task<Echo> OpenAsync(BridgedNetwork network)
        {
            long began = Stopwatch.GetTimestamp();
            while (true)
            {
                Process connection = network.Connect(Port);
                await connection.StandardInput.WriteAsync("0\n");
                try
                {
                    await connection.StandardInput.FlushAsync();
                    if (await connection.StandardOutput.ReadLineAsync().WaitAsync(_patience) == "0")
                    {
                        return new Echo(connection);
                    }
                }
                catch (IOException)
                {
                    // Refused.
                }

                connection.Kill();
                connection.Dispose();
                Assert.True(Stopwatch.GetElapsedTime(began) < _patience, "the guest's server cannot be reached");
                await Task.Delay(100);
            }
        }

        public void ForgetGaps() => Volatile.Write(ref _longest, 0);

        public async Task AnsweredAsync(int more)
        {
            long began = Stopwatch.GetTimestamp();
            long wanted = Volatile.Read(ref _answers) + more;
            while (Volatile.Read(ref _answers) < wanted)
            {
                if (_receiving.IsCompleted)
                {
                    await _receiving;
                }

                Assert.True(Stopwatch.GetElapsedTime(began) < _patience, "the guest does not answer any more");
                await Task.Delay(10);
            }
        }

        public void Dispose()
        {
            _stop.Cancel();
            _connection.Kill();
            Task.WhenAll(_sending, _receiving).ContinueWith(static ended => _ = ended.Exception, TaskScheduler.Default).Wait(_patience);
            _connection.Dispose();
            _stop.Dispose();
        }

        private async Task SendAsync()
        {
            using PeriodicTimer timer = new(TimeSpan.FromMilliseconds(10));
            for (long number = 1; await timer.WaitForNextTickAsync(_stop.Token); number++)
            {
                await _connection.StandardInput.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{number}\n"));
                await _connection.StandardInput.FlushAsync();
            }
        }

        private async Task ReceiveAsync()
        {
            for (long number = 1; !_stop.IsCancellationRequested; number++)
            {
                string? line = await _connection.StandardOutput.ReadLineAsync(_stop.Token);
                Assert.Equal(number.ToString(CultureInfo.InvariantCulture), line);
                long now = Stopwatch.GetTimestamp();
                Volatile.Write(ref _longest, Math.Max(Volatile.Read(ref _longest), now - _last));
                _last = now;
                Interlocked.Increment(ref _answers);
            }
        }
    }
}
