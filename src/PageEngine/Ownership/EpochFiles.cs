using System.Globalization;
using PageEngine.Interop;

namespace PageEngine.Ownership;

// Owns: the files of one guest in the store's directory and what they mean.
//   GUEST.N                            epoch N; the highest is the record
//   GUEST.N.resuming, GUEST.N.running  its marks: the same content under another name
//   GUEST.nonce.ATTEMPT.SIDE           proof that both sides use this directory
//   GUEST.presence.ATTEMPT.SIDE        locked while that side's process lives
//   GUEST.temporary.ATTEMPT.RANDOM     a file before it gets one of the names above
// Owner: whoever holds the lock on this object. Invariant: a name, once linked, never changes its content.

internal sealed class EpochFiles(IOwnershipFiles files, Guid guestId)
{
    private readonly IOwnershipFiles _files = files;
    private readonly Guid _guestId = guestId;
    private readonly string _prefix = $"{guestId:N}.";
    private readonly Dictionary<OwnershipRecord, Staged> _stagedEpochs = [];
    private readonly Dictionary<OwnershipRecord, Staged> _stagedMarks = [];
    private OwnershipRecord? _lastRead;
    private ulong _highest;
    private ulong _durable;
    private bool _listed;

    /// <summary>Reads the highest epoch; what it returns cannot be lost any more.</summary>
    public OwnershipRecord? ReadHighest()
    {
        ulong epoch = FindHighest();
        if (epoch == 0)
        {
            return null;
        }

        OwnershipRecord record = ReadEpoch(epoch, out _)
            ?? throw Damaged(EpochName(epoch), "it was there and is not any more. Epoch files must never be removed: bring it back from where it went");

        // The link may be younger than its creator's fsync: nobody may act on what a power cut can undo.
        if (epoch > _durable)
        {
            _files.SyncDirectory();
            _durable = epoch;
        }

        return record;
    }

    /// <summary>Creates an epoch by linking a complete file to its name.</summary>
    public CreateOutcome Create(OwnershipRecord record)
    {
        ulong highest = FindHighest();
        if (record.Epoch <= highest)
        {
            return ReadEpoch(record.Epoch, out _) == record ? Keep(record, null) : CreateOutcome.Conflict;
        }

        if (record.Epoch > highest + 1)
        {
            return CreateOutcome.Conflict;
        }

        // Once more after the temporary file was removed under us, by whoever forgot the attempt.
        for (bool again = true; ; again = false)
        {
            Staged staged = StageEpoch(record);
            FileCallException? failure = null;
            bool linked = false;
            try
            {
                linked = _files.TryLink(staged.Name, EpochName(record.Epoch));
            }
            catch (FileCallException e)
            {
                failure = e;
            }

            if (linked)
            {
                return Keep(record, staged);
            }

            // Whatever the call said, the directory knows: a lost answer makes a link that succeeded look like a failure.
            switch (FindOut(record, staged))
            {
                case CreateOutcome.Created:
                    return Keep(record, staged);
                case CreateOutcome.Conflict:
                    Drop(_stagedEpochs, record);
                    return CreateOutcome.Conflict;
                default:
                    if (failure is not { HadNoEffect: true })
                    {
                        return CreateOutcome.Unknown;
                    }

                    _stagedEpochs.Remove(record);
                    bool vanished = failure.ErrorNumber == FileSystemCalls.ENOENT && !_files.IsRemoved();
                    if (!vanished || !again)
                    {
                        throw failure;
                    }

                    break;
            }
        }
    }

    /// <summary>Makes a mark durable.</summary>
    public void Mark(ulong epoch, OwnershipMark mark)
    {
        OwnershipRecord record = (_lastRead?.Epoch == epoch ? _lastRead : ReadEpoch(epoch, out _))
            ?? throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"Epoch {epoch} of guest {_guestId} cannot be marked '{mark}': the ownership store {_files.Path} has no such epoch. Check that both sides name the same directory.");
        string name = MarkName(epoch, mark);
        if (!TryLinkMark(record, name))
        {
            ReadMarkFile(epoch, mark);
        }

