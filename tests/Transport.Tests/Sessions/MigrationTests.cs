using System.Net;
using Microsoft.Extensions.Logging;
using PageEngine.EmbeddedGuest;
using PageEngine.Memory;
using PageEngine.Ownership;
using PageEngine.Reporting;
using PageEngine.Tracing;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Transport.Tests.Sessions;

public class MigrationTests(ITestOutputHelper output)
{
    private sealed class TestLogger(ITestOutputHelper output) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (output)
            {
                output.WriteLine($"{DateTime.Now:ss.ffffff} {formatter(state, exception)}");
            }
        }
    }

    [Fact]
    public async Task A_running_guest_moves_over_tcp_and_nothing_is_lost()
    {
        var logger = new TestLogger(output);
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        var destination = new MigrationDestination(
            offer => VerifiableGuest.FromDescription(offer.GuestId, offer.Description, offer.Layout), new MigrationDestinationOptions { Logger = logger });
        Task<DestinationResult> receiving = destination.ReceiveAsync(acceptor);

        GuestMemory memory = GuestMemory.Allocate(64 << 20);
        using var guest = new VerifiableGuest(Guid.NewGuid(), memory, new VerifiableGuestOptions { Workloads = [WorkloadSpec.Parse("hot:8MiB@50MiB/s")] });
        guest.FillMemory();
        await guest.ResumeAsync(1, default);
        using IWriteTracer tracer = WriteTracers.Create(WriteTracerKind.Auto, memory, guestMarksWrites: true).Tracer;
        guest.AttachTracer(tracer);
        var source = new MigrationSource(guest, tracer, new MigrationSourceOptions { Verify = true, Logger = logger });
        MigrationReport report = await source.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint));
        DestinationResult result = await receiving;
        output.WriteLine(report.ToString());
        output.WriteLine(report.Switchover?.Parts.ToString());
        Assert.Null(report.Failure);
        Assert.Equal(MigrationOutcome.Completed, report.Outcome);
        Assert.Equal(MigrationOutcome.Completed, result.Report.Outcome);
        using var moved = (VerifiableGuest)result.Guest!;
        await Task.Delay(100);
        await moved.PauseAsync(default);
        GuestVerification verification = moved.Verify();
        Assert.True(verification.IsConsistent, verification.ToString());
        Assert.True(report.Memory!.Identical);
        moved.Memory.Dispose();
        memory.Dispose();
    }
}
