using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;
using PageEngine.Cli.Output;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.Cli.History;

// Owns: the bytes of a held guest: the file "memory", whose holes are pages of zeros, and the file "guest.json", which
// describes it, holds the device state, and ends in a line with its own checksum. It is no checkpoint: only this program of
// this version reads it.

/// <summary>What the header of a held guest says.</summary>
internal sealed record HeldGuestHeader
{
    /// <summary>The only version of the format.</summary>
    public const int CurrentFormat = 1;

    public required int Format { get; init; }
    public required ulong MigrationId { get; init; }
    public required string Role { get; init; }
    public required Guid GuestId { get; init; }
    public required string Kind { get; init; }
    public required byte[] Configuration { get; init; }
    public required IReadOnlyList<HeldRegion> Regions { get; init; }
    public required IReadOnlyList<HeldSection> State { get; init; }

    /// <summary>Gets how many pages are not all zero.</summary>
    public required long StoredPages { get; init; }

    /// <summary>Gets the XXH3 of number and bytes of every page that is not all zero.</summary>
    public required ulong MemoryDigest { get; init; }
}

/// <summary>One region of the memory.</summary>
internal sealed record HeldRegion(ulong BaseAddress, long PageCount);

/// <summary>One section of the device state.</summary>
internal sealed record HeldSection(string Kind, uint Instance, ushort Version, byte[] Payload);

/// <summary>Writes and reads the files of a held guest.</summary>
internal static class HeldGuestFile
{
    private const string HeaderName = "guest.json";
    private const string MemoryName = "memory";
    private const int PagesAtOnce = 256;
    private const int MaxHeaderBytes = 512 << 20;

