using PageEngine.Guests;
using PageEngine.Recovery;

namespace PageEngine.FaultHost;

// Owns: the copy that a migration in doubt left paused in this process.

internal sealed class KeptCopy(SteppedGuest guest) : HeldCopy
{
    public override ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken) => new(guest);
}
