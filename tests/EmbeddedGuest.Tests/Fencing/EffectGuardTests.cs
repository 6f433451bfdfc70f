using System.Net.Sockets;
using FsCheck.Xunit;
using PageEngine.EmbeddedGuest.Fencing;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Fencing;

public class EffectGuardTests
{
    private static readonly Guid[] _guests = [Guid.NewGuid(), Guid.NewGuid()];

    [Property(MaxTest = 60)]
    public void A_guard_answers_as_its_whole_history_says_across_restarts(byte[] choices)
    {
        using GuardFolder folder = new();
        EffectGuard guard = folder.Start();
        List<(Guid Guest, GuardRequestKind Kind, ulong Epoch, ulong Number, ulong Content)> history = [];
        int refused = 0;
        try
        {
            for (int i = 0; i + 3 < choices.Length; i += 4)
            {
                if (choices[i] % 8 == 7)
                {
                    guard.DisposeAsync().AsTask().GetAwaiter().GetResult();
                    if (choices[i + 1] % 2 == 0)
                    {
                        // A crash in the middle of a line.
                        byte[] line = new EffectLogLine(EffectLogEvent.Effect, _guests[0], 9, 9, 9).ToBytes();
                        using FileStream log = File.OpenWrite(folder.Log);
                        log.Seek(0, SeekOrigin.End);
                        log.Write(line.AsSpan(..(choices[i + 2] % line.Length)));
                    }

                    guard = folder.Start();
                    continue;
                }

                Guid guest = _guests[choices[i] % 2];
                var mine = history.Where(h => h.Guest == guest).ToArray();
                ulong highest = mine.Select(h => h.Epoch).DefaultIfEmpty(0UL).Max();
                var last = mine.LastOrDefault(h => h.Kind == GuardRequestKind.Effect);
                GuardRequestKind kind = choices[i + 1] % 4 == 0 ? GuardRequestKind.Raise : GuardRequestKind.Effect;
                ulong epoch = highest + (ulong)(choices[i + 2] % 4 == 0 ? 1 : 0) - (highest > 0 && choices[i + 2] % 4 == 1 ? 1UL : 0UL);
                ulong number = kind == GuardRequestKind.Raise ? 0 : (last.Number + (ulong)(choices[i + 3] % 4) is > 0 and var n ? n - (choices[i + 3] >= 200 ? 1UL : 0UL) : 0);
                ulong content = choices[i + 3] / 4 % 3 == 0 ? 1UL : 2UL;
                GuardAnswer answer = guard.Apply(new GuardRequest(kind, guest, epoch, number, content))!.Value;

                if (epoch < highest)
                {
                    refused++;
                    Assert.Equal(new GuardAnswer(GuardAnswerKind.RefusedEpoch, highest), answer);
                }
                else if (kind == GuardRequestKind.Raise)
                {
                    Assert.Equal(new GuardAnswer(epoch == highest ? GuardAnswerKind.Already : GuardAnswerKind.Accepted, epoch), answer);
                    history.Add((guest, kind, epoch, 0, 0));
                }
                else if (number == last.Number + 1)
                {
                    Assert.Equal(new GuardAnswer(GuardAnswerKind.Accepted, number), answer);
                    history.Add((guest, kind, epoch, number, content));
                }
                else if (number > 0 && number == last.Number && content == last.Content)
                {
                    Assert.Equal(new GuardAnswer(GuardAnswerKind.Already, number), answer);
                }
                else
                {
                    Assert.Equal(new GuardAnswer(GuardAnswerKind.Gap, last.Number), answer);
                }
            }
        }
        finally
        {
            guard.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        EffectLogAudit audit = EffectLogAudit.Read(folder.Log);
        Assert.True(audit.IsGood, audit.ToString());
        Assert.Equal(history.Count(h => h.Kind == GuardRequestKind.Effect), audit.Effects);
        Assert.Equal(refused, audit.Refused);
    }

    [Property(MaxTest = 100)]
    public void A_damaged_line_is_never_taken_for_another(ushort position, byte damage)
    {
        using GuardFolder folder = new();
        byte[] log = [.. Enumerable.Range(1, 3).SelectMany(n => new EffectLogLine(EffectLogEvent.Effect, _guests[0], 1, (ulong)n, 7).ToBytes())];

        // The last line feed is spared: without it the line is one that was torn.
        log[position % (log.Length - 1)] ^= (byte)(1 + (damage % 255));
        File.WriteAllBytes(folder.Log, log);
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => folder.Start()).Kind);
        Assert.Equal(MigrationErrorKind.DataDamaged, Assert.Throws<MigrationException>(() => EffectLogAudit.Read(folder.Log)).Kind);
    }

    [Fact]
    public void An_audit_finds_gaps_repeats_and_epochs_that_go_down()
    {
        using GuardFolder folder = new();
        (ulong Epoch, ulong Number)[] effects = [(1, 1), (2, 2), (1, 3), (2, 5), (2, 5)];
        File.WriteAllBytes(folder.Log, [.. effects.SelectMany(e => new EffectLogLine(EffectLogEvent.Effect, _guests[1], e.Epoch, e.Number, 0).ToBytes())]);
        Assert.Equal(new EffectLogAudit(1, 5, 1, 1, 1, 0), EffectLogAudit.Read(folder.Log));
        Assert.False(EffectLogAudit.Read(folder.Log).IsGood);
    }

    [Fact]
    public async Task Only_one_guard_has_a_log()
    {
        using GuardFolder folder = new();
        await using EffectGuard guard = folder.Start();
        Assert.Throws<IOException>(() => folder.Start());
        Assert.Equal(0, EffectLogAudit.Read(folder.Log).Effects);
    }

    [Property(MaxTest = 30)]
    public void A_damaged_request_ends_the_connection_and_changes_nothing(byte position, byte damage)
    {
        byte[] frame = new byte[GuardFrames.RequestBytes];
        GuardRequest request = new(GuardRequestKind.Effect, _guests[0], 3, 1, 99);
        GuardFrames.Write(request, frame);
        Assert.True(GuardFrames.TryRead(frame, out GuardRequest read));
        Assert.Equal(request, read);
        frame[position % frame.Length] ^= (byte)(1 + (damage % 255));
        using GuardFolder folder = new();
        EffectGuard guard = folder.Start();
        using (Socket socket = new(SocketType.Stream, ProtocolType.Tcp))
        {
            socket.Connect(guard.EndPoint);
            socket.Send(frame);
            Assert.Equal(0, socket.Receive(new byte[GuardFrames.AnswerBytes]));
        }

        guard.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Assert.Equal(0, new FileInfo(folder.Log).Length);
    }
}
