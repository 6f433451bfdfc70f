using Xunit;

// Tests count this process's threads, descriptors and resident pages: another test beside them would be counted too.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
