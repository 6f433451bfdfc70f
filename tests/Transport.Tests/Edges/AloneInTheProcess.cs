using Xunit;

namespace PageEngine.Transport.Tests.Edges;

/// <summary>Tests that count what the whole process has: no others run beside them.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public class AloneInTheProcess;
