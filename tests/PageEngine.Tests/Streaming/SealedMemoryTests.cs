using PageEngine.Memory;
using PageEngine.Streaming;
using Xunit;

namespace PageEngine.Tests.Streaming;

public class SealedMemoryTests
{
    [Fact]
    public void Batch_after_the_seal_is_refused()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 * MemoryLayout.PageBytes);
        using var applier = new PageApplier(memory, keepHashes: false);
        applier.BeginBatch();
        applier.EndBatch();
        applier.Seal();
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(applier.BeginBatch).Kind);
    }

    [Fact]
    public void Seal_during_a_batch_is_refused_and_no_further_batch_begins()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 * MemoryLayout.PageBytes);
        using var applier = new PageApplier(memory, keepHashes: false);
        applier.BeginBatch();
        Assert.Equal(MigrationErrorKind.ProtocolViolation, Assert.Throws<MigrationException>(applier.Seal).Kind);
        Assert.Throws<MigrationException>(applier.BeginBatch);
    }

    [Fact]
    public async Task Seal_and_batches_that_race_never_both_go_on()
    {
        using GuestMemory memory = GuestMemory.Allocate(64 * MemoryLayout.PageBytes);
        for (int round = 0; round < 2000; round++)
        {
            using var applier = new PageApplier(memory, keepHashes: false);
            bool writing = false;
            bool wroteAfterSeal = false;
            bool isSealed = false;
            Task stream = Task.Run(() =>
            {
                try
                {
                    applier.BeginBatch();
                    Volatile.Write(ref writing, true);
                    wroteAfterSeal = Volatile.Read(ref isSealed);
                    Volatile.Write(ref writing, false);
                    applier.EndBatch();
                }
                catch (MigrationException)
                {
                    // Refused: nothing is written.
                }
            });
            try
            {
                applier.Seal();
                Volatile.Write(ref isSealed, true);
                Assert.False(Volatile.Read(ref writing));
            }
            catch (MigrationException)
            {
                // The batch was first.
            }

            await stream;
            Assert.False(wroteAfterSeal);
        }
    }
}
