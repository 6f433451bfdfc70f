namespace PageEngine;

// Owns: what a person should do about each kind of failure. Both sides say the same, because both know the kind.

internal static class FailureAdvice
{
    public static string For(MigrationErrorKind kind) => kind switch
    {
        MigrationErrorKind.Cancelled => "Nothing: it was asked for. Migrate again at any time.",
        MigrationErrorKind.NotConverging => "Give the migration more bandwidth, let the guest write less, or allow a longer switchover.",
        MigrationErrorKind.AbortTimeReached => "Give the migration more bandwidth, or migrate when the guest writes less.",
        MigrationErrorKind.ConnectionLost => "Check that the peer's process lives, then the network between the hosts, and migrate again.",
        MigrationErrorKind.Timeout => "Look at the peer's log under the same migration id; check its load and the network between the hosts.",
        MigrationErrorKind.ProtocolViolation => "Make sure that both sides are this program and nothing in between changes the bytes.",
        MigrationErrorKind.VersionMismatch => "Bring both hosts to versions that know a common protocol.",
        MigrationErrorKind.Refused => "Do what the refusing side says, or choose another destination.",
        MigrationErrorKind.GuestFailed => "Look at the guest's own log at the side that is named.",
        MigrationErrorKind.TracingFailed => "Choose another tracer, or give the process what the message names.",
        MigrationErrorKind.MemoryFailed => "Free memory on the host that is named, or raise its limits.",
        MigrationErrorKind.OwnershipFailed => "Bring the ownership store back, with the same content for both hosts; do not start the guest by hand.",
        MigrationErrorKind.AlreadyMigrating => "Wait for the migration that is under way, or cancel it.",
        MigrationErrorKind.DataDamaged => "Check the memory and the network hardware of both hosts, and migrate again.",
        MigrationErrorKind.InDoubt => "Start no copy by hand: read the ownership record and the other host's log, then resolve the migration.",
        MigrationErrorKind.GuestLost => "Start the guest anew from its last checkpoint or backup.",
        MigrationErrorKind.StorageFailed => "Make room or give access where the message says, or name another place.",
        MigrationErrorKind.Internal => "Report this with both hosts' logs.",
        _ => "",
    };
}
