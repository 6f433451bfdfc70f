using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using PageEngine.Planning;

namespace PageEngine.Simulation.Conformance;

// Owns: one made-up migration: a link, a guest, and how much it writes in each round. From it follow valid planning
// states, made by the same estimator that makes them in a real one.

/// <summary>A made-up migration. The numbers are plain, so that a broken rule can be read and repeated.</summary>
internal sealed record PlanningCase
{
    /// <summary>Gets the pages of the guest.</summary>
    internal long GuestPages { get; init; } = 1;

    /// <summary>Gets how many rounds the state looks back on.</summary>
    internal int Rounds { get; init; } = 1;

    /// <summary>Gets how many pages are left after a round, in thousandths of what it had to offer; by round, over again.</summary>
    internal int[] LeftPerMille { get; init; } = [0];

    /// <summary>Gets the share of zero pages in the first round, in percent.</summary>
    internal int ZeroPercent { get; init; }

    /// <summary>Gets the bandwidth.</summary>
    internal long BytesPerSecond { get; init; } = 1 << 20;

    /// <summary>Gets the fixed part of the blackout, in microseconds.</summary>
    internal int FixedMicroseconds { get; init; }

    /// <summary>Gets whether the guest can be throttled.</summary>
    internal bool Throttle { get; init; }

    /// <summary>Gets whether post-copy is to be had.</summary>
    internal bool PostCopy { get; init; }

    /// <summary>Gets what a throttle does: the pages left are those thousandths times what the guest keeps.</summary>
    internal bool ThrottleHelps { get; init; }

    internal static Arbitrary<PlanningCase> Arbitrary { get; } = Arb.From(
        Gen.Choose(int.MinValue, int.MaxValue).Select(seed => Draw(new System.Random(seed))), Smaller);

    /// <summary>Gets the state after a number of rounds, with nothing decided in between.</summary>
    internal PlanningState State(int rounds)
    {
        PlanningRun run = new(this);
        for (int i = 0; i < rounds; i++)
        {
            run.Round();
        }

        return run.State;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{{ {GuestPages} pages, {Rounds} rounds, left in thousandths [{string.Join(' ', LeftPerMille)}], {ZeroPercent} % zero, {BytesPerSecond} bytes/s, fixed {FixedMicroseconds} us, throttle {(Throttle ? ThrottleHelps ? "helps" : "does not help" : "not to be had")}, post-copy {(PostCopy ? "to be had" : "not to be had")} }}");

    private static PlanningCase Draw(System.Random random)
    {
        int kind = random.Next(4);
        int[] left = new int[1 + random.Next(12)];
        for (int i = 0; i < left.Length; i++)
        {
            left[i] = kind switch
            {
                0 => random.Next(1000),              // converges, by fits and starts
                1 => 1000,                           // never
                2 => i % 2 == 0 ? 100 + random.Next(300) : 2000 + random.Next(8000), // to and fro
                _ => random.Next(3) == 0 ? 0 : random.Next(4000),
            };
        }

        return new PlanningCase
        {
            GuestPages = 1 + (long)Math.Pow(2, random.NextDouble() * 30),
            Rounds = 1 + random.Next(45),
            LeftPerMille = left,
            ZeroPercent = random.Next(3) switch { 0 => 0, 1 => 100, _ => random.Next(101) },
            BytesPerSecond = (long)Math.Pow(10, 5 + (random.NextDouble() * 5.5)),
            FixedMicroseconds = random.Next(4) switch { 0 => 0, 1 => random.Next(10_000_000), _ => random.Next(50_000) },
            Throttle = random.Next(2) == 0,
            ThrottleHelps = random.Next(2) == 0,
            PostCopy = random.Next(3) == 0,
        };
    }

    private static IEnumerable<PlanningCase> Smaller(PlanningCase big)
    {
        if (big.Rounds > 1)
        {
            yield return big with { Rounds = big.Rounds / 2 };
            yield return big with { Rounds = big.Rounds - 1 };
        }

        if (big.LeftPerMille.Length > 1)
        {
            yield return big with { LeftPerMille = big.LeftPerMille[..(big.LeftPerMille.Length / 2)] };
            yield return big with { LeftPerMille = big.LeftPerMille[1..] };
        }

        if (big.GuestPages > 1)
        {
            yield return big with { GuestPages = big.GuestPages / 2 };
        }

        if (big.ZeroPercent > 0)
        {
            yield return big with { ZeroPercent = 0 };
        }

        if (big.FixedMicroseconds > 0)
        {
            yield return big with { FixedMicroseconds = 0 };
        }

        if (big.Throttle)
        {
            yield return big with { Throttle = false };
        }

        if (big.PostCopy)
        {
            yield return big with { PostCopy = false };
        }
    }
}
