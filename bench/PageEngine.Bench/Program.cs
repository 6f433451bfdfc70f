using BenchmarkDotNet.Running;
using PageEngine.Bench.Checkpoints;

if (args is ["checkpoint" or "increment", ..])
{
    await ImageCheckpoint.RunAsync(args);
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
