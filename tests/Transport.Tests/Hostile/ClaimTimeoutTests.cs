using PageEngine.Reporting;
using PageEngine.Transport.Control;
using PageEngine.Transport.Sessions;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Hostile;

/// <summary>How long a source can make a destination hold a prepared guest.</summary>
public sealed class ClaimTimeoutTests
{
    private static readonly TimeSpan _most = DestinationHandshake.MaxBelievedResumeTimeout;

    [Theory]
    [InlineData(120, 240, 240)]
    [InlineData(240, 240, 480)]
    [InlineData(300, 240, 600)]
    [InlineData(3600, 240, 7200)]
    [InlineData(86_400, 86_401, 86_401)]
    public void A_destination_waits_longer_than_the_source(int asked, int own, int expected)
    {
        TimeSpan claim = DestinationHandshake.ClaimTimeoutFor(Asking(TimeSpan.FromSeconds(asked)), TimeSpan.FromSeconds(own));
        Assert.Equal(TimeSpan.FromSeconds(expected), claim);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_source_that_asks_for_too_long_is_refused_before_a_guest_is_built(bool days)
    {
        TimeSpan asked = days ? TimeSpan.FromDays(1) : _most + TimeSpan.FromMilliseconds(1);
        await using var edge = new PipeEdge();
        bool built = false;
        Task<DestinationResult> receiving = new MigrationDestination(
            offer =>
            {
                built = true;
                return new StubGuest(offer);
            },
            new MigrationDestinationOptions { NetworkTimeout = TimeSpan.FromSeconds(20) }).ReceiveAsync(edge);
        RawSource plain = new(edge);
        await plain.LeaveAsync();
        var source = new RawSource(edge) { Hello = plain.Hello with { ResumeTimeout = asked } };
        await source.Control.Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode());
        await source.Channel.SendAsync(ControlKind.Hello, source.Hello, static (m, w) => m.Write(w));
        ControlFrame answer = await source.ReceiveAsync();
        Assert.Equal(ControlKind.Failure, answer.Kind);
        await source.LeaveAsync();
        DestinationResult result = await receiving.WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(MigrationErrorKind.Refused, result.Report.Failure?.Kind);
        Assert.Contains("resume timeout", result.Report.Failure!.ToString(), StringComparison.Ordinal);
        Assert.Null(result.Guest);
        Assert.False(built);
    }

    private static HelloMessage Asking(TimeSpan resumeTimeout) => new RawSource(new PipeEdge()).Hello with { ResumeTimeout = resumeTimeout };
}
