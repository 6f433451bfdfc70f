using PageEngine.Guests;

namespace PageEngine.Transport.Sessions;

// Owns: that the end of a guest in a process of its own is noticed when it happens. Once the switchover has begun its own
// calls notice, and know what it means.

/// <summary>Ends an attempt whose guest has ended by itself.</summary>
/// <remarks>To be disposed with the attempt: the guest lives on, and would hold all that was to be told of its end.</remarks>
internal sealed class GuestWatch : IDisposable
{
    // A process gives its memory back a while before its connections close, by which its end is known.
    private static readonly TimeSpan _endPatience = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _over = new();

    /// <summary>Watches until the guest ends or this is disposed.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="isWatched">Whether its end ends the attempt now.</param>
    /// <param name="fail">Ends the attempt.</param>
    /// <exception cref="MigrationException">The guest has ended already: its reason.</exception>
    internal static GuestWatch Begin(IGuest guest, Func<bool> isWatched, Action<MigrationException> fail)
    {
        if (guest.Ended.IsCompleted)
        {
            throw guest.Ended.Result;
        }

        var watch = new GuestWatch();
        _ = guest.Ended.ContinueWith(
            ended =>
            {
                if (ended.IsCompletedSuccessfully && isWatched())
                {
                    ended.Result.DetectedBy = DetectedBy.Guest;
                    fail(ended.Result);
                }
            },
            watch._over.Token, TaskContinuationOptions.None, TaskScheduler.Default);
        return watch;
    }

    /// <summary>Gives the reason of a failure: memory that cannot be had or traced any more may be that of a process that is
    /// just ending.</summary>
    internal static async Task<Exception> ExplainAsync(IGuest guest, Exception failure, TimeProvider time)
    {
        if (!guest.LivesInOwnProcess || failure is not MigrationException { Kind: MigrationErrorKind.TracingFailed or MigrationErrorKind.MemoryFailed })
        {
            return failure;
        }

        await Task.WhenAny(guest.Ended, Task.Delay(_endPatience, time)).ConfigureAwait(false);
        if (!guest.Ended.IsCompletedSuccessfully)
        {
            return failure;
        }

        guest.Ended.Result.DetectedBy = DetectedBy.Guest;
        return guest.Ended.Result;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _over.Cancel();
        _over.Dispose();
    }
}
