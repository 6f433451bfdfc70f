using System.Globalization;
using System.Text.RegularExpressions;
using PageEngine.Checkpoints.Format;
using PageEngine.Checkpoints.Reading;
using PageEngine.Checkpoints.Writing;
using PageEngine.Memory;
using Xunit;

namespace PageEngine.Checkpoints.Tests;

// Owns: the reader against random files: no crash, no hang, no fault but the named errors, no memory beyond the limits. Two kinds
// of mutation: bytes as they are, which the checksums must find, and numbers behind right checksums, which the checks must find.
// What shows a new behaviour joins the corpus and is mutated further: a branch that no file took before, where branches are counted
// (eng/fuzz), else an error that was not seen. eng/fuzz runs it longer; PAGEENGINE_FUZZ_CHECKPOINTS and PAGEENGINE_FUZZ_SEED say how long and which.
public partial class FuzzTests
{
    private const long MaxMemoryBytes = 4 << 20;

    [Fact]
    public async Task No_mutation_gets_past_the_reader()
    {
        Prepare();
        int count = int.Parse(Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_CHECKPOINTS") ?? "60000", CultureInfo.InvariantCulture);
        int seed = int.Parse(Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_SEED") ?? Random.Shared.Next().ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        List<byte[]> seeds = await SeedsAsync();
        int workers = BranchCoverage.IsOn ? 1 : Math.Max(1, Environment.ProcessorCount);
        Loop[] loops = [.. Enumerable.Range(0, workers).Select(i => new Loop(new Random(unchecked(seed + (i * 7919))), seeds))];
        await Task.WhenAll(loops.Select(l => Task.Factory.StartNew(() => l.Run(count / workers), TaskCreationOptions.LongRunning)));
        Assert.True(loops.All(l => l.Failure is null), $"seed {seed}: {loops.FirstOrDefault(l => l.Failure is not null)?.Failure}");

        foreach (byte[] found in Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_CORPUS") is { Length: > 0 } ? loops[0].Found : [])
        {
            // Few and small: they are read at the start of every run.
            string directory = Environment.GetEnvironmentVariable("PAGEENGINE_FUZZ_CORPUS")!;
            await File.WriteAllBytesAsync(Path.Combine(directory, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(found))[..12]), found);
        }

        // A loop that reaches nothing finds nothing, and counters that nobody counts would guide nobody.
        Assert.True(!BranchCoverage.IsOn || loops[0].Coverage.Branches > 300, $"{loops[0].Coverage.Branches} branches were counted");
        Assert.True(loops.Sum(l => l.Behaviours) >= 20, $"only {loops.Sum(l => l.Behaviours)} behaviours");
        Assert.True(loops.Sum(l => l.Accepted) > 0);
    }

    internal static void ReadAsStream(byte[] bytes)
    {
        GuestMemory? memory = null;
        try
        {
            using var stream = new MemoryStream(bytes);
            CheckpointChain.ReadStream(stream, info => memory = info.Layout.Bytes <= MaxMemoryBytes ? StoredGuest.Allocate(info.Layout) : null, CancellationToken.None);
        }
        finally
        {
            memory?.Dispose();
        }
    }

    internal static void ReadAsFile(byte[] bytes)
    {
        using var open = OpenCheckpoint.Open(new ArraySource(bytes));
        open.ReadDevices();
        using var pages = new PageReader([open]);
        byte[] page = new byte[MemoryLayout.PageBytes];
        for (int i = 0; i < Math.Min(64, open.Info.Layout.PageCount); i++)
        {
            pages.Read(i, page);
        }

        using GuestMemory? memory = open.Info.Layout.Bytes <= MaxMemoryBytes ? StoredGuest.Allocate(open.Info.Layout) : null;
        CheckpointChain.ReadWhole(open.Source, memory);
    }

    private static unsafe void Prepare() => BranchCoverage.Prepare();

    private static async Task<List<byte[]>> SeedsAsync()
    {
        var seeds = new List<byte[]>();
        foreach (string path in ((string[])["Golden", "Corpus"]).SelectMany(d => Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, d))).Order(StringComparer.Ordinal))
        {
            seeds.Add(await File.ReadAllBytesAsync(path));
        }

        Assert.NotEmpty(seeds);
        foreach (CheckpointCompression compression in Enum.GetValues<CheckpointCompression>())
        {
            using GuestMemory memory = StoredGuest.Allocate(Guests.Layout(5, 2));
            memory.Page(1).Fill(3);
            memory.Page(2).Fill(3);
            memory.Page(4)[1] = 1;
            seeds.Add(await Guests.SaveAsync(Guests.Of(memory, Guests.State(2)), Guests.Options(compression) with { ChunkPages = 2 }));
        }

        return seeds;
    }

