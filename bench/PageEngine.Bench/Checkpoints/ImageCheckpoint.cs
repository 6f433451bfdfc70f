using System.Diagnostics;
using System.Globalization;
using PageEngine.Bitmaps;
using PageEngine.Checkpoints;
using PageEngine.Checkpoints.Writing;
using PageEngine.Devices;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.Bench.Checkpoints;

// Owns: saving a memory image of any content, timed inside one process after a first run that compiles the code: what
// bench/checkpoint-vs-cp compares with other programs.

/// <summary>`checkpoint IMAGE OUT none|lz4|zstd RUNS`: prints the file's bytes and, for each run, the seconds it took.
/// `increment MIB OUT RUNS`: the whole of a random memory and then one percent of it.</summary>
internal static class ImageCheckpoint
{
    internal static async Task RunAsync(string[] arguments)
    {
        if (arguments[0] == "increment")
        {
            await IncrementAsync(long.Parse(arguments[1], CultureInfo.InvariantCulture) << 20, arguments[2], int.Parse(arguments[3], CultureInfo.InvariantCulture));
            return;
        }

        long bytes = new FileInfo(arguments[1]).Length / MemoryLayout.PageBytes * MemoryLayout.PageBytes;
        using GuestMemory memory = GuestMemory.Allocate(bytes);
        using (FileStream image = File.OpenRead(arguments[1]))
        {
            for (long page = 0; page < memory.PageCount; page++)
            {
                byte[] read = new byte[MemoryLayout.PageBytes];
                image.ReadExactly(read);
                if (read.AsSpan().ContainsAnyExcept((byte)0))
                {
                    read.CopyTo(memory.Page(page));
                }
            }
        }

        var options = new CheckpointOptions { Compression = Enum.Parse<CheckpointCompression>(arguments[3], ignoreCase: true) };
        var seconds = new List<string>();
        CheckpointReport report = null!;
        for (int run = -1; run < int.Parse(arguments[4], CultureInfo.InvariantCulture); run++)
        {
            File.Delete(arguments[2]);
            report = await CheckpointSaver.SaveAsync(Guest(memory), CheckpointTarget.File(arguments[2]), options);
            if (run >= 0)
            {
                seconds.Add(report.Total.TotalSeconds.ToString("0.0000", CultureInfo.InvariantCulture));
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.Checkpoint.FileBytes} {string.Join(' ', seconds)}"));
    }

    private static async Task IncrementAsync(long bytes, string path, int runs)
    {
        using GuestMemory memory = GuestMemory.Allocate(bytes);
        var random = new Random(1);
        for (long page = 0; page < memory.PageCount; page++)
        {
            random.NextBytes(memory.Page(page));
        }

        for (int run = -1; run < runs; run++)
        {
            File.Delete(path);
            File.Delete($"{path}.child"); // Neither has an old file to remove.
            CheckpointReport whole = await CheckpointSaver.SaveAsync(Guest(memory), CheckpointTarget.File(path), new CheckpointOptions());
            using var changed = new DirtyBitmap(memory.PageCount);
            for (long i = 0; i < memory.PageCount / 100; i++)
            {
                long page = random.NextInt64(memory.PageCount);
                memory.Page(page)[0]++;
                changed.Set(page);
            }

            CheckpointReport child = await CheckpointSaver.SaveAsync(
                Guest(memory), CheckpointTarget.File($"{path}.child"), new CheckpointOptions { Parent = whole.Checkpoint, Changed = changed });
            if (run >= 0)
            {
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{whole.Checkpoint.FileBytes} {whole.Total.TotalSeconds:0.0000} {child.Checkpoint.FileBytes} {child.Total.TotalSeconds:0.0000}"));
            }
        }
    }

    private static StoredGuest Guest(GuestMemory memory) => new(
        new CheckpointInfo
        {
            GuestId = new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
            Description = new GuestDescription("image", ReadOnlyMemory<byte>.Empty),
            Epoch = 0,
            Run = default,
            IsSuspended = false,
            CreatedAt = DateTimeOffset.UnixEpoch.AddTicks(Stopwatch.GetTimestamp() / 100),
            Layout = memory.Layout,
        },
        memory,
        new DeviceState([]));
}
