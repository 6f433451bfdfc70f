using BenchmarkDotNet.Running;
using PageEngine.Bench.Bitmaps;
using PageEngine.Bench.Checkpoints;
using PageEngine.Bench.Migrations;
using PageEngine.Bench.Paired;

// Owns: which of the two kinds of benchmark runs: BenchmarkDotNet's, the pairs with programs of other languages, or what a
// migration costs the guest.
switch (args.FirstOrDefault())
{
    case "pairs":
        return await PairsCommand.RunAsync(args[1..]);
    case "wire-send":
        return await WireEnd.SendAsync(WireSettings.Parse(args[1..]));
    case "wire-receive":
        return await WireEnd.ReceiveAsync(WireSettings.Parse(args[1..]));
    case "checkpoint" or "increment":
        await ImageCheckpoint.RunAsync(args);
        return 0;
    case "bitmap":
        BitmapGrowth.Run();
        return 0;
    case "slowdown":
        await WriterSlowdown.RunAsync(args[1..]);
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(PairsCommand).Assembly).Run(args);
        return 0;
}