    [GeneratedRegex("[0-9a-f]{5,}|[0-9]+")]
    private static partial Regex Numbers();

    private sealed class Loop(Random random, List<byte[]> seeds)
    {
        private static readonly long[] _edges = [0, 1, -1, 2, 255, 256, 4095, 4096, 65535, 65536, int.MaxValue, int.MinValue, 1L << 36, 1L << 40, long.MaxValue, long.MinValue];

        private readonly List<byte[]> _corpus = [.. seeds];
        private readonly HashSet<string> _seen = [];

        public string? Failure { get; private set; }

        public int Behaviours => _seen.Count;

        public BranchCoverage Coverage { get; } = new();

        /// <summary>Gets the small files that took new branches.</summary>
        public List<byte[]> Found { get; } = [];

        public int Accepted { get; private set; }

        public void Run(int count)
        {
            for (int i = 0; i < count && Failure is null; i++)
            {
                byte[] bytes = Mutate(_corpus[random.Next(_corpus.Count)]);
                long before = GC.GetAllocatedBytesForCurrentThread();
                BranchCoverage.Begin();
                string behaviour = $"{Try(ReadAsStream, bytes)} | {Try(ReadAsFile, bytes)}";
                long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
                if (allocated > (8 << 20) + (64L * bytes.Length))
                {
                    Failure ??= $"{allocated} bytes were allocated for a file of {bytes.Length}: {behaviour}";
                }

                if (behaviour == "read | read")
                {
                    Accepted++;
                }

                bool isNew = Coverage.EndIsNew() | _seen.Add(behaviour);
                if (isNew && _corpus.Count < 4000)
                {
                    _corpus.Add(bytes);
                    if (bytes.Length <= 2048 && Found.Count < 100)
                    {
                        Found.Add(bytes);
                    }
                }
            }
        }

        private string Try(Action<byte[]> read, byte[] bytes)
        {
            try
            {
                read(bytes);
                return "read";
            }
            catch (MigrationException e) when (e.Kind is MigrationErrorKind.DataDamaged or MigrationErrorKind.VersionMismatch or MigrationErrorKind.Refused)
            {
                return Numbers().Replace(e.Message, "#");
            }
            catch (Exception e)
            {
                Failure ??= $"{e}\n{Convert.ToBase64String(bytes)}";
                return "failed";
            }
        }

        private byte[] Mutate(byte[] original)
        {
            byte[] bytes = [.. original];
            if (random.Next(4) == 0)
            {
                Scratch(bytes);
                return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
            }

            Forge forge;
            try
            {
                forge = Forge.Parse(bytes);
            }
            catch (Exception e) when (e is MigrationException or ArgumentException)
            {
                // Of the corpus, and broken already.
                Scratch(bytes);
                return bytes;
            }

            for (int changes = 1 + random.Next(3); changes > 0 && forge.Sections.Count > 0; changes--)
            {
                int at = random.Next(forge.Sections.Count);
                ForgedSection section = forge.Sections[at];
                switch (random.Next(12))
                {
                    case 0:
                        forge.Sections.RemoveAt(at);
                        break;
                    case 1 when forge.Sections.Count < 40:
                        forge.Sections.Insert(random.Next(forge.Sections.Count + 1), section with { Payload = [.. section.Payload] });
                        break;
                    case 2:
                        (forge.Sections[at], forge.Sections[0]) = (forge.Sections[0], forge.Sections[at]);
                        break;
                    case 3:
                        forge.Sections[at] = section with { Optional = !section.Optional, Version = (ushort)random.Next(1, 3) };
                        break;
                    case 4:
                        forge.Sections[at] = section with { Payload = section.Payload[..random.Next(section.Payload.Length + 1)] };
                        break;
                    case 5 when section.Payload.Length < 100_000:
                        forge.Sections[at] = section with { Payload = [.. section.Payload, .. new byte[random.Next(64)]] };
                        break;
                    default:
                        Scratch(section.Payload);
                        break;
                }
            }

            return forge.ToBytes(repair: random.Next(5) != 0);
        }

        // Mostly at the beginning, where the numbers are.
        private void Scratch(byte[] bytes)
        {
            if (bytes.Length < 16)
            {
                return;
            }

            int at = random.Next(random.Next(3) == 0 ? bytes.Length : Math.Min(bytes.Length, 160));
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                default:
                    int width = random.Next(2) == 0 ? 4 : 8;
                    at = Math.Min(at & ~3, bytes.Length - width);
                    BitConverter.GetBytes(_edges[random.Next(_edges.Length)] + random.Next(-1, 2)).AsSpan(0, width).CopyTo(bytes.AsSpan(at));
                    break;
            }
        }
    }
}
