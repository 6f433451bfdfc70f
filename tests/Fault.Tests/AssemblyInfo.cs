using Xunit;

// Each cell is mostly waiting for a timer: two side by side do not disturb each other, even on two slow cores.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
