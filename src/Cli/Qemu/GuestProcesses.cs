using System.Globalization;
using System.Text.Json;
using PageEngine.Cli.History;
using PageEngine.Cli.Output;
using PageEngine.Guests;
using PageEngine.Qemu.Guests;
using PageEngine.Qemu.Machine;
using PageEngine.Qemu.Monitor;
using PageEngine.Recovery;

namespace PageEngine.Cli.Qemu;

// Owns: which QEMU has the guest of a migration, noted before anything is moved, so that a later process can settle what an
// earlier one left behind: QEMU outlives whoever moved its guest.

/// <summary>Keeps and finds the QEMUs of migrations.</summary>
/// <param name="directory">Where.</param>
internal sealed class GuestProcesses(string directory)
{
    /// <summary>Notes a QEMU.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Keep(ulong migrationId, string role, Guid guestId, string qmp, QemuMachine machine)
    {
        GuestProcess process = new()
        {
            MigrationId = migrationId,
            Role = role,
            GuestId = guestId,
            Monitor = Path.GetFullPath(qmp),
            ProcessId = machine.ProcessId,
            StartTicks = machine.StartedAt,
        };
        JsonOutput.WriteFile(PathOf(migrationId, role), JsonSerializer.Serialize(process, JsonContext.Documents.GuestProcess));
    }

    /// <summary>Forgets a QEMU: its migration has ended.</summary>
    public void Forget(ulong migrationId, string role) => File.Delete(PathOf(migrationId, role));

    /// <summary>Tells whether a QEMU has the guest of one side of a migration.</summary>
    public bool Has(OpenAttempt attempt) => Read(attempt) is not null;

    /// <summary>Finds the QEMU that has an attempt's guest, if it lives.</summary>
    public HeldCopy? Find(OpenAttempt attempt) => Read(attempt) is { } process ? new Copy(process) : null;

    private GuestProcess? Read(OpenAttempt attempt)
    {
        try
        {
            string text = File.ReadAllText(PathOf(attempt.MigrationId, HeldGuests.RoleOf(attempt)));
            return JsonSerializer.Deserialize(text, JsonContext.Documents.GuestProcess) is { } process
                && process.GuestId == attempt.GuestId
                && ProcessIdentity.StartTicks(process.ProcessId) == (long)process.StartTicks
                    ? process
                    : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private string PathOf(ulong migrationId, string role) =>
        Path.Combine(directory, $"{migrationId.ToString(CultureInfo.InvariantCulture)}.{role}.json");

    private sealed class Copy(GuestProcess process) : HeldCopy
    {
        public override async ValueTask<IGuest> OpenAsync(CancellationToken cancellationToken)
        {
            try
            {
                QemuMachine machine = await QemuMachine.ConnectAsync(process.Monitor, process.ProcessId, null, cancellationToken);
                try
                {
                    MachineDescription description = await MachineInspector.DescribeAsync(machine, cancellationToken);
                    QemuRole role = process.Role == ReportMapping.Word(Reporting.MigrationRole.Source) ? QemuRole.Source : QemuRole.Destination;
                    return new QemuGuest(process.GuestId, machine, QemuMachine.MapMemory(machine.FindRam()), role, description) { HasState = true, OwnsMachine = true };
                }
                catch
                {
                    await machine.DisposeAsync();
                    throw;
                }
            }
            catch (QmpException e)
            {
                throw new MigrationException(MigrationErrorKind.GuestFailed, e.Message, e);
            }
        }

        public override async ValueTask EndAsync(CancellationToken cancellationToken)
        {
            using QemuGuest guest = (QemuGuest)await OpenAsync(cancellationToken);
            if (await guest.IsRunningAsync(cancellationToken))
            {
                throw new MigrationException(
                    MigrationErrorKind.GuestFailed,
                    $"QEMU (process {process.ProcessId}) runs guest {process.GuestId}, although the record gives it to the other side: somebody continued it by hand. It was not touched: stop it.");
            }

            await guest.PowerOffAsync(cancellationToken);
        }
    }
}
