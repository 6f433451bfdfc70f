using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using PageEngine.Memory;

namespace PageEngine.Bench.Paired;

// Owns: the obvious way to send pages in .NET: each is copied into a Pipe and out of one, with its number in front. The measure
// for what avoiding the copies is worth.

internal static class PlainPipe
{
    private const int FlushBytes = 256 * 1024;
    private const int HeadBytes = sizeof(long);

    private static readonly PipeOptions _options = new(pauseWriterThreshold: 4 << 20, resumeWriterThreshold: 2 << 20, minimumSegmentSize: 128 << 10, useSynchronizationContext: false);

    internal static async Task<int> SendAsync(WireSettings settings, GuestMemory memory)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.SetRawSocketOption(6, 13, "cubic"u8);
        await socket.ConnectAsync(IPAddress.Loopback, settings.Port);
        var pipe = new Pipe(_options);
        Task pumping = PumpOutAsync(pipe.Reader, socket);
        Stopwatches watches = default;
        long bytes = 0;
        for (int pass = 0; pass < settings.Warmup + settings.Passes; pass++)
        {
            if (pass == settings.Warmup)
            {
                bytes = 0;
                watches = Stopwatches.Start();
            }

            for (long page = 0; page < settings.Pages; page++)
            {
                if (page / settings.Run % 2 == 0)
                {
                    Write(pipe.Writer, memory, page);
                    bytes += MemoryLayout.PageBytes;
                    if (pipe.Writer.UnflushedBytes >= FlushBytes)
                    {
                        await pipe.Writer.FlushAsync();
                    }
                }
            }
        }

        await pipe.Writer.CompleteAsync();
        await pumping;
        Console.WriteLine(watches.Line(bytes));
        return 0;
    }

    internal static async Task<int> ReceiveAsync(WireSettings settings, GuestMemory memory)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Console.WriteLine($"port {((IPEndPoint)listener.LocalEndPoint!).Port}");
        using Socket socket = await listener.AcceptAsync();
        var pipe = new Pipe(_options);
        Task pumping = PumpInAsync(socket, pipe.Writer);
        long perPass = PagesPerPass(settings);
        long warmup = settings.Warmup * perPass;
        long pages = 0;
        Stopwatches watches = default;
        while (true)
        {
            ReadResult read = await pipe.Reader.ReadAsync();
            ReadOnlySequence<byte> rest = read.Buffer;
            while (rest.Length >= HeadBytes + MemoryLayout.PageBytes)
            {
                if (pages++ == warmup)
                {
                    watches = Stopwatches.Start();
                }

                Read(ref rest, memory);
            }

            pipe.Reader.AdvanceTo(rest.Start, rest.End);
            if (read.IsCompleted)
            {
                break;
            }
        }

        await pumping;
        Console.WriteLine(watches.Line((pages - warmup) * MemoryLayout.PageBytes));
        return 0;
    }

    private static long PagesPerPass(WireSettings settings)
    {
        long pages = 0;
        for (long page = 0; page < settings.Pages; page++)
        {
            pages += page / settings.Run % 2 == 0 ? 1 : 0;
        }

        return pages;
    }

    private static void Write(PipeWriter writer, GuestMemory memory, long page)
    {
        Span<byte> target = writer.GetSpan(HeadBytes + MemoryLayout.PageBytes);
        BinaryPrimitives.WriteInt64LittleEndian(target, page);
        memory.Page(page).CopyTo(target[HeadBytes..]);
        writer.Advance(HeadBytes + MemoryLayout.PageBytes);
    }

    private static void Read(ref ReadOnlySequence<byte> rest, GuestMemory memory)
    {
        Span<byte> head = stackalloc byte[HeadBytes];
        rest.Slice(0, HeadBytes).CopyTo(head);
        rest.Slice(HeadBytes, MemoryLayout.PageBytes).CopyTo(memory.Page(BinaryPrimitives.ReadInt64LittleEndian(head)));
        rest = rest.Slice(HeadBytes + MemoryLayout.PageBytes);
    }

    private static async Task PumpOutAsync(PipeReader reader, Socket socket)
    {
        while (true)
        {
            ReadResult read = await reader.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                for (int sent = 0; sent < segment.Length;)
                {
                    sent += await socket.SendAsync(segment[sent..], SocketFlags.None);
                }
            }

            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
            {
                socket.Shutdown(SocketShutdown.Send);
                return;
            }
        }
    }

    private static async Task PumpInAsync(Socket socket, PipeWriter writer)
    {
        while (true)
        {
            int received = await socket.ReceiveAsync(writer.GetMemory(FlushBytes), SocketFlags.None);
            if (received == 0)
            {
                break;
            }

            writer.Advance(received);
            await writer.FlushAsync();
        }

        await writer.CompleteAsync();
    }
}
