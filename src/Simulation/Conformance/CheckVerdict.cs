using System.Diagnostics.CodeAnalysis;

namespace PageEngine.Simulation.Conformance;

// Owns: how a check ends early. What a check returns is what it observed when the rule held.

/// <summary>Ends a check with another status than passed.</summary>
internal sealed class CheckVerdict : Exception
{
    private CheckVerdict(ConformanceStatus status, string observed, Exception? inner = null)
        : base(observed, inner) => Status = status;

    internal ConformanceStatus Status { get; }

    [DoesNotReturn]
    internal static void Fail(string observed, Exception? inner = null) => throw new CheckVerdict(ConformanceStatus.Failed, observed, inner);

    [DoesNotReturn]
    internal static void Skip(string reason) => throw new CheckVerdict(ConformanceStatus.Skipped, reason);

    internal static void Require([DoesNotReturnIf(false)] bool holds, string otherwise)
    {
        if (!holds)
        {
            Fail(otherwise);
        }
    }

    internal static void RequireNone(string? wrong, string what) => Require(wrong is null, $"{what}: {wrong}.");

    internal static void RequireEqual<T>(T expected, T actual, string what) =>
        Require(EqualityComparer<T>.Default.Equals(expected, actual), $"{what}: expected {Text(expected)}, got {Text(actual)}.");

    private static string Text<T>(T value) => value?.ToString() ?? "nothing";
}
