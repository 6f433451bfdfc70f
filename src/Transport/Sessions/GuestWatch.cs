using PageEngine.Guests;

namespace PageEngine.Transport.Sessions;

// Owns: that the end of a guest in a process of its own is noticed when it happens. Once the switchover has begun its own
// calls notice, and know what it means.

/// <summary>Ends an attempt whose guest has ended by itself.</summary>
internal static class GuestWatch
{
    /// <summary>Watches until the guest ends; holds nothing but what is given.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="isWatched">Whether its end ends the attempt now.</param>
    /// <param name="fail">Ends the attempt.</param>
    internal static void Begin(IGuest guest, Func<bool> isWatched, Action<MigrationException> fail)
    {
        if (guest.Ended.IsCompleted)
        {
            throw guest.Ended.Result;
        }

        _ = guest.Ended.ContinueWith(
            ended =>
            {
                if (ended.IsCompletedSuccessfully && isWatched())
                {
                    ended.Result.DetectedBy = DetectedBy.Guest;
                    fail(ended.Result);
                }
            },
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }
}
