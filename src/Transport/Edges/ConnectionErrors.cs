using System.Net.Sockets;
using System.Runtime.InteropServices;
using PageEngine.Transport.Interop;

namespace PageEngine.Transport.Edges;

// Owns: the sentences for a connection that failed, and which kind of failure an error number is.

internal static class ConnectionErrors
{
    /// <summary>The connection failed with an error number.</summary>
    internal static MigrationException FromErrno(int errno, string remote, string doing) => errno switch
    {
        Libc.ETIMEDOUT => new MigrationException(MigrationErrorKind.Timeout,
            $"{remote} did not acknowledge anything in time while {doing}. Check the network between the hosts, then start the migration again."),
        Libc.EPIPE or Libc.ECONNRESET => new MigrationException(MigrationErrorKind.ConnectionLost,
            $"{remote} closed the connection while {doing}. Its log says why; then start the migration again."),
        _ => new MigrationException(MigrationErrorKind.ConnectionLost,
            $"The connection to {remote} failed while {doing} ({Marshal.GetPInvokeErrorMessage(errno)}, error {errno}). Check the network between the hosts, then start the migration again."),
    };

    /// <summary>The connection failed with an exception of its stream, pipe or socket.</summary>
    internal static MigrationException From(Exception cause, string remote, string doing)
    {
        if (cause is MigrationException migration)
        {
            return migration;
        }

        bool timedOut = cause is SocketException { SocketErrorCode: SocketError.TimedOut }
            || cause.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut };
        return new MigrationException(
            timedOut ? MigrationErrorKind.Timeout : MigrationErrorKind.ConnectionLost,
            $"The connection to {remote} failed while {doing}: {cause.Message} Check the network between the hosts, then start the migration again.",
            cause);
    }

    /// <summary>The other end closed the connection where more was to come.</summary>
    internal static MigrationException Closed(string remote, string where) =>
        new(MigrationErrorKind.ConnectionLost,
            $"{remote} closed the connection {where}. Its log says why; then start the migration again.");

    /// <summary>This side ended the connection.</summary>
    internal static MigrationException Aborted(string remote) =>
        new(MigrationErrorKind.ConnectionLost, $"This side ended the connection to {remote}.");
}
