using Microsoft.Extensions.Logging;
using PageEngine.Ownership;

namespace PageEngine.Transport.Sessions;

// Owns: what names one migration on one side; passed to every part so that each log line and message carries it.

/// <summary>The names of one migration.</summary>
internal sealed record MigrationIdentity(ulong Id, char Side, Guid GuestId, AttemptId Attempt, ILogger Logger);
