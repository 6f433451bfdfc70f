using PageEngine.Bitmaps;
using PageEngine.EmbeddedGuest.Operations;

namespace PageEngine.EmbeddedGuest.Verification;

// Owns: comparing accounts, table and logs with the replays. Reads guest memory, but no hole: reading an empty page of
// a shared file would allocate it. The guest is paused.

internal sealed unsafe class SystemAreaVerifier(GuestPages pages, DirtyBitmap present, Findings findings)
{
    private static readonly ulong[] _hole = new ulong[GuestMemoryMap.PageWords];

    internal void Header(GuestHeader header)
    {
        ulong* expected = stackalloc ulong[GuestMemoryMap.PageWords];
        header.Write(expected);
        ReadOnlySpan<ulong> actual = Words(GuestMemoryMap.HeaderPage);
        if (!actual.SequenceEqual(new ReadOnlySpan<ulong>(expected, GuestMemoryMap.PageWords)))
        {
            findings.CorruptedPage();
            findings.Say($"Page {GuestMemoryMap.HeaderPage}: the header is not the one this guest was given.");
        }
    }

    internal void Accounts(Replay[] replays)
    {
        long sum = 0;
        for (int page = 0; page < GuestMemoryMap.AccountCount / GuestMemoryMap.PageWords; page++)
        {
            ReadOnlySpan<ulong> actual = Words(GuestMemoryMap.AccountsPage + page);
            bool differs = false;
            for (int i = 0; i < actual.Length; i++)
            {
                int account = (page * GuestMemoryMap.PageWords) + i;
                long expected = GuestMemoryMap.InitialBalance;
                foreach (Replay replay in replays)
                {
                    expected += replay.Accounts[account];
                }

                sum += (long)actual[i];
                if ((long)actual[i] != expected)
                {
                    differs = true;
                    findings.Violation();
                    findings.Say($"Account {account} holds {(long)actual[i]}; the replay gives {expected}.");
                }
            }

            CountIf(differs);
        }

        if (sum != GuestMemoryMap.AccountCount * GuestMemoryMap.InitialBalance)
        {
            findings.Violation();
            findings.Say($"The accounts hold {sum} together; transfers must leave {GuestMemoryMap.AccountCount * GuestMemoryMap.InitialBalance}.");
        }
    }

    internal void Table(Replay[] replays)
    {
        for (int page = 0; page < GuestMemoryMap.BucketCount * GuestMemoryMap.BucketWords / GuestMemoryMap.PageWords; page++)
        {
            ReadOnlySpan<ulong> actual = Words(GuestMemoryMap.TablePage + page);
            bool differs = false;
            for (int i = 0; i < actual.Length; i += GuestMemoryMap.BucketWords)
            {
                int word = (page * GuestMemoryMap.PageWords) + i;
                ulong count = 0;
                ulong digests = 0;
                foreach (Replay replay in replays)
                {
                    count += replay.Table[word];
                    digests += replay.Table[word + 1];
                }

                differs |= !BucketMatches(word / GuestMemoryMap.BucketWords, actual[i], actual[i + 1], count, digests);
            }

            CountIf(differs);
        }
    }

    internal void Log(int virtualCpu, Replay replay, long operations)
    {
        for (int page = 0; page < GuestMemoryMap.LogPages; page++)
        {
            ReadOnlySpan<ulong> actual = Words(GuestMemoryMap.LogPage(virtualCpu) + page);
            ReadOnlySpan<ulong> expected = replay.Log.Slice(page * GuestMemoryMap.PageWords, GuestMemoryMap.PageWords);
            if (actual.SequenceEqual(expected))
            {
                continue;
            }

            CountIf(true);
            for (int i = 0; i < actual.Length; i += GuestMemoryMap.LogEntryWords)
            {
                Entry(virtualCpu, actual.Slice(i, GuestMemoryMap.LogEntryWords), expected.Slice(i, GuestMemoryMap.LogEntryWords), operations);
            }
        }
    }

    /// <summary>The saved hash must be that of the last operation.</summary>
    internal void Chain(int virtualCpu, ulong actual, Replay replay)
    {
        if (actual != replay.Chain)
        {
            findings.Violation();
            findings.Say($"Virtual CPU {virtualCpu} carries a log hash that its operations do not give.");
        }
    }

    private bool BucketMatches(int bucket, ulong actual, ulong actualDigests, ulong expected, ulong expectedDigests)
    {
        if (actual == expected && actualDigests == expectedDigests)
        {
            return true;
        }

        // The difference is taken as signed: a count is far below 2^63 unless it is damaged.
        long difference = unchecked((long)(actual - expected));
        bool plausible = actual < 1UL << 62;
        if (difference == 0 || !plausible)
        {
            findings.Violation();
        }
        else
        {
            findings.Table(Math.Max(-difference, 0), Math.Max(difference, 0));
        }

        findings.Say($"Bucket {bucket} of the table counts {actual} operations with digest {actualDigests:x16}; the replay gives {expected} with {expectedDigests:x16}.");
        return false;
    }

    private void Entry(int virtualCpu, ReadOnlySpan<ulong> actual, ReadOnlySpan<ulong> expected, long operations)
    {
        if (actual.SequenceEqual(expected))
        {
            return;
        }

        // The same slot of the ring belongs to every LogEntries-th operation: an older one there means that the one
        // expected was lost, a newer one that it was done before and will be done again.
        long difference = unchecked((long)(actual[0] - expected[0]));
        bool sameSlot = actual[0] == 0 || expected[0] == 0 || difference % GuestMemoryMap.LogEntries == 0;
        if (difference == 0 || !sameSlot || actual[0] > 1UL << 62)
        {
            findings.Violation();
        }
        else if (difference < 0)
        {
            findings.Logs(1, 0);
        }
        else
        {
            findings.Logs(0, 1);
        }

        string found = actual[0] == 0 ? "no operation" : $"operation {actual[0] - 1}";
        string wanted = expected[0] == 0 ? "none" : $"operation {expected[0] - 1}";
        findings.Say($"The log of virtual CPU {virtualCpu}, which has done {operations} operations, has {found} with hash {actual[2]:x16} where the replay gives {wanted} with {expected[2]:x16}.");
    }

    private void CountIf(bool differs)
    {
        if (differs)
        {
            findings.CorruptedPage();
        }
    }

    // SAFETY: a page has PageWords words and stays mapped: the guest holds its memory while it verifies.
    private ReadOnlySpan<ulong> Words(long page) =>
        present.IsSet(page) ? new ReadOnlySpan<ulong>(pages.Words(page), GuestMemoryMap.PageWords) : _hole;
}
