using PageEngine.Checkpoints;
using PageEngine.Cli.Commands;
using PageEngine.Cli.Output;
using PageEngine.EmbeddedGuest;
using PageEngine.Ownership;
using PageEngine.Qemu.Guests;

namespace PageEngine.Cli.Checkpoints;

// Owns: what a checkpoint command does with the guest it has: bring it from a file or a stream, let it run, check it.

/// <summary>Steps that save and restore share.</summary>
internal static class CheckpointGuestRun
{
    /// <summary>Restores a guest, paused.</summary>
    public static async Task<(VerifiableGuest Guest, CheckpointInfo Checkpoint)> RestoreAsync(string file, CancellationToken cancellationToken)
    {
        if (file == CheckpointCommand.Standard)
        {
            using Stream input = Console.OpenStandardInput();
            return await CheckpointChain.RestoreFromStreamAsync(input, Create, cancellationToken);
        }

        using CheckpointChain chain = CheckpointChain.Open(file);
        return (await chain.RestoreAsync(Create, 0, cancellationToken), chain.Checkpoint);
    }

    /// <summary>Lets the guest run for a while and checks it against a replay of its run.</summary>
    public static async Task<GuestFindings> RunAndCheckAsync(
        Host host, VerifiableGuest guest, TimeSpan time, CancellationToken cancellationToken)
    {
        long before = guest.Operations;
        await WaitAsync(host, time, cancellationToken);
        bool ran = guest.Operations > before || time == TimeSpan.Zero || guest.Options.Workloads.All(w => w.Kind == WorkloadKind.Idle);
        await guest.PauseAsync(CancellationToken.None);
        GuestFindings findings = GuestFindings.From(guest.Verify(CancellationToken.None));
        return ran ? findings : findings with { Consistent = false, Problem = findings.Problem ?? "it does not run on" };
    }

    /// <summary>Waits; a signal ends the wait.</summary>
    public static async Task WaitAsync(Host host, TimeSpan time, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(time, host.Time, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // Asked to end: the guest is checked as it is now.
        }
    }

    /// <summary>Says what a check found.</summary>
    public static void Describe(TextWriter people, GuestFindings findings) => people.WriteLine(findings.IsGood
        ? $"verified   {Human.Count(findings.Operations)} operations replayed: nothing lost, nothing done twice"
        : $"DAMAGED    {findings.Problem}");

    /// <summary>Gets the exit code of a check.</summary>
    public static int CodeFor(GuestFindings? findings) => findings is { IsGood: false } ? ExitCodes.DataDamaged : ExitCodes.Done;

    /// <summary>Claims a restored guest.</summary>
    public static async Task<GuestOwnership> ClaimAsync(string? ownership, CheckpointInfo checkpoint, bool takeOver, CancellationToken cancellationToken)
    {
        using FileOwnershipStore? store = OwnershipStores.Open(ownership);
        GuestOwnership claim = await CheckpointOwnership.ClaimAsync(store, checkpoint, takeOver, cancellationToken);
        return claim with { Store = null };
    }

    /// <summary>Makes the guest that a checkpoint describes, empty.</summary>
    public static VerifiableGuest Create(CheckpointInfo checkpoint) => checkpoint.Description.Kind == QemuGuest.Kind
        ? throw new MigrationException(MigrationErrorKind.Refused, "The checkpoint is of a QEMU machine. Start a QEMU like it with -incoming defer -S, and name its monitor: --qmp PATH.")
        : VerifiableGuest.FromDescription(checkpoint.GuestId, checkpoint.Description, checkpoint.Layout);
}
