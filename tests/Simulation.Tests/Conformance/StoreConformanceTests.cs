using PageEngine.Ownership;
using PageEngine.Simulation.Conformance;
using Xunit;

namespace PageEngine.Simulation.Tests.Conformance;

public sealed class StoreConformanceTests : IDisposable
{
    private static readonly StoreConformanceOptions Short = new() { StaleFor = TimeSpan.FromMilliseconds(60), CheckLimit = TimeSpan.FromSeconds(30) };

    private static readonly (string Part, string[] Checks)[] Table =
    [
        ("shows a record for any guest", ["read-unknown-guest"]),
        ("ends at epoch 5", ["create-in-order"]),
        ("accepts gaps", ["create-gap-conflicts"]),
        ("creates twice", ["create-taken-conflicts", "model"]),
        ("knows no repeated create", ["create-again-succeeds", "model"]),
        ("looks, then creates", ["create-race-one-winner"]),
        ("says conflict when busy", ["create-race-same-record"]),
        ("shows a record before it won", ["read-during-race"]),
        ("believes a cancelled create", ["create-cancelled-one-winner"]),
        ("marks shrink", ["marks-grow", "model"]),
        ("marks are seen late", ["marks-own-seen"]),
        ("marks are lost in a race", ["marks-race"]),
        ("marks need no epoch", ["mark-needs-epoch"]),
        ("marks belong to the guest", ["marks-of-one-epoch", "model"]),
        ("marks belong to the epoch of any guest", ["guests-independent"]),
        ("nonces have no side", ["nonces-read-back"]),
        ("describes nothing", ["describe"]),
        ("staging creates", ["stage-decides-nothing", "model"]),
        ("rehearsing creates epochs", ["rehearse-leaves-guests", "rehearse-leaves-nothing"]),
        ("forgetting an attempt removes the guest", ["forget-attempt-leaves-epochs", "model"]),
        ("forgetting an attempt does nothing", ["forget-attempt-removes-nonces"]),
        ("removing a guest does nothing", ["remove-guest"]),
        ("loses all when closed", ["survives-reopening"]),
    ];

    private readonly string _directory = Directory.CreateTempSubdirectory("pageengine-test-").FullName;

    public static TheoryData<string> Checks => BrokenParts.Names(StoreConformance.Checks);

    public static TheoryData<string, string> Broken => BrokenParts.Pairs(Table);

    [Theory]
    [MemberData(nameof(Checks))]
    public async Task FileStore_keeps_the_rule(string check)
    {
        var options = new StoreConformanceOptions { CountEntries = () => Directory.GetFiles(_directory).Length };
        ConformanceResult result = await StoreConformance.RunCheckAsync(check, () => FileOwnershipStore.Open(_directory), options);
        Assert.True(result.Status == ConformanceStatus.Passed, result.ToString());
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public async Task MemoryStore_keeps_every_rule()
    {
        var store = new MemoryOwnershipStore();
        ConformanceReport report = await StoreConformance.RunAsync(() => store);
        report.ThrowIfFailed();
        Assert.Equal("rehearse-leaves-nothing", Assert.Single(report.Results, result => result.Status == ConformanceStatus.Skipped).Check.Name);
    }

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Broken_store_is_caught(string part, string check)
    {
        (Func<IOwnershipStore> open, StoreConformanceOptions options) = Make(part);
        BrokenParts.Catches(await StoreConformance.RunCheckAsync(check, open, options));
    }

    [Fact]
    public void Every_check_catches_a_broken_store() => BrokenParts.EveryCheckCatchesOne(StoreConformance.Checks, Table);

    [Fact]
    public async Task A_right_double_breaks_no_rule()
    {
        var store = new StoreDouble();
        (await StoreConformance.RunAsync(() => store, Short)).ThrowIfFailed();
    }

    [Fact]
    public async Task A_call_that_hangs_fails_its_check()
    {
        var store = new SpoiltStore { Create = static (_, _) => { Thread.Sleep(Timeout.Infinite); return CreateOutcome.None; } };
        ConformanceResult result = await StoreConformance.RunCheckAsync("create-in-order", () => store, Short with { CheckLimit = TimeSpan.FromMilliseconds(200) });
        Assert.Equal(ConformanceStatus.Failed, result.Status);
        Assert.Contains("hangs", result.Observed, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_check_is_misuse() =>
        await Assert.ThrowsAsync<ArgumentException>(() => StoreConformance.RunCheckAsync("no-such-check", () => new MemoryOwnershipStore()));

    [Fact]
    public async Task A_cancelled_run_throws()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => StoreConformance.RunAsync(() => new MemoryOwnershipStore(), cancellationToken: cancelled.Token));
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static (Func<IOwnershipStore> Open, StoreConformanceOptions Options) Make(string part)
    {
        if (part == "loses all when closed")
        {
            return (new ForgetfulStore().Open, Short);
        }

        if (part == "rehearsing creates epochs")
        {
            var rehearsing = new RehearsingStore();
            return (() => rehearsing, Short with { CountEntries = () => rehearsing.Entries });
        }

        IOwnershipStore store = part switch
        {
            "shows a record for any guest" => new SpoiltStore { Read = static (guest, right) => right ?? new OwnershipRecord(guest, 1, default, default) },
            "ends at epoch 5" => new SpoiltStore { Create = static (record, create) => record.Epoch > 5 ? CreateOutcome.Conflict : create(record) },
            "accepts gaps" => new SpoiltStore { Create = static (record, create) => create(record) is var right && record.Epoch > 4 ? CreateOutcome.Created : right },
            "creates twice" => new SpoiltStore { Create = static (record, create) => create(record) is var _ && record.Epoch < 4 ? CreateOutcome.Created : CreateOutcome.Conflict },
            "knows no repeated create" => OnceOnly(),
            "looks, then creates" => new LookThenCreateStore(),
            "says conflict when busy" => new BusyStore(),
            "shows a record before it won" => new EarlyReadStore(),
            "believes a cancelled create" => new BelievesCancelledStore(),
            "marks shrink" => new MarkStore(MarkFlaw.Shrinks),
            "marks are seen late" => new MarkStore(MarkFlaw.SeenLate),
            "marks are lost in a race" => new MarkStore(MarkFlaw.LostInRace),
            "marks need no epoch" => new MarkStore(MarkFlaw.NeedsNoEpoch),
            "marks belong to the guest" => new MarkStore(MarkFlaw.OfWholeGuest),
            "marks belong to the epoch of any guest" => new MarkStore(MarkFlaw.OfAllGuests),
            "nonces have no side" => new SpoiltStore { Side = static _ => "any" },
            "describes nothing" => new SpoiltStore { Text = "" },
            "staging creates" => new SpoiltStore { Stage = static (inner, record) => inner.CreateAsync(record, CancellationToken.None).AsTask().Wait() },
            "forgetting an attempt removes the guest" => new SpoiltStore { Forget = static (inner, guest) => inner.RemoveGuestAsync(guest, CancellationToken.None).AsTask().Wait() },
            "forgetting an attempt does nothing" => new SpoiltStore { Forget = static (_, _) => { } },
            "removing a guest does nothing" => new SpoiltStore { RemovesNothing = true },
            _ => throw new ArgumentException(part),
        };
        return (() => store, Short);

        static SpoiltStore OnceOnly()
        {
            var seen = new HashSet<OwnershipRecord>();
            return new SpoiltStore
            {
                Create = (record, create) =>
                {
                    lock (seen)
                    {
                        return seen.Add(record) ? create(record) : CreateOutcome.Conflict;
                    }
                },
            };
        }
    }
}
