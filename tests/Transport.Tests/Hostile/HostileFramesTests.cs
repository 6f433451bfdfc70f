using System.Diagnostics;
using System.Globalization;
using PageEngine.Transport.Tests.Sessions;
using Xunit;
using Xunit.Abstractions;

namespace PageEngine.Transport.Tests.Hostile;

/// <summary>Mutated frames, by the thousand in every run and by the million where eng/fuzz-frames asks for it.</summary>
[Collection(nameof(RunsAlone))]
public sealed class HostileFramesTests(ITestOutputHelper output)
{
    private static readonly long _frames = long.Parse(Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_FRAMES") ?? "60000", CultureInfo.InvariantCulture);
    private static readonly int _seed = int.Parse(Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_SEED") ?? "20", CultureInfo.InvariantCulture);

    /// <summary>How many of all frames go through whole sessions.</summary>
    private static long SessionFrames => Math.Max(600, _frames / 100);

    [Fact]
    public async Task Frames_into_the_decoders_are_refused_within_their_limits()
    {
        Conversation valid = await Conversation.GetAsync();
        var watch = Stopwatch.StartNew();
        using var fuzz = new DecoderFuzz(valid, _seed);
        fuzz.Run(_frames, done => Tell($"decoders: {done} frames, {watch.Elapsed.TotalSeconds:0} s"));
        Assert.True(fuzz.Refused > 0);
        Tell($"decoders: {fuzz.Delivered} mutated frames in {watch.Elapsed.TotalSeconds:0.0} s, {fuzz.Refused} conversations refused, at most {fuzz.MostManagedBytes} managed bytes each, seed {_seed}");
    }

    [Fact]
    public async Task Frames_into_a_destination_end_with_a_reason_and_the_next_migration_works()
    {
        Conversation valid = await Conversation.GetAsync();
        var watch = Stopwatch.StartNew();
        using var unobserved = new UnobservedExceptions();
        var fuzzers = Enumerable.Range(0, 8).Select(i => new ReplayFuzz(valid, unchecked((_seed * 1000) + i))).ToArray();
        await Task.WhenAll(fuzzers.Select(f => Task.Run(() => f.RunAsync(SessionFrames / fuzzers.Length))));
        unobserved.AssertNone();
        Tell($"destination: {fuzzers.Sum(f => f.Delivered)} mutated frames in {fuzzers.Sum(f => f.Sessions)} sessions, {fuzzers.Sum(f => f.Survived)} completed, {watch.Elapsed.TotalSeconds:0.0} s, seed {_seed}");
    }

    [Fact]
    public async Task Frames_between_two_real_sides_never_let_two_copies_run()
    {
        Conversation valid = await Conversation.GetAsync();
        long sessions = Math.Max(80, SessionFrames / 40);
        long delivered = 0;
        var watch = Stopwatch.StartNew();
        await Parallel.ForEachAsync(
            Enumerable.Range(0, (int)sessions), new ParallelOptions { MaxDegreeOfParallelism = 16 },
            async (i, _) => Interlocked.Add(ref delivered, await BetweenAsync(valid, unchecked((_seed * 100_003) + i))));
        Tell($"between both sides: {delivered} mutated frames in {sessions} migrations, {watch.Elapsed.TotalSeconds:0.0} s, seed {_seed}");
    }

    private static async Task<long> BetweenAsync(Conversation valid, int session)
    {
        var random = new Random(session);
        var mutator = new FrameMutator(random);
        Lock gate = new();
        bool hasStore = random.Next(3) != 0;
        bool atSource = random.Next(2) == 0;
        int left = 1 + random.Next(2);
        int at = random.Next(atSource ? valid.FromSource.Length + valid.Batches.Length : valid.FromDestination.Length);
        int seen = 0;
        long delivered = 0;

        IEnumerable<byte[]> Deliver(bool fromSource, FrameFormat format, byte[] frame, uint number)
        {
            lock (gate)
            {
                if (format == FrameFormat.Preamble)
                {
                    return [frame];
                }

                List<byte[]> frames = [frame];
                if (fromSource == atSource && left > 0 && seen++ >= at)
                {
                    left--;
                    delivered++;
                    frames = random.Next(5) switch
                    {
                        0 => [frame, [.. frame]],
                        1 => [],
                        2 when format == FrameFormat.Control => [Other(valid, random), frame],
                        _ => [mutator.Mutate(format, frame, number + 1)],
                    };
                }

                // What is inserted or left out shifts the numbers of what follows; half of the time that is made good.
                for (int i = 0; i < frames.Count && format == FrameFormat.Control && (session & 1) == 0; i++)
                {
                    frames[i] = [.. frames[i]];
                    Frames.Reseal(format, frames[i], number + 1 + (uint)i);
                }

                return frames;
            }
        }

        await using var scene = new HostileScene(Deliver, hasStore);
        await scene.RunAsync();
        scene.AssertUnharmed($"session {session}");
        return delivered;
    }

    private static byte[] Other(Conversation valid, Random random)
    {
        byte[][] from = random.Next(2) == 0 ? valid.FromSource : valid.FromDestination;
        return [.. from[random.Next(from.Length)]];
    }

    // eng/fuzz-frames follows a file: a test's own output appears only at its end.
    private void Tell(string line)
    {
        output.WriteLine(line);
        if (Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_LOG") is { } path)
        {
            File.AppendAllText(path, line + "\n");
        }
    }
}
