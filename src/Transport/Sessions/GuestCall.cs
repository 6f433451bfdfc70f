namespace PageEngine.Transport.Sessions;

// Owns: how the guest is called: what it throws is the guest's failure, and says so.

internal static class GuestCall
{
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
