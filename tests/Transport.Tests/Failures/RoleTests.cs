using Microsoft.Extensions.Time.Testing;
using PageEngine.Ownership;
using PageEngine.Transport.Sessions;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

public class RoleTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly KeptLog _log = new();

    public static TheoryData<int, int> Cells
    {
        get
        {
            var cells = new TheoryData<int, int>();
            foreach (RoleState state in Enum.GetValues<RoleState>())
            {
                foreach (RoleEvent e in Enum.GetValues<RoleEvent>())
                {
                    cells.Add((int)state, (int)e);
                }
            }

            return cells;
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_role_never_comes_back_and_only_an_order_ends_it(int stateCode, int eventCode)
    {
        (RoleState state, RoleEvent e) = ((RoleState)stateCode, (RoleEvent)eventCode);
        RoleState? next = RoleLifecycle.Next(state, e);
        if (next is null)
        {
            Assert.True(e is RoleEvent.Began or RoleEvent.CleanedUp || state == RoleState.Idle);
            return;
        }

        Assert.True(next >= state || (state, next) == (RoleState.Failed, RoleState.Failed));
        Assert.True(next is not (RoleState.Ending or RoleState.Ended) || state >= RoleState.Ending || e == RoleEvent.EndOrdered);
    }

    [Fact]
    public async Task Handling_begins_once_with_the_first_cause_and_nothing_is_heard_after_the_end()
    {
        SessionRoles roles = NewRoles();
        roles.Begin(DetectedBy.Transport);
        var first = new MigrationException(MigrationErrorKind.ConnectionLost, "The line is cut.") { DetectedBy = DetectedBy.Transport };
        var second = new MigrationException(MigrationErrorKind.Timeout, "No answer.") { DetectedBy = DetectedBy.Supervisor };
        roles.Detect(first);
        roles.Detect(first);
        _time.Advance(TimeSpan.FromSeconds(1));
        roles.Initiate(second);
        roles.Initiate(first);
        Assert.Equal(RoleState.Failed, roles[DetectedBy.Transport]);
        int cleaned = 0;
        await roles.EndAsync(DetectedBy.Transport, Clean, "closed");
        await roles.EndAsync(DetectedBy.Transport, Clean, "closed again");
        await roles.EndAsync(DetectedBy.Monitor, Clean, "it never began");
        Assert.Equal(1, cleaned);
        Assert.Equal((RoleState.Ended, RoleState.Ended), (roles[DetectedBy.Transport], roles[DetectedBy.Monitor]));
        await roles.EndSupervisorAsync();
        roles.Detect(new MigrationException(MigrationErrorKind.Internal, "Too late."));

        Assert.Equal([MigrationErrorKind.ConnectionLost, MigrationErrorKind.Timeout], roles.Observations.Select(o => o.Kind));
        Assert.Equal([TimeSpan.Zero, TimeSpan.FromSeconds(1)], roles.Observations.Select(o => o.At));
        Assert.Single(_log.Lines, line => line.Contains("The supervisor handles the failure: Timeout", StringComparison.Ordinal));
        Assert.DoesNotContain(_log.Lines, line => line.Contains("Too late", StringComparison.Ordinal));

        Task Clean()
        {
            cleaned++;
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task A_clean_up_that_fails_ends_the_role_all_the_same()
    {
        SessionRoles roles = NewRoles();
        roles.Begin(DetectedBy.Monitor);
        await Assert.ThrowsAsync<IOException>(() => roles.EndAsync(DetectedBy.Monitor, () => throw new IOException("stuck"), "tracing is off"));
        Assert.Equal(RoleState.Ended, roles[DetectedBy.Monitor]);
    }

    [Fact]
    public void A_flood_of_findings_is_kept_short()
    {
        SessionRoles roles = NewRoles();
        for (int i = 0; i < 1000; i++)
        {
            roles.Detect(new MigrationException(MigrationErrorKind.ConnectionLost, "again") { DetectedBy = DetectedBy.Supervisor });
        }

        Assert.Equal(16, roles.Observations.Count);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_not_waited_for_longer_than_the_limit()
    {
        var store = new FaultyStore(new MemoryOwnershipStore(), Guid.Empty);
        var never = new TaskCompletionSource<int>();
        Task<int> call = StoreCall.RunAsync(store, _ => new ValueTask<int>(never.Task), TimeSpan.FromSeconds(5), _time);
        _time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(call.IsCompleted);
        _time.Advance(TimeSpan.FromSeconds(2));
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(() => call);
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Contains("did not answer within 5 s", e.Message, StringComparison.Ordinal);
        never.SetException(new IOException("late"));
    }

    [Fact]
    public async Task Calls_that_nobody_waits_for_any_more_can_be_waited_for_once_they_have_ended()
    {
        var store = new TestOwnershipStore();
        Assert.True(StoreCall.GivenUpAsync(store).IsCompleted);
        TaskCompletionSource<int> first = new(), second = new();
        foreach (TaskCompletionSource<int> slow in new[] { first, second })
        {
            Task<int> call = StoreCall.RunAsync(store, _ => new ValueTask<int>(slow.Task), TimeSpan.FromSeconds(5), _time);
            _time.Advance(TimeSpan.FromSeconds(6));
            await Assert.ThrowsAsync<MigrationException>(() => call);
        }

        Task ended = StoreCall.GivenUpAsync(store);
        Assert.True(StoreCall.GivenUpAsync(new TestOwnershipStore()).IsCompleted);
        first.SetException(new IOException("late"));
        await Task.Delay(20);
        Assert.False(ended.IsCompleted);
        second.SetResult(1);
        await ended.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task A_sweep_finds_what_was_written_by_a_call_that_nobody_waits_for_any_more()
    {
        var store = new TestOwnershipStore();
        var record = new OwnershipRecord(Guid.NewGuid(), 1, RunId.NewRandom(), default);
        var slow = new TaskCompletionSource();
        Task<CreateOutcome> create = StoreCall.RunAsync(
            store,
            async called =>
            {
                await slow.Task;
                return await called.CreateAsync(record, default);
            },
            TimeSpan.FromSeconds(5),
            _time);
        _time.Advance(TimeSpan.FromSeconds(6));
        await Assert.ThrowsAsync<MigrationException>(() => create);
        Task sweep = StoreCall.SweepAsync(store, called => called.RemoveGuestAsync(record.GuestId, default), TimeSpan.FromSeconds(5), _time);
        slow.SetResult();
        await sweep.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, store.Guests);
    }

    [Fact]
    public async Task What_a_store_throws_is_the_stores_failure()
    {
        var store = new FaultyStore(new MemoryOwnershipStore(), Guid.Empty);
        MigrationException e = await Assert.ThrowsAsync<MigrationException>(
            () => StoreCall.RunAsync(store, _ => throw new IOException("no disk"), TimeSpan.FromSeconds(5), _time));
        Assert.Equal(MigrationErrorKind.OwnershipFailed, e.Kind);
        Assert.Equal("IOException: no disk", Assert.Single(e.Causes));
    }

    [Fact]
    public void Every_kind_of_failure_has_an_advice()
    {
        foreach (MigrationErrorKind kind in Enum.GetValues<MigrationErrorKind>())
        {
            Assert.Equal(kind == MigrationErrorKind.None, new MigrationException(kind, "").WhatToDo.Length == 0);
        }
    }

    private SessionRoles NewRoles() =>
        new(new MigrationIdentity(1, 'S', Guid.Empty, default, _log), _time);
}
