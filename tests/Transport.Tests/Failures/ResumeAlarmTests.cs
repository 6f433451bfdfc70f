using Microsoft.Extensions.Time.Testing;
using PageEngine.Transport.Sessions;
using PageEngine.Transport.Tests.Sessions;
using Xunit;

namespace PageEngine.Transport.Tests.Failures;

public class ResumeAlarmTests
{
    [Theory]
    [InlineData(900, false)]
    [InlineData(1100, true)]
    public async Task A_person_is_told_when_a_guest_takes_a_second_to_resume_and_never_after_it_did(int milliseconds, bool told)
    {
        var time = new FakeTimeProvider();
        var log = new KeptLog();
        using GuestAtHost host = await GuestAtHost.StartAsync(mebibytes: 4);
        await host.Guest.PauseAsync(default);
        var guest = new FaultyGuest(host.Guest)
        {
            Resuming = () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(milliseconds));
                return Task.CompletedTask;
            },
        };
        await GuestCall.ResumeAsync(guest, 1, time, new MigrationIdentity(7, 'D', guest.Id, default, log));
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(told ? 1 : 0, log.Lines.Count(line => line.Contains("7 D: The guest has not resumed for 1 s", StringComparison.Ordinal)));
        await host.AssertRunsAndIsConsistentAsync();
    }
}
