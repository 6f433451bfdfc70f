namespace PageEngine.EmbeddedGuest.Workloads;

// Owns: powers that come out with the same bits on every machine. Math.Pow is the C library's and may differ in its
// last bit between two hosts; then the two would draw different pages, and a replay would find losses where there
// are none. Only additions, multiplications and divisions are used here: IEEE 754 fixes their results.

internal static class PortableMath
{
    private const double Ln2 = 0.693147180559945309417232121458176568;

    /// <summary>x to the power of -exponent, for x of 1 or more and an exponent of 0 or more.</summary>
    internal static double InversePower(double x, double exponent) => Exp(-exponent * Log(x));

    /// <summary>The natural logarithm of a normal number of 1 or more.</summary>
    internal static double Log(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        int exponent = (int)(bits >> 52) - 1023;
        double mantissa = BitConverter.Int64BitsToDouble((bits & 0xFFFFFFFFFFFFF) | 0x3FF0000000000000);

        // ln m = 2 artanh((m - 1) / (m + 1)); m < 2, so the argument is below 1/3 and 20 terms pass double precision.
        double t = (mantissa - 1) / (mantissa + 1);
        double square = t * t;
        double sum = 0;
        for (int k = 20; k >= 0; k--)
        {
            sum = (sum * square) + (1.0 / ((2 * k) + 1));
        }

        return (exponent * Ln2) + (2 * t * sum);
    }

    /// <summary>e to the power of x, for x of 700 or less; 0 where the result would be below the normal numbers.</summary>
    internal static double Exp(double x)
    {
        if (x < -700)
        {
            return 0;
        }

        int whole = (int)(x / Ln2);
        double rest = x - (whole * Ln2);
        double sum = 1;
        for (int k = 20; k >= 1; k--)
        {
            sum = 1 + (sum * rest / k);
        }

        return sum * BitConverter.Int64BitsToDouble((long)(whole + 1023) << 52);
    }
}
