using Microsoft.Extensions.Time.Testing;
using PageEngine.Bitmaps;
using PageEngine.Memory;
using PageEngine.Transport.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

public sealed class StallWatchTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly DirtyBitmap _pending = new(100);
    private readonly List<TimeSpan> _alarms = [];
    private readonly List<MigrationException> _ends = [];

    public StallWatchTests() => _pending.SetAll();

    public void Dispose() => _pending.Dispose();

    [Fact]
    public void A_round_that_gets_on_is_left_alone()
    {
        using StallWatch watch = Watch();
        for (int page = 0; page < 100; page++)
        {
            _pending.ClearPages(new PageRange(page, 1));
            Pass(4);
        }

        Assert.Empty(_alarms);
        Assert.Empty(_ends);
    }

    [Fact]
    public void A_round_that_stands_still_is_told_once_and_then_ended_once()
    {
        using StallWatch watch = Watch();
        Pass(7);
        Assert.Single(_alarms);
        Pass(3);
        Assert.Empty(_ends);
        Pass(10);
        Assert.Single(_alarms);
        MigrationException end = Assert.Single(_ends);
        Assert.Equal((MigrationErrorKind.Timeout, DetectedBy.Monitor), (end.Kind, end.DetectedBy));
        Assert.Contains("100 pages", end.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_fires_after_the_round_has_ended()
    {
        StallWatch watch = Watch();
        Pass(3);
        watch.Dispose();
        _pending.Dispose();
        Pass(100);
        Assert.Empty(_alarms);
        Assert.Empty(_ends);
    }

    private StallWatch Watch() =>
        new(_pending, _time, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(12), _alarms.Add, _ends.Add);

    private void Pass(int seconds)
    {
        for (int i = 0; i < seconds; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }
}
