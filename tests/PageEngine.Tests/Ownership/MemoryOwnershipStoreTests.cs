using PageEngine.Ownership;

namespace PageEngine.Tests.Ownership;

public sealed class MemoryOwnershipStoreTests : OwnershipStoreConformance
{
    protected override IOwnershipStore Store { get; } = new MemoryOwnershipStore();

    protected override IOwnershipStore OtherHost => Store;
}
