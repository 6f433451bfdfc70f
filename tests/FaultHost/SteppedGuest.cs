using PageEngine.Devices;
using PageEngine.EmbeddedGuest;
using PageEngine.Guests;
using PageEngine.Memory;

namespace PageEngine.FaultHost;

// Owns: a guest whose steps are announced and whose runs are written to the effect log.

internal sealed class SteppedGuest(VerifiableGuest guest, StepGate steps, EffectLog effects) : IGuest, IDisposable
{
    public VerifiableGuest Inner => guest;

    public Guid Id => guest.Id;

    public GuestMemory Memory => guest.Memory;

    public bool IsRunning { get; private set; }

    public GuestDescription Describe() => guest.Describe();

    public async ValueTask PauseAsync(CancellationToken cancellationToken)
    {
        await steps.BeforeAsync("pause");
        await guest.PauseAsync(cancellationToken);
        IsRunning = false;
        effects.Paused();
        await steps.AfterAsync("pause");
    }

    public async ValueTask ResumeAsync(ulong epoch, CancellationToken cancellationToken)
    {
        await steps.BeforeAsync("resume");

        // Logged first: an effect of this epoch is never older than its first record.
        effects.Resumed(guest, epoch);
        await guest.ResumeAsync(epoch, cancellationToken);
        IsRunning = true;
        await steps.AfterAsync("resume");
    }

    public async ValueTask SaveStateAsync(DeviceStateWriter writer, CancellationToken cancellationToken)
    {
        await steps.BeforeAsync("save");
        await guest.SaveStateAsync(writer, cancellationToken);
        await steps.AfterAsync("save");
    }

    public async ValueTask LoadStateAsync(DeviceState state, CancellationToken cancellationToken)
    {
        await steps.BeforeAsync("load");
        await guest.LoadStateAsync(state, cancellationToken);
        await steps.AfterAsync("load");
    }

    public async ValueTask PowerOffAsync(CancellationToken cancellationToken)
    {
        await steps.BeforeAsync("power-off");
        await guest.PowerOffAsync(cancellationToken);
        IsRunning = false;
        effects.Paused();
        await steps.AfterAsync("power-off");
    }

    public ValueTask RehearseAsync(CancellationToken cancellationToken) => guest.RehearseAsync(cancellationToken);

    public bool TryThrottle(double fraction) => guest.TryThrottle(fraction);

    public void Dispose() => guest.Dispose();
}
