using PageEngine.EmbeddedGuest.Workloads;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Workloads;

public class PortableMathTests
{
    [Fact]
    public void InversePower_agrees_with_the_library()
    {
        foreach (double x in new[] { 1, 1.5, 2, 3, 10, 1023.5, 65536, 1e6, 2147483648.0 })
        {
            foreach (double exponent in new[] { 0, 0.1, 0.99, 1, 1.2, 2, 8 })
            {
                double expected = Math.Pow(x, -exponent);
                Assert.InRange(PortableMath.InversePower(x, exponent), expected * (1 - 1e-12), expected * (1 + 1e-12));
            }
        }
    }

    [Fact]
    public void Exp_agrees_with_the_library_on_both_sides_of_zero()
    {
        for (double x = -600; x <= 600; x += 0.37)
        {
            Assert.InRange(PortableMath.Exp(x), Math.Exp(x) * (1 - 1e-11), Math.Exp(x) * (1 + 1e-11));
        }

        Assert.Equal(0, PortableMath.Exp(-701));
    }
}
