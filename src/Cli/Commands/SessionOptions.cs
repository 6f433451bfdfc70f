using PageEngine.Ownership;
using PageEngine.Planning;
using PageEngine.Transport;

namespace PageEngine.Cli.Commands;

// Owns: the way from the options of a command to those of a session. Whatever guest is moved, they mean the same.

/// <summary>Makes options of sessions.</summary>
internal static class SessionOptions
{
    /// <summary>Gets the migration's id: the one that was given, or microseconds since the Unix epoch.</summary>
    public static ulong MigrationId(CommandRun run) =>
        run.Settings.MigrationId ?? (ulong)((run.Time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);

    /// <summary>Makes a source's.</summary>
    public static MigrationSourceOptions Source(CommandRun run, ulong migrationId, GuestOwnership? ownership, string journalDirectory)
    {
        MigrationSettings settings = run.Settings;
        return new MigrationSourceOptions
        {
            MigrationId = migrationId,
            Streams = settings.Streams,
            BandwidthBytesPerSecond = settings.BandwidthBytesPerSecond,
            Compression = settings.Compression,
            PageCacheBytes = settings.PageCacheBytes,
            SwitchoverGoal = settings.Goal,
            Policy = new SwitchoverTimeGoalPolicy(new SwitchoverTimeGoalOptions
            {
                Goal = settings.Goal,
                MaxRounds = settings.MaxRounds,
                AbortAfter = settings.AbortAfter,
                IfStalled = settings.IfStalled,
            }),
            Ownership = ownership,
            JournalDirectory = journalDirectory,
            StartTimeout = settings.StartTimeout,
            ResumeTimeout = settings.ResumeTimeout,
            NetworkTimeout = settings.NetworkTimeout,
            Verify = settings.Verify,
            Progress = run.Watch,
            Logger = run.Log,
            TimeProvider = run.Time,
        };
    }

    /// <summary>Makes a destination's.</summary>
    public static MigrationDestinationOptions Destination(CommandRun run, IOwnershipStore? store, string journalDirectory)
    {
        MigrationSettings settings = run.Settings;
        return new MigrationDestinationOptions
        {
            OwnershipStore = store,
            JournalDirectory = journalDirectory,
            StartTimeout = settings.StartTimeout,
            ClaimTimeout = settings.ClaimTimeout,
            NetworkTimeout = settings.NetworkTimeout,
            MaxStreams = MigrationSource.MaxStreams,
            MaxMemoryBytes = settings.MemoryIsGiven ? settings.MemoryBytes : long.MaxValue,
            Progress = run.Watch,
            Logger = run.Log,
            TimeProvider = run.Time,
        };
    }
}
