using FsCheck;
using FsCheck.Xunit;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest.Operations;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Verification;

/// <summary>Every fault that a migration can make is found, named and counted.</summary>
public class FaultTests
{
    private const int Megabyte = 1;

    [Fact]
    public void An_old_version_of_a_workload_page_is_a_lost_operation()
    {
        using VerifiableGuest guest = Small("seq@max");
        guest.StepAll(300, 300);
        long page = guest.Map.FirstWorkloadPage + 6;
        byte[] old = guest.Memory.Page(page).ToArray();
        long owned = guest.Map.OwnedPages(0, guest.Map.WorkloadPages);
        guest.Step(0, 2 * owned);
        Assert.Null(guest.Verify().FirstFinding);

        old.CopyTo(guest.Memory.Page(page));
        GuestVerification found = guest.Verify();
        Assert.Equal((2, 0, 1, 0), (found.LostOperations, found.RepeatedOperations, found.CorruptedPages, found.InvariantViolations));
        Assert.Contains($"Page {page} ", found.FirstFinding, StringComparison.Ordinal);
    }

    [Fact]
    public void A_page_that_was_never_copied_is_a_lost_operation()
    {
        using VerifiableGuest guest = Small("seq@max", fill: 0);
        guest.StepAll(10, 10);
        guest.Memory.Page(guest.Map.FirstWorkloadPage + 4).Clear();
        GuestVerification found = guest.Verify();
        Assert.Equal((1, 0, 1, 0), (found.LostOperations, found.RepeatedOperations, found.CorruptedPages, found.InvariantViolations));
    }

    [Fact]
    public void Old_versions_of_the_other_pages_are_found()
    {
        foreach (long page in (long[])[GuestMemoryMap.AccountsPage + 3, GuestMemoryMap.TablePage + 2, GuestMemoryMap.LogPage(1)])
        {
            using VerifiableGuest guest = Small("uniform@max");
            guest.StepAll(3000, 3000);
            byte[] old = guest.Memory.Page(page).ToArray();
            guest.StepAll(2000, 2000);
            old.CopyTo(guest.Memory.Page(page));
            GuestVerification found = guest.Verify();
            Assert.Equal(1, found.CorruptedPages);
            Assert.Equal(0, found.RepeatedOperations);
            Assert.True(found.LostOperations > 0 || (page == GuestMemoryMap.AccountsPage + 3 && found.InvariantViolations > 0));
            Assert.NotNull(found.FirstFinding);
        }
    }

    [Fact]
    public void A_page_that_is_ahead_is_a_repeated_operation()
    {
        using VerifiableGuest guest = Small("seq@max");
        guest.StepAll(10, 10);
        DeviceState early = guest.Save();
        guest.Step(1, 3);
        guest.Load(early);
        GuestVerification found = guest.Verify();
        Assert.Equal((0, 3), (found.LostOperations, found.RepeatedOperations));
    }

    [Fact]
    public void An_operation_done_twice_stays_visible()
    {
        using VerifiableGuest guest = Small("uniform@max");
        guest.StepAll(500, 500);
        DeviceState early = guest.Save();
        guest.Step(0, 1);
        guest.Load(early);
        guest.StepAll(500, 500);
        GuestVerification found = guest.Verify();
        Assert.Equal((0, 1), (found.LostOperations, found.RepeatedOperations));
        Assert.True(found.CorruptedPages >= 2);
        guest.StepAll(5000, 5000);
        Assert.Equal(1, guest.Verify().RepeatedOperations);
    }

    [Fact]
    public void An_operation_left_out_stays_visible()
    {
        using VerifiableGuest guest = Small("uniform@max");
        guest.StepAll(500, 500);
        guest.Load(guest.Change(guest.Save(), 0, c => c with { Operations = c.Operations + 1 }));
        GuestVerification found = guest.Verify();
        Assert.Equal((1, 0), (found.LostOperations, found.RepeatedOperations));
        guest.StepAll(5000, 5000);
        found = guest.Verify();
        Assert.Equal((1, 0), (found.LostOperations, found.RepeatedOperations));
        Assert.True(found.InvariantViolations > 0);
    }

