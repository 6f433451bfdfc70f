using System.Net;
using PageEngine.Compression;
using PageEngine.Transport.Control;
using PageEngine.Transport.Measuring;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Measuring;

// Owns: that a measurement measures what it says, and ends in every case.
public sealed class LinkBenchmarkTests : IDisposable
{
    private const long Memory = 32 << 20;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);
    private static readonly LinkCase _short = new() { Duration = TimeSpan.FromMilliseconds(50) };
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cases_are_tried_one_after_the_other_and_counted(bool encrypted)
    {
        TcpOptions options = new() { Tls = encrypted ? _authority.Identify() : null };
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0), options);
        Task<int> serving = LinkBenchmark.ServeAsync(acceptor);
        LinkCase[] cases = [_short, _short with { Streams = 3 }, _short with { RunPages = 64, BatchPages = 16 }, _short with { RunPages = 1 << 20 }];
        var told = new List<LinkMeasurement>();
        IReadOnlyList<LinkMeasurement> measured = await LinkBenchmark.RunAsync(new TcpConnector(acceptor.LocalEndPoint, options), cases, Memory, told.Add).WaitAsync(_patience);
        Assert.Equal(cases.Length, await serving.WaitAsync(_patience));
        Assert.Equal(told, measured);
        Assert.Equal(cases, measured.Select(m => m.Case));
        Assert.All(measured, m =>
        {
            // Whole passes of half of the memory, or of all of it, and the heads of their batches.
            long pass = m.Case.RunPages >= Memory / 4096 ? Memory : Memory / 2;
            Assert.InRange(m.Bytes, pass, long.MaxValue);
            Assert.InRange(m.Bytes % pass, 0, m.Bytes / pass * pass / 10);
            Assert.True(m.Elapsed >= m.Case.Duration);
            Assert.True(m.SourceProcessor > TimeSpan.Zero && m.DestinationProcessor > TimeSpan.Zero);
            Assert.Equal(encrypted, m.Sealed);
            Assert.InRange(m.SourceIdle, 0, 1);
            Assert.Equal(m.Bytes / m.Elapsed.TotalSeconds, m.BytesPerSecond);
        });
    }

    [Fact]
    public async Task Memory_that_the_other_side_does_not_give_is_refused_in_its_words()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<int> serving = LinkBenchmark.ServeAsync(acceptor, maxMemoryBytes: 1 << 20);
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => LinkBenchmark.RunAsync(new TcpConnector(acceptor.LocalEndPoint), [_short], Memory).WaitAsync(_patience));
        Assert.Equal(MigrationErrorKind.Refused, refused.Kind);
        Assert.Contains("this side gives 1048576", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<MigrationException>(() => serving.WaitAsync(_patience));
    }

    [Fact]
    public async Task Destination_of_migrations_serves_no_measurement_and_goes_on_waiting()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<DestinationResult> receiving = new MigrationDestination(MigrationTests.Build).ReceiveAsync(acceptor);
        MigrationException refused = await Assert.ThrowsAsync<MigrationException>(() => LinkBenchmark.RunAsync(new TcpConnector(acceptor.LocalEndPoint), [_short], Memory).WaitAsync(_patience));
        Assert.Contains("serves none", refused.Message, StringComparison.Ordinal);
        using GuestAtHost host = await GuestAtHost.StartAsync();
        Assert.Null((await host.MigrateAsync(new TcpConnector(acceptor.LocalEndPoint))).Failure);
        using var moved = (IDisposable)(await receiving.WaitAsync(_patience)).Guest!;
    }

    [Theory]
    [InlineData(PageCompression.None, 100, false)]
    [InlineData(PageCompression.Lz4, 100, false)]
    [InlineData(PageCompression.Lz4, 25, true)]
    [InlineData(PageCompression.Zstd, 25, true)]
    public async Task Pages_are_counted_as_they_are_and_as_they_travelled(PageCompression compression, int noise, bool isSmaller)
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<int> serving = LinkBenchmark.ServeAsync(acceptor);
        IReadOnlyList<LinkMeasurement> measured = await LinkBenchmark.RunAsync(
            new TcpConnector(acceptor.LocalEndPoint), [_short with { Compression = compression }], Memory, noisePercent: noise).WaitAsync(_patience);
        await serving.WaitAsync(_patience);
        LinkMeasurement m = measured[0];
        Assert.True(m.GuestBytes > 0 && m.GuestBytes % 4096 == 0);
        Assert.Equal(isSmaller, m.Bytes < 0.6 * m.GuestBytes);
        Assert.True(m.Bytes < 1.02 * m.GuestBytes);
    }

    [Fact]
    public async Task Source_that_goes_away_or_ends_early_ends_the_serving()
    {
        using var acceptor = new TcpAcceptor(new IPEndPoint(IPAddress.Loopback, 0));
        Task<int> serving = LinkBenchmark.ServeAsync(acceptor);
        using var stop = new CancellationTokenSource();
        Task<IReadOnlyList<LinkMeasurement>> running = LinkBenchmark.RunAsync(
            new TcpConnector(acceptor.LocalEndPoint), [_short, _short with { Duration = TimeSpan.FromMinutes(10) }], Memory, _ => stop.CancelAfter(100), cancellationToken: stop.Token);
        Exception ended = await Assert.ThrowsAnyAsync<Exception>(() => running.WaitAsync(_patience));
        Assert.True(ended is OperationCanceledException or MigrationException, ended.ToString());
        await Assert.ThrowsAsync<MigrationException>(() => serving.WaitAsync(_patience));
    }

    [Fact]
    public void Messages_round_trip_and_impossible_ones_are_refused()
    {
        Assert.Equal(new LinkBeginMessage(8192), LinkBeginMessage.Read(Bytes(new LinkBeginMessage(8192).Write)));
        Assert.Equal(new LinkCaseMessage(7), LinkCaseMessage.Read(Bytes(new LinkCaseMessage(7).Write)));
        Assert.Equal(new LinkResultMessage(5, TimeSpan.FromSeconds(2), 0.25), LinkResultMessage.Read(Bytes(new LinkResultMessage(5, TimeSpan.FromSeconds(2), 0.25).Write)));
        foreach (byte[] bad in new[] { Bytes(new LinkBeginMessage(0).Write), Bytes(new LinkBeginMessage(4097).Write), Bytes(new LinkBeginMessage(long.MaxValue - 4095).Write), [], new byte[300] })
        {
            Assert.Throws<MigrationException>(() => LinkBeginMessage.Read(bad));
        }

        Assert.Throws<MigrationException>(() => LinkCaseMessage.Read(Bytes(new LinkCaseMessage(0).Write)));
        Assert.Throws<MigrationException>(() => LinkCaseMessage.Read(Bytes(new LinkCaseMessage(LinkCase.MaxStreams + 1).Write)));
    }

    [Theory]
    [InlineData(0.1, 0.2, 1, 1, LinkLimit.Link)]
    [InlineData(0.95, 0.5, 0, 0, LinkLimit.Source)]
    [InlineData(0.85, 0.95, 1, 1, LinkLimit.Destination)]
    [InlineData(0.4, 0.4, 0.05, 1, LinkLimit.OtherWork)]
    [InlineData(0.4, 0.4, 1, 0.02, LinkLimit.OtherWork)]
    public void What_held_it_back_is_who_was_busy(double source, double destination, double sourceIdle, double destinationIdle, LinkLimit expected)
    {
        TimeSpan elapsed = TimeSpan.FromSeconds(4);
        var m = new LinkMeasurement(new LinkCase { Streams = 2 }, false, 1, elapsed, elapsed * (2 * source), elapsed * (2 * destination), 0, default, default)
        {
            SourceIdle = sourceIdle,
            DestinationIdle = destinationIdle,
        };
        Assert.Equal(expected, m.LimitedBy);
    }

    [Fact]
    public void Machine_time_is_read_from_the_kernels_line()
    {
        MachineTime before = MachineTime.Parse("cpu  100 0 100 700 100 0 0 0 50 0");
        Assert.Equal(new MachineTime(800, 1000), before);
        Assert.Equal(0.25, MachineTime.Parse("cpu  175 0 175 800 100 0 0 150 90 0").IdleSince(before) / 1.0, 0.01);
        Assert.Equal(1, MachineTime.Parse("nonsense").IdleSince(default));
        Assert.True(MachineTime.Now().All > 0);
    }

    private static byte[] Bytes(Action<PayloadWriter> write)
    {
        var writer = new PayloadWriter();
        write(writer);
        return writer.Written.ToArray();
    }
}
