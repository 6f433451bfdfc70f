using PageEngine.Reporting;
using PageEngine.Transport.Control;
using Xunit;

namespace PageEngine.Transport.Tests.Sessions;

/// <summary>Deadlines that pass: the migration ends, says which deadline it was, and the guest runs on.</summary>
public class DeadlineTests
{
    private static readonly TimeSpan _soon = TimeSpan.FromMilliseconds(300);

    [Fact]
    public void Defaults_are_the_documented_ones()
    {
        var source = new MigrationSourceOptions();
        var destination = new MigrationDestinationOptions();
        Assert.Equal((TimeSpan.FromSeconds(90), TimeSpan.FromSeconds(90)), (source.StartTimeout, destination.StartTimeout));
        Assert.Equal(TimeSpan.FromSeconds(120), source.ResumeTimeout);
        Assert.Equal((TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(20)), (source.NetworkTimeout, destination.NetworkTimeout));
        Assert.True(destination.ClaimTimeout > source.ResumeTimeout);
    }

    [Fact]
    public async Task A_destination_that_does_not_get_ready_is_named_as_the_cause()
    {
        await using var edge = new PipeEdge();
        using GuestAtHost host = await GuestAtHost.StartAsync();

        // Nobody receives: the connection is there, and no answer comes.
        MigrationReport report = await host.MigrateAsync(edge, new MigrationSourceOptions { StartTimeout = _soon });
        Assert.Equal((MigrationErrorKind.Timeout, MigrationPhase.Handshake), (report.Failure!.Kind, report.Failure.Phase));
        Assert.Equal(GuestWhereabouts.RunningAtSource, report.Failure.Guest);
        Assert.Contains("was not ready within", report.Failure.Message, StringComparison.Ordinal);
        await host.AssertRunsAndIsConsistentAsync();
    }

    [Fact]
    public async Task A_source_that_does_not_get_to_the_first_page_is_named_as_the_cause()
    {
        await using var edge = new PipeEdge();
        Task<DestinationResult> receiving = new MigrationDestination(
            MigrationTests.Build, new MigrationDestinationOptions { StartTimeout = _soon }).ReceiveAsync(edge);
        await edge.OpenRaw().Output.WriteAsync(new ConnectionPreamble(ConnectionPurpose.Control, 0, Guid.Empty).Encode());
        DestinationResult result = await receiving;
        Assert.Equal((MigrationErrorKind.Timeout, MigrationPhase.Handshake), (result.Report.Failure!.Kind, result.Report.Failure.Phase));
        Assert.Contains("did not get as far as the first page", result.Report.Failure.Message, StringComparison.Ordinal);
    }
}
