using Xunit;

namespace PageEngine.Fault.Tests.Hosts;

// Owns: that the check of the effects finds what it is there for, and nothing else.
public class EffectLogTests
{
    private static readonly Effect[] _good =
    [
        new("1", EffectKind.Resumed, 100, 100, 1, 0),
        new("1", EffectKind.Active, 110, 120, 1, 50),
        new("1", EffectKind.Active, 120, 130, 1, 90),
        new("1", EffectKind.Paused, 130, 130, 1, 90),
        new("2", EffectKind.Resumed, 140, 140, 2, 90),
        new("2", EffectKind.Active, 140, 150, 2, 120),
    ];

    [Fact]
    public void Guest_that_goes_on_where_it_was_paused_is_fine() => Assert.Empty(EffectLog.Check(_good));

    [Fact]
    public void Guest_whose_first_host_died_may_begin_later_than_it_was_last_seen() =>
        Assert.Empty(EffectLog.Check(_good.Where(e => e.Kind != EffectKind.Paused).Select(e => e.Epoch == 2 ? e with { Operations = e.Operations + 5 } : e)));

    [Fact]
    public void Guest_that_stays_under_an_epoch_of_its_own_is_fine() =>
        Assert.Empty(EffectLog.Check(_good.Select(e => e with { Host = "1" })));

    [Fact]
    public void Older_copy_that_runs_beside_the_newer_one_is_found() =>
        Assert.NotEmpty(EffectLog.Check([.. _good, new("1", EffectKind.Active, 150, 160, 1, 90)]));

    [Fact]
    public void Operation_that_two_hosts_did_is_found() =>
        Assert.NotEmpty(EffectLog.Check([.. _good, new("1", EffectKind.Active, 130, 135, 1, 91)]));

    [Fact]
    public void Operations_that_were_lost_are_found() =>
        Assert.NotEmpty(EffectLog.Check(_good.Select(e => e.Epoch == 2 ? e with { Operations = e.Operations + 1 } : e)));

    [Fact]
    public void Operations_that_are_repeated_are_found() =>
        Assert.NotEmpty(EffectLog.Check(_good.Select(e => e.Epoch == 2 ? e with { Operations = e.Operations - 1 } : e)));

    [Fact]
    public void Epoch_that_two_hosts_run_is_found() =>
        Assert.NotEmpty(EffectLog.Check([.. _good, new("3", EffectKind.Resumed, 160, 160, 2, 120)]));
}
