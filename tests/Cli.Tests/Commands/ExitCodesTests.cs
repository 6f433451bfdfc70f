using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Cli.Tests.Commands;

public sealed class ExitCodesTests
{
    private static readonly GuestFindings _good = new() { Consistent = true, Operations = 9, LostOperations = 0, RepeatedOperations = 0 };

    [Fact]
    public void Completed_and_nothing_wrong_is_done() => Assert.Equal(0, ExitCodes.For(Reports.Completed(), _good));

    [Fact]
    public void Completed_with_different_memory_is_damaged() => Assert.Equal(
        5, ExitCodes.For(Reports.Completed() with { Memory = new MemoryVerification(10, 1, 3) }, _good));

    [Theory]
    [InlineData(false, 0, 0)]
    [InlineData(true, 1, 0)]
    [InlineData(true, 0, 1)]
    public void Completed_with_a_bad_guest_is_damaged(bool consistent, long lost, long repeated) => Assert.Equal(
        5, ExitCodes.For(Reports.Completed(), _good with { Consistent = consistent, LostOperations = lost, RepeatedOperations = repeated }));

    [Fact]
    public void A_guest_that_is_damaged_at_the_source_is_damaged_whatever_ended_the_migration() => Assert.Equal(
        5, ExitCodes.For(Reports.Failed(MigrationErrorKind.ConnectionLost), _good with { Consistent = false }));

    [Fact]
    public void Cancelled_is_130() => Assert.Equal(130, ExitCodes.For(Reports.Completed() with { Outcome = MigrationOutcome.Cancelled }, _good));

    [Fact]
    public void In_doubt_is_4() => Assert.Equal(4, ExitCodes.For(Reports.Completed() with { Outcome = MigrationOutcome.InDoubt }));

    [Theory]
    [InlineData(MigrationErrorKind.Cancelled, MigrationPhase.PreCopy, 130)]
    [InlineData(MigrationErrorKind.NotConverging, MigrationPhase.PreCopy, 1)]
    [InlineData(MigrationErrorKind.AbortTimeReached, MigrationPhase.PreCopy, 1)]
    [InlineData(MigrationErrorKind.ConnectionLost, MigrationPhase.Handshake, 1)]
    [InlineData(MigrationErrorKind.Timeout, MigrationPhase.Prepare, 1)]
    [InlineData(MigrationErrorKind.ProtocolViolation, MigrationPhase.PreCopy, 5)]
    [InlineData(MigrationErrorKind.VersionMismatch, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.Refused, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.GuestFailed, MigrationPhase.Pause, 1)]
    [InlineData(MigrationErrorKind.TracingFailed, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.TracingFailed, MigrationPhase.PreCopy, 1)]
    [InlineData(MigrationErrorKind.MemoryFailed, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.OwnershipFailed, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.OwnershipFailed, MigrationPhase.Commit, 1)]
    [InlineData(MigrationErrorKind.AlreadyMigrating, MigrationPhase.Handshake, 3)]
    [InlineData(MigrationErrorKind.DataDamaged, MigrationPhase.Prepare, 5)]
    [InlineData(MigrationErrorKind.GuestLost, MigrationPhase.Resume, 6)]
    [InlineData(MigrationErrorKind.Internal, MigrationPhase.PreCopy, 1)]
    public void A_failure_has_the_code_of_its_kind_as_report_and_as_exception(MigrationErrorKind kind, MigrationPhase phase, int code)
    {
        Assert.Equal(code, ExitCodes.For(Reports.Failed(kind, phase)));
        Assert.Equal(code, ExitCodes.For(new MigrationException(kind, "x") { Phase = phase }));
    }

    [Fact]
    public void Where_the_guest_is_weighs_more_than_why()
    {
        Assert.Equal(6, ExitCodes.For(Reports.Failed(MigrationErrorKind.DataDamaged, guest: GuestWhereabouts.Lost)));
        Assert.Equal(4, ExitCodes.For(Reports.Failed(MigrationErrorKind.ConnectionLost, guest: GuestWhereabouts.Held)));

        // A rehearsal that was in doubt: nothing is held.
        Assert.Equal(1, ExitCodes.For(Reports.Failed(MigrationErrorKind.InDoubt)));
        Assert.Equal(4, ExitCodes.For(Reports.Failed(MigrationErrorKind.InDoubt, guest: GuestWhereabouts.Unknown)));
        Assert.Equal(4, ExitCodes.For(new MigrationException(MigrationErrorKind.InDoubt, "x")));
        Assert.Equal(6, ExitCodes.For(Reports.Completed() with { Outcome = MigrationOutcome.InDoubt, Failure = Reports.Failed(MigrationErrorKind.GuestLost).Failure }));
    }

    [Fact]
    public void Every_kind_has_one_of_the_documented_codes()
    {
        foreach (MigrationErrorKind kind in Enum.GetValues<MigrationErrorKind>())
        {
            foreach (MigrationPhase phase in Enum.GetValues<MigrationPhase>())
            {
                Assert.Contains(ExitCodes.For(Reports.Failed(kind, phase)), new[] { 1, 3, 4, 5, 6, 130 });
            }
        }
    }

    [Fact]
    public void Exceptions_of_other_kinds()
    {
        Assert.Equal(2, ExitCodes.For(new UsageException("x")));
        Assert.Equal(130, ExitCodes.For(new OperationCanceledException()));
        Assert.Equal(1, ExitCodes.For(new IOException("x")));
    }
}
