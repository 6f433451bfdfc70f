using PageEngine.Guests;

namespace PageEngine.Transport.Sessions;

// Owns: how the guest is called: what it throws is the guest's failure, and says so.

internal static class GuestCall
{
    /// <summary>How long a guest may take to resume before a person is told.</summary>
    internal static readonly TimeSpan ResumeAlarm = TimeSpan.FromSeconds(1);

    /// <summary>Resumes the guest, and says so when that takes long. No alarm fires once it is done.</summary>
    /// <exception cref="MigrationException">It did not resume.</exception>
    internal static async ValueTask ResumeAsync(IGuest guest, ulong epoch, TimeProvider time, MigrationIdentity identity)
    {
        using ITimer alarm = time.CreateTimer(
            static state => ((MigrationIdentity)state!).Logger.ResumeTakesLong(((MigrationIdentity)state!).Id, ((MigrationIdentity)state!).Side, ResumeAlarm.TotalSeconds),
            identity, ResumeAlarm, Timeout.InfiniteTimeSpan);
        await RunAsync("resume", () => guest.ResumeAsync(epoch, CancellationToken.None)).ConfigureAwait(false);
    }

    /// <summary>Calls the guest.</summary>
    /// <param name="doing">What it is asked to do, as in "The guest failed to …".</param>
    /// <param name="call">The call.</param>
    /// <exception cref="MigrationException">The guest's own, or <see cref="MigrationErrorKind.GuestFailed"/> for anything else it threw.</exception>
    internal static async ValueTask RunAsync(string doing, Func<ValueTask> call)
    {
        try
        {
            await call().ConfigureAwait(false);
        }
        catch (Exception e) when (e is not (MigrationException or OperationCanceledException))
        {
            throw new MigrationException(MigrationErrorKind.GuestFailed, $"The guest failed to {doing}: {e.Message} ({e.GetType().Name})", e)
            {
                DetectedBy = DetectedBy.Guest,
            };
        }
    }
}
