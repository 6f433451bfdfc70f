namespace PageEngine.Simulation.Running;

// Owns: everything that is drawn. A number depends on the seed and on what it is drawn for, not on what else was drawn:
// taking a fault away changes only what follows from that fault, which lets a failing run be shrunk.

internal struct SimulationRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Draws the next number (SplitMix64, Steele, Lea and Flood 2014).</summary>
    public ulong Next() => Scramble(_state += 0x9E3779B97F4A7C15);

    public int Below(int limit) => (int)(((UInt128)Next() * (ulong)limit) >> 64);

    public bool Chance(double probability) => Fraction() < probability;

    /// <summary>Draws from 0 to below 1.</summary>
    public double Fraction() => (Next() >> 11) * (1.0 / (1ul << 53));

    public TimeSpan Between(TimeSpan least, TimeSpan most) => least + ((most - least) * Fraction());

    /// <summary>Makes a seed of its own for a purpose.</summary>
    public static ulong Derive(ulong seed, ulong purpose, ulong number = 0) =>
        Scramble(Scramble(Scramble(seed + 0x9E3779B97F4A7C15) ^ purpose) + number);

    public static ulong Scramble(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
