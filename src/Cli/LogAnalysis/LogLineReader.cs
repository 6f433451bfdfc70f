using System.Text;

namespace PageEngine.Cli.LogAnalysis;

// Owns: cutting a stream into lines, in a buffer that never grows: of an over-long line the beginning is kept, the rest
// is skipped. At the end of the stream a line that is not ended yet waits, for a file that grows.

/// <summary>Reads the lines of a stream.</summary>
internal sealed class LogLineReader(Stream stream)
{
    /// <summary>The most of a line that is looked at.</summary>
    public const int MaxLineBytes = 16 * 1024;

    private readonly byte[] _buffer = new byte[128 * 1024];
    private readonly byte[] _line = new byte[MaxLineBytes];
    private readonly char[] _characters = new char[MaxLineBytes];
    private int _next;
    private int _end;
    private int _length;
    private bool _isTooLong;

    /// <summary>Gets how many lines were read.</summary>
    public long Lines { get; private set; }

    /// <summary>Gets how many of them were too long to be kept whole.</summary>
    public long OverlongLines { get; private set; }

    /// <summary>Gets the next line that is ended.</summary>
    /// <param name="line">The line, valid until the next call.</param>
    /// <returns>False: there is none yet.</returns>
    public bool TryRead(out ReadOnlySpan<char> line)
    {
        while (true)
        {
            ReadOnlySpan<byte> rest = _buffer.AsSpan(_next, _end - _next);
            int newline = rest.IndexOf((byte)'\n');
            Keep(newline < 0 ? rest : rest[..newline]);
            _next = newline < 0 ? _end : _next + newline + 1;
            if (newline >= 0)
            {
                line = Take();
                return true;
            }

            _next = 0;
            _end = stream.Read(_buffer);
            if (_end == 0)
            {
                line = default;
                return false;
            }
        }
    }

    /// <summary>Gets what stands behind the last end of a line.</summary>
    public bool TryReadUnended(out ReadOnlySpan<char> line)
    {
        bool any = _length > 0;
        line = any ? Take() : default;
        return any;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        int kept = Math.Min(bytes.Length, _line.Length - _length);
        bytes[..kept].CopyTo(_line.AsSpan(_length));
        _length += kept;
        _isTooLong |= kept < bytes.Length;
    }

    private ReadOnlySpan<char> Take()
    {
        Lines++;
        OverlongLines += _isTooLong ? 1 : 0;
        int count = Encoding.UTF8.GetChars(_line.AsSpan(0, _length), _characters);
        _length = 0;
        _isTooLong = false;
        return _characters.AsSpan(0, count).TrimEnd('\r');
    }
}
