using System.Buffers.Binary;
using System.Diagnostics;
using PageEngine.EmbeddedGuest;

namespace PageEngine.FaultHost;

// Owns: what leaves the guest: a file to which a thread adds, every millisecond, which operations the guest has done and
// under which epoch. What was written is there even when this process is killed. Records of 40 bytes, little endian: kind,
// from, until (both in ticks of the machine's steady clock), epoch, operations.

internal sealed class EffectLog : IDisposable
{
    public const int RecordBytes = 40;

    private readonly Lock _lock = new();
    private readonly FileStream _file;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ended = new();
    private VerifiableGuest? _guest;
    private ulong _epoch;
    private long _from;
    private long _operations;

    public EffectLog(string path)
    {
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        _thread = new Thread(Watch) { IsBackground = true, Name = "effects" };
        _thread.Start();
    }

    /// <summary>The guest is about to run.</summary>
    public void Resumed(VerifiableGuest guest, ulong epoch)
    {
        lock (_lock)
        {
            _guest = guest;
            _epoch = epoch;
            _operations = guest.Operations;
            _from = Stopwatch.GetTimestamp();
            Write(EffectKind.Resumed, _from, _operations);
        }
    }

    /// <summary>The guest stands still.</summary>
    public void Paused()
    {
        lock (_lock)
        {
            if (_guest is { } guest)
            {
                Look();
                Write(EffectKind.Paused, Stopwatch.GetTimestamp(), guest.Operations);
                _guest = null;
            }
        }
    }

    public void Dispose()
    {
        _ended.Set();
        _thread.Join();
        _file.Dispose();
        _ended.Dispose();
    }

    private void Watch()
    {
        while (!_ended.Wait(1))
        {
            lock (_lock)
            {
                Look();
            }
        }
    }

    // Operations that were done since the last look were done within this window.
    private void Look()
    {
        if (_guest is not { } guest)
        {
            return;
        }

        long operations = guest.Operations;
        long now = Stopwatch.GetTimestamp();
        if (operations > _operations)
        {
            _operations = operations;
            Write(EffectKind.Active, now, operations);
        }

        _from = now;
    }

    private void Write(EffectKind kind, long until, long operations)
    {
        Span<byte> record = stackalloc byte[RecordBytes];
        BinaryPrimitives.WriteInt64LittleEndian(record, (long)kind);
        BinaryPrimitives.WriteInt64LittleEndian(record[8..], _from);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], until);
        BinaryPrimitives.WriteUInt64LittleEndian(record[24..], _epoch);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], operations);
        _file.Write(record);
    }
}

internal enum EffectKind
{
    None = 0,
    Resumed = 1,
    Active = 2,
    Paused = 3,
}
