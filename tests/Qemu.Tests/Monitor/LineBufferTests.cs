using System.Text;
using FsCheck.Xunit;
using PageEngine.Qemu.Monitor;
using Xunit;

namespace PageEngine.Qemu.Tests.Monitor;

public class LineBufferTests
{
    /// <summary>However the bytes are cut, the lines are those that splitting the whole text gives.</summary>
    [Property(MaxTest = 300)]
    public void Lines_areThoseOfTheWholeText_howeverItArrives(string[]? words, byte[]? cuts)
    {
        string text = string.Concat((words ?? []).Select(word => (word ?? "").Replace("\n", "", StringComparison.Ordinal) + "\n"));
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var buffer = new LineBuffer(1 << 20);
        var found = new List<string>();
        int at = 0;
        for (int i = 0; at < bytes.Length; i++)
        {
            int cut = cuts is { Length: > 0 } ? cuts[i % cuts.Length] + 1 : 7;
            Span<byte> room = buffer.GetRoom().Span;
            int count = Math.Min(Math.Min(cut, room.Length), bytes.Length - at);
            bytes.AsSpan(at, count).CopyTo(room);
            buffer.Added(count);
            at += count;
            while (buffer.TryTake(out ReadOnlyMemory<byte> line))
            {
                found.Add(Encoding.UTF8.GetString(line.Span));
            }
        }

        Assert.Equal(text.Split('\n')[..^1], found);
    }

    [Fact]
    public void Line_ofExactlyTheLimit_isTaken_andOneMoreByteIsNot()
    {
        var buffer = new LineBuffer(100);
        Fill(buffer, 99);
        buffer.GetRoom().Span[0] = (byte)'\n';
        buffer.Added(1);
        Assert.True(buffer.TryTake(out ReadOnlyMemory<byte> line));
        Assert.Equal(99, line.Length);
        Fill(buffer, 100);
        Assert.False(buffer.TryTake(out _));
        Assert.Throws<InvalidDataException>(() => buffer.GetRoom());
    }

    private static void Fill(LineBuffer buffer, int bytes)
    {
        for (int i = 0; i < bytes; i++)
        {
            buffer.GetRoom().Span[0] = (byte)'x';
            buffer.Added(1);
        }
    }
}
