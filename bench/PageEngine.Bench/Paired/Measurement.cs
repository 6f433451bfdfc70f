namespace PageEngine.Bench.Paired;

// Owns: what one run of one method over the wire gave.

/// <summary>One run.</summary>
/// <param name="BytesPerSecond">Guest bytes that arrived each second.</param>
/// <param name="CpuPerGigabyte">CPU seconds of both sides together for 10^9 guest bytes.</param>
internal readonly record struct Measurement(double BytesPerSecond, double CpuPerGigabyte);
