using System.Globalization;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using PageEngine.Cli.LogAnalysis;
using Xunit;

namespace PageEngine.Cli.Tests.LogAnalysis;

// Owns: the promise that every known line is recognised with its values, and that nothing else that a file may hold does harm.
public sealed class LogLineParserTests
{
    private static readonly string[] _lines = File.ReadAllLines(Sample("every-line.txt"));

    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, _lines.Length)];

    [Fact]
    public void Every_known_line_gives_its_values()
    {
        string[] expected = File.ReadAllLines(Sample("every-line.expected.txt"));
        Assert.Equal(expected, _lines.Select(line => Print(LogLineParser.Parse(line))));
    }

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_line_cut_off_anywhere_never_gives_a_wrong_value(int number)
    {
        LogEvent whole = LogLineParser.Parse(_lines[number])!;
        for (int length = 0; length < _lines[number].Length; length++)
        {
            if (LogLineParser.Parse(_lines[number].AsSpan(0, length)) is not { } cut)
            {
                continue;
            }

            // A line that may end with a number cannot tell that a digit is missing.
            bool endsWithNumber = cut.Kind is LogEventKind.BufferSize or LogEventKind.RestoreOpened or LogEventKind.Affinity;
            Assert.Equal(whole.Stamp, cut.Stamp);
            Assert.True(endsWithNumber || cut.Id is null || cut.Id == whole.Id, $"{length}: id {cut.Id}");
            Assert.True(cut.Pages is null || cut.Pages == whole.Pages, $"{length}: pages {cut.Pages}");
            Assert.True(cut.LastPages is null || cut.LastPages == whole.LastPages, $"{length}: last {cut.LastPages}");
            Assert.True(cut.Milliseconds is null || cut.Milliseconds == whole.Milliseconds, $"{length}: {cut.Milliseconds} ms");
            Assert.True(cut.LimitMilliseconds is null || cut.LimitMilliseconds == whole.LimitMilliseconds, $"{length}: limit {cut.LimitMilliseconds} ms");
            Assert.True(cut.MegabytesPerSecond is null || cut.MegabytesPerSecond == whole.MegabytesPerSecond, $"{length}: {cut.MegabytesPerSecond} MB/s");
            Assert.True(cut.T2dPercent is null || cut.T2dPercent == whole.T2dPercent, $"{length}: {cut.T2dPercent} %");
            Assert.True(endsWithNumber || cut.Number is null || cut.Number == whole.Number, $"{length}: number {cut.Number}");
            Assert.True(cut.Source is null || cut.Source == whole.Source, $"{length}: source {cut.Source}");
            Assert.True(cut.DestinationWorld is null || cut.DestinationWorld == whole.DestinationWorld, $"{length}: {cut.DestinationWorld}");
        }
    }

    [Property(MaxTest = 500)]
    public void Garbage_never_does_harm(NonNull<string> garbage, int number, NonNegativeInt at)
    {
        string line = _lines[Math.Abs(number % _lines.Length)];
        LogLineParser.Parse(garbage.Get);
        LogLineParser.Parse(line.Insert(at.Get % line.Length, garbage.Get));
        LogLineParser.Parse(line + garbage.Get + line);
    }

    // Whatever stands between, before or behind them, however the stream delivers its bytes: no line is lost.
    [Property(MaxTest = 200)]
    public void Lines_between_garbage_are_all_found(int seed)
    {
        Random random = new(seed);
        MemoryStream stream = new();
        List<string> written = [];
        for (int i = 0; i < 40; i++)
        {
            byte[] garbage = new byte[random.Next(10) == 0 ? random.Next(300_000) : random.Next(300)];
            random.NextBytes(garbage);
            stream.Write(garbage);
            stream.WriteByte((byte)'\n');
            string line = _lines[random.Next(_lines.Length)];
            written.Add(Print(LogLineParser.Parse(line)));
            stream.Write(Encoding.UTF8.GetBytes(line + (random.Next(2) == 0 ? "\r\n" : "\n")));
        }

        stream.Position = 0;
        LogLineReader reader = new(new Trickle(stream, random));
        List<string> found = [];
        while (reader.TryRead(out ReadOnlySpan<char> line))
        {
            if (LogLineParser.Parse(line) is { } e)
            {
                found.Add(Print(e));
            }
        }

        Assert.Equal(written, found);
    }

    [Fact]
    public void Lines_that_nobody_knows_allocate_nothing()
    {
        const string Line = "2015-12-25T16:39:25.567Z cpu4:2758489)Config: 346: \"SIOControlFlag2\" = 0, Old Value: 1, (Status: 0x0)";
        Assert.Null(LogLineParser.Parse(Line));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            LogLineParser.Parse(Line);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Theory]
    [InlineData("2015-12-25T16:39:25.565Z cpu4", "2015-12-25 16:39:25.565Z")]
    [InlineData("2015-12-25T17:39:25.565+01:00 host", "2015-12-25 16:39:25.565Z")]
    [InlineData("2015-12-25T11:09:25,565-0530 host", "2015-12-25 16:39:25.565Z")]
    [InlineData("2015-12-25T16:39:25.565| vmx| I120: ", "2015-12-25 16:39:25.565")]
    [InlineData("[2011-03-02 18:14:34.203 F0000000 info", "2011-03-02 18:14:34.203")]
    [InlineData("vmkernel: 1:05:39:48.296 cpu3", "up 1:05:39:48.296")]
    [InlineData("Mar  2 18:14:34 host vmkernel: 1:05:39:48.296 cpu3", "up 1:05:39:48.296")]
    [InlineData("Mar 12 18:14:34 host vmkernel: cpu3", "Mar 12 18:14:34")]
    [InlineData("vmkernel.log:2015-12-25T16:39:25.565Z cpu4", "2015-12-25 16:39:25.565Z")]
    [InlineData("2015-02-30T16:39:25.565Z cpu4", "no time")]
    [InlineData("0001-01-01T00:00:00.000+23:00", "no time")]
    [InlineData("", "no time")]
    public void Stamps_of_all_forms_are_read(string head, string stamp) => Assert.Equal(stamp, LogStamp.Find(head).ToString());

    [Fact]
    public void A_line_of_any_length_takes_no_more_memory_than_the_limit()
    {
        byte[] text = Encoding.UTF8.GetBytes(_lines[1] + new string('x', 3_000_000) + "\n" + _lines[2] + "\n" + _lines[3]);
        LogLineReader reader = new(new MemoryStream(text));
        Assert.True(reader.TryRead(out ReadOnlySpan<char> line));
        Assert.Equal(LogLineReader.MaxLineBytes, line.Length);
        Assert.Equal(Print(LogLineParser.Parse(_lines[1])), Print(LogLineParser.Parse(line)));
        Assert.True(reader.TryRead(out line));
        Assert.Equal(_lines[2], line.ToString());
        Assert.False(reader.TryRead(out _));
        Assert.True(reader.TryReadUnended(out line));
        Assert.Equal(_lines[3], line.ToString());
        Assert.Equal((3L, 1L), (reader.Lines, reader.OverlongLines));
    }

    internal static string Sample(string name) => Path.Combine(AppContext.BaseDirectory, "LogAnalysis", name);

    private static string Print(LogEvent? e) => e is null ? "not recognised" : string.Join(
        ' ',
        typeof(LogEvent).GetProperties()
            .Where(p => p.Name is not (nameof(LogEvent.Log) or "EqualityContract") && p.GetValue(e) is not (null or false or '\0'))
            .Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Name}={p.GetValue(e)}")));

    // Gives its bytes in pieces of any size.
    private sealed class Trickle(Stream inner, Random random) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, Math.Min(count, random.Next(1, 70_000)));

        public override int Read(Span<byte> buffer) => inner.Read(buffer[..Math.Min(buffer.Length, random.Next(1, 70_000))]);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