    /// <summary>Writes a paused guest into an empty directory, durably.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static async Task WriteAsync(string directory, ulong migrationId, string role, IGuest guest, CancellationToken cancellationToken)
    {
        DeviceStateWriter writer = new();
        await guest.SaveStateAsync(writer, cancellationToken);
        (long stored, ulong digest) = WriteMemory(Path.Combine(directory, MemoryName), guest.Memory, cancellationToken);
        GuestDescription description = guest.Describe();
        HeldGuestHeader header = new()
        {
            Format = HeldGuestHeader.CurrentFormat,
            MigrationId = migrationId,
            Role = role,
            GuestId = guest.Id,
            Kind = description.Kind,
            Configuration = description.Configuration.ToArray(),
            Regions = [.. guest.Memory.Layout.Regions.Select(r => new HeldRegion(r.BaseAddress.Value, r.PageCount))],
            State = [.. writer.ToDeviceState().Sections.Select(s => new HeldSection(s.Kind, s.Instance, s.Version, s.Payload.ToArray()))],
            StoredPages = stored,
            MemoryDigest = digest,
        };
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header, JsonContext.Documents.HeldGuestHeader);
        using SafeFileHandle file = File.OpenHandle(Path.Combine(directory, HeaderName), FileMode.CreateNew, FileAccess.Write);
        RandomAccess.Write(file, [.. json, .. Checksum(json)], 0);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Reads the header.</summary>
    /// <exception cref="MigrationException">It cannot be read, or it is damaged.</exception>
    public static HeldGuestHeader ReadHeader(string directory)
    {
        string path = Path.Combine(directory, HeaderName);
        try
        {
            byte[] bytes = new FileInfo(path).Length <= MaxHeaderBytes ? File.ReadAllBytes(path) : throw Damaged(path, "it is far too long");
            int end = bytes.Length - Checksum([]).Length;
            if (end < 0 || !Checksum(bytes.AsSpan(0, end)).AsSpan().SequenceEqual(bytes.AsSpan(end)))
            {
                throw Damaged(path, "its checksum is wrong");
            }

            return JsonSerializer.Deserialize(bytes.AsSpan(0, end), JsonContext.Documents.HeldGuestHeader) is { Format: HeldGuestHeader.CurrentFormat } header
                ? header
                : throw Damaged(path, "its format is not one that this program knows");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The held guest in {directory} cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>Reads the guest, paused.</summary>
    /// <exception cref="MigrationException">It cannot be read, or it is damaged.</exception>
    public static async Task<VerifiableGuest> ReadAsync(string directory, CancellationToken cancellationToken)
    {
        HeldGuestHeader header = ReadHeader(directory);
        MemoryLayout layout = new(header.Regions.Select(r => new MemoryLayoutRegion(new GuestAddress(r.BaseAddress), r.PageCount)));
        VerifiableGuest guest = VerifiableGuest.FromDescription(header.GuestId, new GuestDescription(header.Kind, header.Configuration), layout);
        try
        {
            string path = Path.Combine(directory, MemoryName);
            if (ReadMemory(path, guest.Memory, cancellationToken) != (header.StoredPages, header.MemoryDigest))
            {
                throw Damaged(path, "the digest of its pages is wrong");
            }

            DeviceState state = new(header.State.Select(s => new DeviceStateSection(s.Kind, s.Instance, s.Version, s.Payload)));
            await guest.LoadStateAsync(state, cancellationToken);
            return guest;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            guest.Dispose();
            throw new MigrationException(MigrationErrorKind.DataDamaged, $"The held guest in {directory} cannot be read: {exception.Message}", exception);
        }
        catch
        {
            guest.Dispose();
            throw;
        }
    }

    private static (long Stored, ulong Digest) WriteMemory(string path, GuestMemory memory, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write);
        using GuestMemoryHold hold = memory.HoldForIo();
        RandomAccess.SetLength(file, memory.PageCount * MemoryLayout.PageBytes);
        XxHash3 digest = new();
        long stored = 0;
        for (int region = 0; region < memory.Regions.Count; region++)
        {
            long end = memory.FirstPageOf(region) + memory.Regions[region].PageCount;
            for (long page = memory.FirstPageOf(region); page < end;)
            {
                int run = 0;
                while (page + run < end && run < PagesAtOnce && !IsZero(memory.Page(page + run)))
                {
                    Append(digest, page + run, memory.Page(page + run));
                    run++;
                }

                if (run > 0)
                {
                    // Pages of one region lie one behind the other.
                    RandomAccess.Write(file, MemoryMarshal.CreateReadOnlySpan(ref memory.Page(page)[0], run * MemoryLayout.PageBytes), page * MemoryLayout.PageBytes);
                    stored += run;
                    cancellationToken.ThrowIfCancellationRequested();
                }

                page += Math.Max(run, 1);
            }
        }

        RandomAccess.FlushToDisk(file);
        return (stored, digest.GetCurrentHashAsUInt64());
    }

    private static (long Stored, ulong Digest) ReadMemory(string path, GuestMemory memory, CancellationToken cancellationToken)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        using GuestMemoryHold hold = memory.HoldForIo();
        byte[] buffer = ArrayPool<byte>.Shared.Rent(PagesAtOnce * MemoryLayout.PageBytes);
        try
        {
            XxHash3 digest = new();
            long stored = 0;
            for (long page = 0; page < memory.PageCount; page += PagesAtOnce)
            {
                int pages = (int)Math.Min(PagesAtOnce, memory.PageCount - page);
                Fill(file, buffer.AsSpan(0, pages * MemoryLayout.PageBytes), page * MemoryLayout.PageBytes, path);
                for (int i = 0; i < pages; i++)
                {
                    ReadOnlySpan<byte> bytes = buffer.AsSpan(i * MemoryLayout.PageBytes, MemoryLayout.PageBytes);
                    if (!IsZero(bytes))
                    {
                        Append(digest, page + i, bytes);
                        bytes.CopyTo(memory.Page(page + i));
                        stored++;
                    }
                }

                cancellationToken.ThrowIfCancellationRequested();
            }

            return (stored, digest.GetCurrentHashAsUInt64());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Fill(SafeFileHandle file, Span<byte> buffer, long offset, string path)
    {
        while (buffer.Length > 0)
        {
            int read = RandomAccess.Read(file, buffer, offset);
            if (read == 0)
            {
                throw Damaged(path, "it is too short");
            }

            buffer = buffer[read..];
            offset += read;
        }
    }

    private static bool IsZero(ReadOnlySpan<byte> page) => !page.ContainsAnyExcept((byte)0);

    private static void Append(XxHash3 digest, long page, ReadOnlySpan<byte> bytes)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, page);
        digest.Append(number);
        digest.Append(bytes);
    }

    private static byte[] Checksum(ReadOnlySpan<byte> json) => Encoding.ASCII.GetBytes($"\n{XxHash3.HashToUInt64(json):x16}\n");

    private static MigrationException Damaged(string path, string what) =>
        new(MigrationErrorKind.DataDamaged, $"The held guest's file {path} is damaged: {what}. This copy is never started.");
}