    [Fact]
    public unsafe void A_write_to_the_wrong_page_is_damage_and_no_repetition()
    {
        using VerifiableGuest guest = Small("seq@max");
        guest.StepAll(10, 10);
        ulong digest = guest.Streams[0].Draw(9).Digest;
        long page = guest.Map.PageOf(0, 3);
        new PageStamp(9, 7, digest).Write((ulong*)guest.Memory.PagePointer(page), 0);
        GuestVerification found = guest.Verify();
        Assert.Equal((0, 0, 1), (found.LostOperations, found.RepeatedOperations, found.CorruptedPages));
        Assert.Contains("damaged", found.FirstFinding, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_log_hash_in_the_state_is_found()
    {
        using VerifiableGuest guest = Small("uniform@max");
        guest.StepAll(5, 5);
        guest.Load(guest.Change(guest.Save(), 1, c => c with { Chain = c.Chain ^ 1 }));
        GuestVerification found = guest.Verify();
        Assert.Equal((0, 0, 0, 1), (found.LostOperations, found.RepeatedOperations, found.CorruptedPages, found.InvariantViolations));
    }

    [Fact]
    public void Money_from_nowhere_breaks_the_sum()
    {
        using VerifiableGuest guest = Small("idle");
        guest.StepAll(50, 50);
        guest.Memory.Page(GuestMemoryMap.AccountsPage)[0]++;
        GuestVerification found = guest.Verify();
        Assert.Equal((1, 2), (found.CorruptedPages, found.InvariantViolations));
    }

    [Property(MaxTest = 60)]
    public void A_changed_byte_anywhere_is_found(ulong seed, uint position, byte change, byte fill, bool used)
    {
        using VerifiableGuest guest = GuestFixture.Guest("zipf:0.9@max", 2, seed, fill % 101, Megabyte);
        guest.StepAll(400, 300);

        // Half of the time in the pages before the workload area, which are few.
        long bytes = (used ? guest.Map.FirstWorkloadPage : guest.Memory.PageCount) * 4096;
        long at = Spread(position) % bytes;
        byte value = (byte)(change == 0 ? 1 : change);
        guest.Memory.Page(at / 4096)[(int)(at % 4096)] ^= value;
        GuestVerification found = guest.Verify();
        Assert.False(found.IsConsistent);
        Assert.Equal(1, found.CorruptedPages);
        Assert.NotNull(found.FirstFinding);
        guest.Memory.Page(at / 4096)[(int)(at % 4096)] ^= value;
        Assert.True(guest.Verify().IsConsistent);
    }

    [Property(MaxTest = 40)]
    public void Swapped_pages_are_found(ulong seed, ushort a, ushort b)
    {
        using VerifiableGuest guest = GuestFixture.Guest("uniform@max", 2, seed, 100, Megabyte);
        guest.StepAll(400, 400);
        long first = Spread(a) % guest.Memory.PageCount;
        long second = Spread(b + 1000u) % guest.Memory.PageCount;
        if (guest.Memory.Page(first).SequenceEqual(guest.Memory.Page(second)))
        {
            return;
        }

        byte[] kept = guest.Memory.Page(first).ToArray();
        guest.Memory.Page(second).CopyTo(guest.Memory.Page(first));
        kept.CopyTo(guest.Memory.Page(second));
        GuestVerification found = guest.Verify();
        Assert.Equal(2, found.CorruptedPages);
    }

    [Property(MaxTest = 40)]
    public void A_page_that_never_arrived_is_found(ulong seed, ushort left, byte fill)
    {
        using VerifiableGuest source = GuestFixture.Guest("uniform@max", 2, seed, fill % 101, Megabyte);
        source.StepAll(40, 40);

        // A file, because a huge page would be present as a whole.
        using VerifiableGuest destination = VerifiableGuest.FromDescription(
            source.Id, source.Describe(), source.Memory.Layout, allocate: l => new GuestMemory([GuestMemoryRegion.MemoryFile(l.Regions[0].BaseAddress, l.Bytes, "guest-test")]));
        long skipped = Spread(left) % source.Memory.PageCount;
        for (long page = 0; page < source.Memory.PageCount; page++)
        {
            // As a migration does: pages of zeros are not written, and stay holes.
            if (page != skipped && source.Memory.Page(page).ContainsAnyExcept((byte)0))
            {
                source.Memory.Page(page).CopyTo(destination.Memory.Page(page));
            }
        }

        destination.Load(source.Save());
        GuestVerification found = destination.Verify();
        Assert.Equal(source.Memory.Page(skipped).ContainsAnyExcept((byte)0) ? 1 : 0, found.CorruptedPages);
    }

    // Generated numbers are small; places should be anywhere.
    private static long Spread(uint generated) => (long)(Mixer.Mix(generated) >> 1);

    private static VerifiableGuest Small(string workload, int fill = 100) => GuestFixture.Guest(workload, 2, 11, fill, Megabyte);
}
