using PageEngine.Fault.Tests.Cells;
using Xunit;

namespace PageEngine.Fault.Tests;

// Owns: the matrix: every frame boundary by every fault. A class for each fault, so that two of them run side by side.

public abstract class MatrixRows
{
    private protected static TheoryData<string> Rows(FaultKind fault) => [.. Matrix.Of(fault).Select(cell => cell.ToString())];

    private protected static Task RunAsync(FaultKind fault, string row) => CellRun.RunAsync(Matrix.Find(fault, row));
}

public class CutTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.Cut);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task Cut_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.Cut, row);
}

public class ResetTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.Reset);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task Reset_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.Reset, row);
}

public class BlackHoleTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.BlackHole);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task BlackHole_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.BlackHole, row);
}

public class KilledSourceTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.KillSource);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task KilledSource_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.KillSource, row);
}

public class KilledDestinationTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.KillDestination);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task KilledDestination_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.KillDestination, row);
}

public class RestartedSourceTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.RestartSource);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task RestartedSource_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.RestartSource, row);
}

public class PausedSourceTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.PauseSource);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task PausedSource_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.PauseSource, row);
}

public class RestartedDestinationTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.RestartDestination);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task RestartedDestination_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.RestartDestination, row);
}

public class PausedDestinationTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.PauseDestination);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task PausedDestination_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.PauseDestination, row);
}

public class StoreGoneTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.StoreGone);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task StoreGone_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.StoreGone, row);
}

public class StoreAwayTests : MatrixRows
{
    public static TheoryData<string> Boundaries => Rows(FaultKind.StoreAway);

    [Theory]
    [MemberData(nameof(Boundaries))]
    public Task StoreAway_at_a_boundary_ends_by_the_rules(string row) => RunAsync(FaultKind.StoreAway, row);
}
