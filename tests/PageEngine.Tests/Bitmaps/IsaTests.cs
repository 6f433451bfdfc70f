using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PageEngine.Bitmaps;
using Xunit;

namespace PageEngine.Tests.Bitmaps;

/// <summary>
/// Proves that a run with wider vectors switched off really runs without them. PAGEENGINE_EXPECT_ISA says what is
/// expected: <c>512</c>, <c>256</c> (set DOTNET_EnableAVX512=0), <c>128</c> (DOTNET_EnableAVX2=0) or <c>none</c>
/// (DOTNET_EnableHWIntrinsic=0). Unset: whatever the machine has.
/// </summary>
[Trait("Category", "Isa")]
public sealed class IsaTests
{
    [Fact]
    public void Vector_width_is_the_expected_one()
    {
        string? expected = Environment.GetEnvironmentVariable("PAGEENGINE_EXPECT_ISA");
        int width = expected switch
        {
            "none" => 0,
            "128" => 128,
            "256" => 256,
            "512" => 512,
            null or "" => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0,
            _ => throw new ArgumentException($"PAGEENGINE_EXPECT_ISA is '{expected}'; it must be none, 128, 256 or 512."),
        };

        Assert.Equal(width >= 512, Vector512.IsHardwareAccelerated);
        Assert.Equal(width >= 256, Vector256.IsHardwareAccelerated);
        Assert.Equal(width >= 128, Vector128.IsHardwareAccelerated);
        if (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64)
        {
            Assert.Equal(width >= 512, Avx512BW.IsSupported);
            Assert.Equal(width >= 256, Avx2.IsSupported);
            Assert.Equal(width >= 128, Ssse3.IsSupported);
        }

        Assert.Equal(
            width switch { 0 => VectorPath.Scalar, 128 => VectorPath.Vector128, 256 => VectorPath.Vector256, _ => VectorPath.Vector512 },
            VectorPaths.Best);
    }

    [Fact]
    public void Supported_paths_are_all_up_to_the_best() =>
        Assert.Equal(Enum.GetValues<VectorPath>().Where(path => path <= VectorPaths.Best), SupportedPaths.All);
}
