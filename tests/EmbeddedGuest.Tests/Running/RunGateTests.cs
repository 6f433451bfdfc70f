using PageEngine.EmbeddedGuest.Running;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Running;

public class RunGateTests
{
    [Fact]
    public void Nobody_is_inside_after_a_close()
    {
        const int Cpus = 3;
        RunGate gate = new(Cpus);
        long[] counters = new long[Cpus * 64];
        Thread[] threads = [.. Enumerable.Range(0, Cpus).Select(i => new Thread(() => Work(gate, i, ref counters[i * 64])))];
        Array.ForEach(threads, t => t.Start());
        for (int i = 0; i < 1000; i++)
        {
            gate.Open();
            if (i % 3 == 0)
            {
                Thread.Yield();
            }

            gate.Close();
            long before = counters.Sum();
            Thread.SpinWait(50);
            Assert.Equal(before, counters.Sum());
        }

        gate.End();
        Array.ForEach(threads, t => t.Join());
        Assert.True(counters.Sum() > 0);
    }

    // Every other thread leaves to sleep now and then, as a paced virtual CPU does.
    private static void Work(RunGate gate, int index, ref long counter)
    {
        while (gate.Enter(index))
        {
            for (int i = 0; !gate.IsClosed && (index == 0 || i < 50); i++)
            {
                Volatile.Write(ref counter, counter + 1);
            }

            gate.Leave(index);
            if (index > 0)
            {
                Thread.Yield();
            }
        }
    }

    [Fact]
    public void End_releases_those_who_wait()
    {
        RunGate gate = new(1);
        bool entered = true;
        Thread thread = new(() => entered = gate.Enter(0));
        thread.Start();
        gate.End();
        thread.Join();
        Assert.False(entered);
    }

    [Fact]
    public void Openings_are_counted()
    {
        RunGate gate = new(1);
        gate.Open();
        gate.Close();
        gate.Open();
        Assert.Equal(2, gate.Openings);
    }
}
