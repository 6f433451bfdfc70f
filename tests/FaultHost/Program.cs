// One side of a migration as a process of its own, led by the lines it reads: see Host for the commands. It uses the engine
// as any embedder would, by its public surface alone, and announces each step that it takes.

using PageEngine.FaultHost;

HostOptions options = HostOptions.Parse(args);
var channel = new HostChannel(Console.In, Console.Out);
await using var host = new Host(options, channel);
return await host.RunAsync();
