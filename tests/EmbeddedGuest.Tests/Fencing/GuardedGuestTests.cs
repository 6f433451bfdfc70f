using System.Net;
using System.Net.Sockets;
using PageEngine.Devices;
using PageEngine.EmbeddedGuest.Fencing;
using PageEngine.EmbeddedGuest.State;
using Xunit;

namespace PageEngine.EmbeddedGuest.Tests.Fencing;

public class GuardedGuestTests
{
    [Fact]
    public void A_guest_without_a_guard_saves_no_section_for_it()
    {
        using VerifiableGuest guest = GuestFixture.Guest();
        guest.RunFor(100);
        Assert.Equal([GuestStateCodec.GuestKind, GuestStateCodec.VirtualCpuKind, GuestStateCodec.VirtualCpuKind], guest.Save().Sections.Select(s => s.Kind));
    }

    [Fact]
    public async Task Effects_go_on_where_they_were_when_the_guard_is_restarted()
    {
        using GuardFolder folder = new();
        EffectGuard guard = folder.Start();
        using GuardedEffects effects = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest guest = GuestFixture.Guest("hot:64KiB@1MiB/s");
        guest.AttachEffects(effects);
        guest.Resume(1);
        for (int i = 0; i < 3; i++)
        {
            ulong before = guest.Effects;
            await GuardFolder.UntilAsync(() => guest.Effects > before + 10, "no effects");
            await guard.DisposeAsync();
            guard = folder.Start(guard.EndPoint.Port);
        }

        ulong then = guest.Effects;
        await GuardFolder.UntilAsync(() => guest.Effects > then + 10, "no effects after the last restart");
        guest.Pause();
        Assert.False(guest.IsFenced, guest.FenceReason);
        ulong done = guest.Effects;
        await guard.DisposeAsync();
        Assert.Equal(new EffectLogAudit(1, (long)done, 0, 0, 0, 0), EffectLogAudit.Read(folder.Log));
    }

    [Fact]
    public async Task A_paused_guest_makes_no_effect()
    {
        using GuardFolder folder = new();
        await using EffectGuard guard = folder.Start();
        using GuardedEffects effects = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest guest = GuestFixture.Guest("idle");
        guest.AttachEffects(effects);
        guest.Resume(1);
        await GuardFolder.UntilAsync(() => guard.Effects > 10, "no effects");
        guest.Pause();
        long then = guard.Effects;
        await Task.Delay(50);
        Assert.Equal(then, guard.Effects);
        Assert.Equal((ulong)then, guest.Effects);
    }

    [Fact]
    public async Task An_unanswered_effect_is_in_flight_in_the_state_and_repeated_elsewhere()
    {
        using GuardFolder folder = new();
        await using EffectGuard guard = folder.Start();

        // Passes requests on to the guard but never an answer back: carried out, and nobody knows.
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        using GuardedEffects toSilent = new((IPEndPoint)silent.LocalEndpoint, GuardFolder.Short, TimeSpan.FromSeconds(20));
        using VerifiableGuest source = GuestFixture.Guest("idle");
        source.AttachEffects(toSilent);
        source.Resume(1);
        using Socket asked = await silent.AcceptSocketAsync();
        byte[] frame = new byte[GuardFrames.RequestBytes];
        await new NetworkStream(asked).ReadExactlyAsync(frame);
        Assert.True(GuardFrames.TryRead(frame, out GuardRequest request));
        Assert.Equal(GuardAnswerKind.Accepted, guard.Apply(request)!.Value.Kind);
        source.Pause();
        DeviceState state = source.Save();
        GuestState saved = GuestStateCodec.Load(state, GuestConfiguration.Encode(source.Memory.Layout.Bytes, source.Options).Span, source.Options.VirtualCpus);
        Assert.Equal(new EffectState(0, 1), saved.Effects);

        using GuardedEffects toGuard = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest destination = source.Shadow();
        destination.AttachEffects(toGuard);
        source.CopyMemoryTo(destination);
        destination.Load(state);
        await toGuard.RaiseAsync(destination.Id, 2, CancellationToken.None);
        destination.Resume(2);
        await GuardFolder.UntilAsync(() => destination.Effects > 5, "no effects");
        destination.Pause();
        EffectLogAudit audit = EffectLogAudit.Read(folder.Log);
        Assert.True(audit.IsGood, audit.ToString());
        Assert.Equal((long)destination.Effects, audit.Effects);
    }

    [Fact]
    public async Task A_guest_under_an_older_epoch_is_stopped_for_good()
    {
        using GuardFolder folder = new();
        await using EffectGuard guard = folder.Start();
        using GuardedEffects effects = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest guest = GuestFixture.Guest("uniform@max");
        guest.AttachEffects(effects);
        guest.Resume(1);
        await GuardFolder.UntilAsync(() => guest.Effects > 3, "no effects");
        await effects.RaiseAsync(guest.Id, 5, CancellationToken.None);
        await GuardFolder.UntilAsync(() => guest.IsFenced, "not fenced");
        Assert.Equal(MigrationErrorKind.OwnershipFailed, (await Assert.ThrowsAsync<MigrationException>(() => guest.ResumeAsync(9, CancellationToken.None).AsTask())).Kind);
        guest.Pause();
        long operations = guest.Operations;
        long effectsThen = guard.Effects;
        await Task.Delay(30);
        Assert.Equal((operations, effectsThen, 1L), (guest.Operations, guard.Effects, guard.Refused));
        Assert.Equal(
            MigrationErrorKind.OwnershipFailed,
            (await Assert.ThrowsAsync<MigrationException>(() => effects.RaiseAsync(guest.Id, 4, CancellationToken.None).AsTask())).Kind);
    }

    [Fact]
    public async Task A_newer_epoch_at_the_next_resume_is_no_zombie()
    {
        using GuardFolder folder = new();
        await using EffectGuard guard = folder.Start();
        using GuardedEffects effects = new(guard.EndPoint, GuardFolder.Short);
        using VerifiableGuest guest = GuestFixture.Guest("idle");
        guest.AttachEffects(effects);
        guest.Resume(1);
        await GuardFolder.UntilAsync(() => guest.Effects > 3, "no effects");
        guest.Pause();
        await effects.RaiseAsync(guest.Id, 2, CancellationToken.None);
        ulong then = guest.Effects;
        guest.Resume(3);
        await GuardFolder.UntilAsync(() => guest.Effects > then + 3, "no effects under the newer epoch");
        Assert.False(guest.IsFenced);
    }
}
