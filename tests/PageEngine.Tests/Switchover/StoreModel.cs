using PageEngine.Ownership;
using PageEngine.Switchover;

namespace PageEngine.Tests.Switchover;

// Owns: the store of the explored system, with the real records, so that the real reading of them is explored too.

internal static class StoreModel
{
    private static readonly Guid s_guest = new("99999999-0000-0000-0000-000000000001");
    private static readonly RunId s_source = new(new Guid("11111111-0000-0000-0000-000000000001"));
    private static readonly SwitchoverAttempt[,] s_attempts = MakeAttempts();
    private static readonly OwnershipRecord s_first = new(s_guest, 1, s_source, default);

    public static int SourceHolder(int attempt) => 1 + attempt;

    public static int DestinationHolder(int attempt) => 3 + attempt;

    public static SwitchoverAttempt Attempt(in World world, int attempt) => s_attempts[attempt, world.Get(attempt).Base];

    public static OwnershipRecord Record(in World world, int epoch) => world.Holder(epoch) switch
    {
        0 => s_first,
        1 or 2 => Source(world, epoch, world.Holder(epoch) - 1),
        _ => Attempt(world, world.Holder(epoch) - 3).ForDestination,
    };

    /// <summary>Carries out a create: does nothing but when the epoch is the next.</summary>
    /// <returns>Whether the epoch is now, or was already, this record.</returns>
    public static bool Create(ref World world, int attempt, Late which, bool twice)
    {
        int epoch = world.Get(attempt).Base + (which == Late.DestinationHandsBack ? 2 : 1);
        int holder = which is Late.SourceGrants or Late.DestinationClaims ? DestinationHolder(attempt) : SourceHolder(attempt);
        if (epoch == world.Head + 1 || (twice && epoch <= world.Head))
        {
            world.SetHolder(epoch, holder);
            return true;
        }

        return epoch <= world.Head && world.Holder(epoch) == holder;
    }

    private static OwnershipRecord Source(in World world, int epoch, int attempt)
    {
        SwitchoverAttempt made = Attempt(world, attempt);
        return made.ForSource.Epoch == (ulong)epoch ? made.ForSource : made.HandBack;
    }

    private static SwitchoverAttempt[,] MakeAttempts()
    {
        var attempts = new SwitchoverAttempt[2, 8];
        for (int attempt = 0; attempt < 2; attempt++)
        {
            for (int epoch = 0; epoch < 8; epoch++)
            {
                attempts[attempt, epoch] = new SwitchoverAttempt(
                    s_guest,
                    (ulong)epoch,
                    s_source,
                    new RunId(new Guid($"22222222-0000-0000-0000-00000000000{attempt + 1}")),
                    new AttemptId(new Guid($"33333333-0000-0000-0000-00000000000{attempt + 1}")));
            }
        }

        return attempts;
    }
}
