using System.Text.Json;
using PageEngine.Cli.Output;
using PageEngine.Ownership;

namespace PageEngine.Cli.History;

// Owns: this host's rights to run guests that live in processes of their own: they outlive the run of the program that
// received them. The record at the store decides; this only remembers which run of the guest is the one here.

/// <summary>Which run of a guest is on this host.</summary>
internal sealed record GuestRight
{
    public required Guid GuestId { get; init; }
    public required Guid Run { get; init; }
    public required ulong Epoch { get; init; }
}

/// <summary>Keeps rights.</summary>
/// <param name="directory">Where.</param>
internal sealed class GuestRights(string directory)
{
    /// <summary>Remembers a right.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Keep(GuestOwnership ownership)
    {
        GuestRight right = new() { GuestId = ownership.GuestId, Run = ownership.Run.Value, Epoch = ownership.Epoch };
        JsonOutput.WriteFile(PathOf(ownership.GuestId), JsonSerializer.Serialize(right, JsonContext.Documents.GuestRight));
    }

    /// <summary>Gets the right under which a guest may be moved away from this host: the one that the record still names, or
    /// a new one for a guest that has no record.</summary>
    /// <exception cref="MigrationException">The record names another run, or the store failed.</exception>
    public async Task<GuestOwnership> TakeAsync(IOwnershipStore? store, Guid guestId, CancellationToken cancellationToken)
    {
        OwnershipRecord? record = store is null ? null : await store.ReadAsync(guestId, cancellationToken);
        if (record is null)
        {
            GuestOwnership claimed = await GuestOwnership.ClaimAsync(store, guestId, cancellationToken);
            if (store is not null)
            {
                Keep(claimed);
            }

            return claimed;
        }

        return Find(guestId) is { } right && new RunId(right.Run) == record.Holder
            ? new GuestOwnership(store, guestId, record.Holder, record.Epoch)
            : throw new MigrationException(
                MigrationErrorKind.OwnershipFailed,
                $"Guest {guestId} belongs to run {record.Holder} since epoch {record.Epoch} ({store!.Description}), and this host does not know itself as that run. Move the guest from the host that runs it. If it does run here and {PathOf(guestId)} was lost, stop the copies elsewhere and give the guest a new identity with --guest.");
    }

    private GuestRight? Find(Guid guestId)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(PathOf(guestId)), JsonContext.Documents.GuestRight);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private string PathOf(Guid guestId) => Path.Combine(directory, $"{guestId:N}.json");
}
