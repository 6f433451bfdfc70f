using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using PageEngine.Transport.Edges;
using Xunit;

namespace PageEngine.Transport.Tests.Edges;

/// <summary>The meter against a receiver that reads at a known rate.</summary>
public sealed class SocketLinkMeterTests
{
    private const int Batch = 256 * 1024;

    [Fact]
    public async Task It_measures_what_the_other_end_takes_and_not_what_fits_into_the_buffer()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { SendBufferSize = 4 << 20 };
        await near.ConnectAsync(listener.LocalEndpoint);
        using Socket far = await listener.AcceptSocketAsync();
        using var stop = new CancellationTokenSource();
        long taken = 0;
        var reading = Task.Run(async () =>
        {
            byte[] buffer = new byte[64 * 1024];
            while (!stop.IsCancellationRequested)
            {
                int n = await far.ReceiveAsync(buffer);
                if (n == 0)
                {
                    return;
                }

                Interlocked.Add(ref taken, n);
                await Task.Delay(1);
            }
        });

        var meter = default(SocketLinkMeter);
        byte[] batch = new byte[Batch];
        long sent = 0;
        long measured = 0;
        double nanoseconds = 0;
        int busy = 0;
        int samples = 0;
        long began = Stopwatch.GetTimestamp();
        for (int i = 0; i < 160; i++)
        {
            meter.BeforeSend(near.SafeHandle);
            near.Send(batch);
            sent += batch.Length;
            if (meter.AfterSend(near.SafeHandle, batch.Length, out LinkSample sample))
            {
                samples++;
                measured += sample.Bytes;
                nanoseconds += sample.Nanoseconds;
                busy += sample.WasBusy ? 1 : 0;
            }
        }

        double elapsed = Stopwatch.GetElapsedTime(began).TotalNanoseconds;
        long received = Interlocked.Read(ref taken);
        await stop.CancelAsync();
        near.Close();
        await reading;

        // What was acknowledged is at least what was read, and at most that and what the two buffers hold. Sends that only fill a
        // buffer are too short for a sample of their own, and count in the next one.
        Assert.True(samples > 2, $"{samples} samples");
        Assert.InRange(nanoseconds, elapsed / 2, elapsed);
        Assert.InRange(measured, received / 2, sent);
        Assert.True(busy > samples / 2, $"{busy} of {samples} samples say that the link was busy");
    }

    [Fact]
    public async Task A_link_that_is_faster_than_what_it_is_given_is_not_busy()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var near = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await near.ConnectAsync(listener.LocalEndpoint);
        using Socket far = await listener.AcceptSocketAsync();
        var reading = Task.Run(() =>
        {
            byte[] buffer = new byte[1 << 20];
            while (far.Receive(buffer) > 0)
            {
            }
        });
        var meter = default(SocketLinkMeter);
        byte[] batch = new byte[4096];
        int busy = 0;
        int samples = 0;
        for (int i = 0; i < 20; i++)
        {
            await Task.Delay(5); // what an encoder takes
            meter.BeforeSend(near.SafeHandle);
            near.Send(batch);
            if (meter.AfterSend(near.SafeHandle, batch.Length, out LinkSample sample))
            {
                samples++;
                busy += sample.WasBusy ? 1 : 0;
            }
        }

        near.Close();
        await reading;
        Assert.True(samples > 10 && busy < samples / 2, $"{busy} of {samples} samples say that the link was busy");
    }
}
