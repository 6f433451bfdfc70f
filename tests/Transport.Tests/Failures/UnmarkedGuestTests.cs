using PageEngine.Ownership;
using PageEngine.Recovery;
using PageEngine.Reporting;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

/// <summary>The guest came to run at the destination, and the store could not be told: its journal is nobody else's to settle
/// while the process lives, and that process makes up for it.</summary>
public class UnmarkedGuestTests
{
    [Fact]
    public async Task GuestThatRuns_isNotTakenForLost_andIsMarkedWhenTheStoreIsBack()
    {
        await using FailureScene scene = await FailureScene.CreateAsync();
        string journals = Directory.CreateTempSubdirectory("pageengine-unmarked-").FullName;
        try
        {
            FailureRows.All.Single(r => r.Name == "the last mark fails for good").Arrange(scene);
            scene.Destination = scene.Destination with { JournalDirectory = journals };
            await scene.RunAsync().WaitAsync(TimeSpan.FromMinutes(2));
            await scene.AssertRunsAsync(Runs.AtDestination);
            Assert.Equal(OwnershipMark.Resuming, await scene.Store.ReadMarkAsync(scene.Guest.Id, 2, default));

            OpenAttempt open = Assert.Single(MigrationRecovery.Find(journals));
            Assert.Equal((true, true, MigrationRole.Destination), (open.ProcessIsAlive, open.RunsInThisProcess, open.Role));
            var options = new RecoveryOptions { Store = scene.DestinationStore, RetryInterval = TimeSpan.FromMilliseconds(1), RetryPeriod = TimeSpan.Zero };
            RecoveryResult still = await MigrationRecovery.SettleAsync(open, options);
            Assert.Equal(RecoveryOutcome.Held, still.Outcome);
            Assert.Contains("The store is full.", still.Description, StringComparison.Ordinal);

            scene.DestinationStore.Marking = _ => Task.CompletedTask;
            RecoveryResult settled = await MigrationRecovery.SettleAsync(open, options);
            Assert.Equal((RecoveryOutcome.RunsHere, null), (settled.Outcome, settled.Guest));
            Assert.Equal(OwnershipMark.Running, await scene.Store.ReadMarkAsync(scene.Guest.Id, 2, default));
            Assert.Empty(MigrationRecovery.Find(journals));
            await scene.AssertRunsAsync(Runs.AtDestination);
        }
        finally
        {
            Directory.Delete(journals, recursive: true);
        }
    }
}