        _files.SyncDirectory();
        if (mark == OwnershipMark.Running)
        {
            Drop(_stagedMarks, record);
        }
    }

    /// <summary>Reads the highest mark of an epoch.</summary>
    public OwnershipMark ReadMark(ulong epoch)
    {
        if (ReadMarkFile(epoch, OwnershipMark.Running))
        {
            return OwnershipMark.Running;
        }

        if (ReadMarkFile(epoch, OwnershipMark.Resuming))
        {
            return OwnershipMark.Resuming;
        }

        ThrowIfRemoved();
        return OwnershipMark.None;
    }

    /// <summary>Writes a nonce under a name of its own.</summary>
    public void WriteNonce(AttemptId attempt, string side, Guid nonce)
    {
        Span<byte> content = stackalloc byte[OwnershipRecordCodec.NonceBytes];
        OwnershipRecordCodec.WriteNonce(nonce, content);
        string temporary = TemporaryName(attempt);
        _files.Create(temporary, content);
        bool linked = _files.TryLink(temporary, NonceName(attempt, side));
        _files.Remove(temporary);
        if (!linked && ReadNonce(attempt, side) != nonce)
        {
            throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"Another nonce for the {side} side of attempt {attempt} is already in the ownership store {_files.Path}. Start the migration again: it gets a new attempt.");
        }
    }

    /// <summary>Reads a nonce.</summary>
    public Guid? ReadNonce(AttemptId attempt, string side)
    {
        string name = NonceName(attempt, side);
        Span<byte> content = stackalloc byte[OwnershipRecordCodec.NonceBytes + 1];
        int length = _files.Read(name, content);
        if (length < 0)
        {
            ThrowIfRemoved();
            return null;
        }

        return OwnershipRecordCodec.TryReadNonce(content[..length], out Guid nonce) is { } wrong ? throw Damaged(name, wrong) : nonce;
    }

    /// <summary>Removes what only an attempt that has ended needed.</summary>
    public void Forget(AttemptId attempt)
    {
        ForgetStaged(_stagedEpochs, attempt);
        ForgetStaged(_stagedMarks, attempt);
        foreach (string name in _files.List($"{_prefix}temporary.{attempt}.").Concat(_files.List($"{_prefix}nonce.{attempt}."))
            .Concat(_files.List($"{_prefix}presence.{attempt}.")))
        {
            _files.Remove(name);
        }
    }

    /// <summary>Writes ahead the files that creating or marking this epoch will need.</summary>
    public void Stage(OwnershipRecord record)
    {
        StageEpoch(record);
        StageMark(record);
    }

    /// <summary>Removes every file of a guest that does not exist any more.</summary>
    public void RemoveAll()
    {
        foreach (string name in _files.List(_prefix).ToArray())
        {
            _files.Remove(name);
        }
    }

    /// <summary>Removes every file of a guest that never existed.</summary>
    public void RemoveScratchGuest()
    {
        try
        {
            foreach (string name in _files.List(_prefix))
            {
                _files.Remove(name);
            }
        }
        catch (FileCallException)
        {
            // Scratch files of a random guest mean nothing to anybody; the rehearsal's own error is the better message.
        }
    }

    private ulong FindHighest()
    {
        if (!_listed)
        {
            ulong found = 0;
            foreach (string name in _files.List(_prefix))
            {
                found = Math.Max(found, ParseEpoch(name.AsSpan(_prefix.Length)));
            }

            _highest = Math.Max(_highest, found);
            _listed = true;
        }

        while (_files.CountLinks(EpochName(_highest + 1)) > 0)
        {
            _highest++;
        }

        if (_highest == 0)
        {
            ThrowIfRemoved();
        }

        return _highest;
    }

    private CreateOutcome FindOut(OwnershipRecord record, Staged staged)
    {
        try
        {
            OwnershipRecord? there = ReadEpoch(record.Epoch, out Guid token);
            if (there is not null)
            {
                return token == staged.Token || there == record ? CreateOutcome.Created : CreateOutcome.Conflict;
            }

            return _files.CountLinks(staged.Name) > 1 ? CreateOutcome.Created : CreateOutcome.Unknown;
        }
        catch (FileCallException)
        {
            return CreateOutcome.Unknown;
        }
    }

    private CreateOutcome Keep(OwnershipRecord record, Staged? staged)
    {
        try
        {
            if (staged is not null || record.Epoch > _durable)
            {
                _files.SyncDirectory();
            }
        }
        catch (FileCallException)
        {
            // Others can see it, and a power cut can still take it away.
            return CreateOutcome.Unknown;
        }

        _highest = Math.Max(_highest, record.Epoch);
        _durable = Math.Max(_durable, record.Epoch);
        Drop(_stagedEpochs, record);
        return CreateOutcome.Created;
    }

    private OwnershipRecord? ReadEpoch(ulong epoch, out Guid token)
    {
        string name = EpochName(epoch);
        OwnershipRecord? record = ReadRecord(name, out token);
        if (record is null)
        {
            ThrowIfRemoved();
            return null;
        }

        return record.GuestId == _guestId && record.Epoch == epoch
            ? _lastRead = record
            : throw Damaged(name, $"it holds epoch {record.Epoch} of guest {record.GuestId}");
    }

    private bool ReadMarkFile(ulong epoch, OwnershipMark mark)
    {
        string name = MarkName(epoch, mark);
        OwnershipRecord? record = ReadRecord(name, out _);
        if (record is not null && (record.GuestId != _guestId || record.Epoch != epoch))
        {
            throw Damaged(name, $"it holds epoch {record.Epoch} of guest {record.GuestId}");
        }

        return record is not null;
    }

    private OwnershipRecord? ReadRecord(string name, out Guid token)
    {
        Span<byte> content = stackalloc byte[OwnershipRecordCodec.RecordBytes + 1];
        int length = _files.Read(name, content);
        token = default;
        if (length < 0)
        {
            return null;
        }

        string? wrong = OwnershipRecordCodec.TryRead(content[..length], out OwnershipRecord? record, out token);
        return wrong is null ? record : throw Damaged(name, wrong);
    }

    private bool TryLinkMark(OwnershipRecord record, string name)
    {
        try
        {
            return _files.TryLink(StageMark(record).Name, name);
        }
        catch (FileCallException e) when (e.ErrorNumber == FileSystemCalls.ENOENT && !_files.IsRemoved())
        {
            _stagedMarks.Remove(record);
            return _files.TryLink(StageMark(record).Name, name);
        }
    }

    private Staged StageEpoch(OwnershipRecord record) => StageIn(_stagedEpochs, record);

    private Staged StageMark(OwnershipRecord record) => StageIn(_stagedMarks, record);

    private Staged StageIn(Dictionary<OwnershipRecord, Staged> staged, OwnershipRecord record)
    {
        if (staged.TryGetValue(record, out Staged? ready))
        {
            return ready;
        }

        var fresh = new Staged(TemporaryName(record.Attempt), Guid.NewGuid());
        Span<byte> content = stackalloc byte[OwnershipRecordCodec.RecordBytes];
        OwnershipRecordCodec.Write(record, fresh.Token, content);
        try
        {
            _files.Create(fresh.Name, content);
        }
        catch (FileCallException)
        {
            TryRemove(fresh.Name);
            throw;
        }

        staged.Add(record, fresh);
        return fresh;
    }

    private void Drop(Dictionary<OwnershipRecord, Staged> staged, OwnershipRecord record)
    {
        if (staged.Remove(record, out Staged? done))
        {
            TryRemove(done.Name);
        }
    }

    private void ForgetStaged(Dictionary<OwnershipRecord, Staged> staged, AttemptId attempt)
    {
        foreach (OwnershipRecord record in staged.Keys.Where(record => record.Attempt == attempt).ToArray())
        {
            Drop(staged, record);
        }
    }

    private void TryRemove(string name)
    {
        try
        {
            _files.Remove(name);
        }
        catch (FileCallException)
        {
            // A left-over temporary file decides nothing; ForgetAttempt tries again.
        }
    }

    private void ThrowIfRemoved()
    {
        if (_files.IsRemoved())
        {
            throw new FileCallException("read", _files.Path, FileSystemCalls.ENOENT);
        }
    }

    private static ulong ParseEpoch(ReadOnlySpan<char> text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong epoch) && text[0] != '0' ? epoch : 0;

    private string EpochName(ulong epoch) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{epoch}");

    private string MarkName(ulong epoch, OwnershipMark mark) =>
        string.Create(CultureInfo.InvariantCulture, $"{_prefix}{epoch}.{(mark == OwnershipMark.Running ? "running" : "resuming")}");

    private string NonceName(AttemptId attempt, string side) => $"{_prefix}nonce.{attempt}.{side}";

    internal static string PresenceName(Guid guestId, AttemptId attempt, string side) => $"{guestId:N}.presence.{attempt}.{side}";

    private string TemporaryName(AttemptId attempt) => $"{_prefix}temporary.{attempt}.{Guid.NewGuid():N}";

    private MigrationException Damaged(string name, string what) => new(
        MigrationErrorKind.DataDamaged,
        $"The ownership file {Path.Combine(_files.Path, name)} is damaged: {what}. Nobody may run guest {_guestId} until it is repaired from a backup or an operator settles who owns it.");

    private sealed record Staged(string Name, Guid Token);
}
