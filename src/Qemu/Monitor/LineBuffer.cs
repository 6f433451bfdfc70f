namespace PageEngine.Qemu.Monitor;

// Owns: bytes that arrived and are not a whole line yet. Grows up to a limit, and never beyond it.

internal sealed class LineBuffer(int maxLineBytes)
{
    private const int FirstBytes = 4096;

    private byte[] _bytes = new byte[Math.Min(FirstBytes, maxLineBytes)];
    private int _start;
    private int _end;
    private int _searched;

    /// <summary>Gets room for more bytes, at least one.</summary>
    /// <exception cref="InvalidDataException">The line is longer than allowed.</exception>
    internal Memory<byte> GetRoom()
    {
        if (_end == _bytes.Length)
        {
            if (_start > 0)
            {
                _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
                _searched -= _start;
                _end -= _start;
                _start = 0;
            }
            else if (_bytes.Length >= maxLineBytes)
            {
                throw new InvalidDataException($"A line of more than {maxLineBytes} bytes came.");
            }
            else
            {
                Array.Resize(ref _bytes, (int)Math.Min((long)_bytes.Length * 2, maxLineBytes));
            }
        }

        return _bytes.AsMemory(_end);
    }

    /// <summary>Says how many bytes were put into the room.</summary>
    internal void Added(int bytes) => _end += bytes;

    /// <summary>Takes the next whole line, without its end. Valid until more room is asked for.</summary>
    internal bool TryTake(out ReadOnlyMemory<byte> line)
    {
        int found = _bytes.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
        if (found < 0)
        {
            _searched = _end;
            line = default;
            return false;
        }

        int end = _searched + found;
        line = _bytes.AsMemory(_start, end - _start);
        _start = _searched = end + 1;
        if (_start == _end)
        {
            _start = _end = _searched = 0;
        }

        return true;
    }
}
