using System.Text.Json;
using PageEngine.Qemu.Monitor;

namespace PageEngine.Qemu.Guests;

// Owns: the settings of QEMU's own migration that carrying the device state alone needs, and those that were there before.

/// <summary>Settings made in QEMU, to be taken back when the guest stays.</summary>
internal sealed class MigrationSetup
{
    /// <summary>Memory that this engine moves is left out; disks are locked by whoever runs first, not by whoever loads;
    /// QEMU says when it is done.</summary>
    private static readonly string[] _needed = ["x-ignore-shared", "late-block-activate", "events"];

    /// <summary>Those that would send the state another way, or expect an answer that a captured stream does not give.</summary>
    private static readonly string[] _unwanted = ["return-path", "multifd", "postcopy-ram", "pause-before-switchover", "background-snapshot", "compress", "xbzrle", "block"];

    private const long UnlimitedBytesPerSecond = 1L << 40;

    private readonly Dictionary<string, bool> _before = [];
    private long? _bandwidthBefore;

    /// <summary>Makes the settings.</summary>
    /// <exception cref="QmpException">QEMU does not know one that is needed, or refuses.</exception>
    internal static async Task<MigrationSetup> ApplyAsync(QmpClient monitor, CancellationToken cancellationToken)
    {
        var setup = new MigrationSetup();
        Dictionary<string, bool> states = await ReadAsync(monitor, cancellationToken).ConfigureAwait(false);
        var changes = new Dictionary<string, bool>();
        foreach (string name in _needed)
        {
            if (!states.TryGetValue(name, out bool on))
            {
                throw new QmpException(
                    "query-migrate-capabilities", "GenericError", $"this QEMU {monitor.Version} has no '{name}': QEMU 4.2 or later is needed");
            }

            if (!on)
            {
                changes[name] = true;
            }
        }

        foreach (string name in _unwanted.Where(name => states.GetValueOrDefault(name)))
        {
            changes[name] = false;
        }

        if (changes.Count > 0)
        {
            await SetAsync(monitor, changes, cancellationToken).ConfigureAwait(false);
            foreach ((string name, bool on) in changes)
            {
                setup._before[name] = !on;
            }
        }

        JsonElement parameters = await monitor.ExecuteAsync("query-migrate-parameters", null, cancellationToken).ConfigureAwait(false);
        setup._bandwidthBefore = QmpElement.NumberOrNull(parameters, "max-bandwidth");
        await SetBandwidthAsync(monitor, UnlimitedBytesPerSecond, cancellationToken).ConfigureAwait(false);
        return setup;
    }

    /// <summary>Takes the settings back.</summary>
    /// <exception cref="QmpException">QEMU refuses, or is gone.</exception>
    internal async Task UndoAsync(QmpClient monitor, CancellationToken cancellationToken)
    {
        if (_before.Count > 0)
        {
            await SetAsync(monitor, _before, cancellationToken).ConfigureAwait(false);
        }

        if (_bandwidthBefore is { } bandwidth)
        {
            await SetBandwidthAsync(monitor, bandwidth, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<Dictionary<string, bool>> ReadAsync(QmpClient monitor, CancellationToken cancellationToken)
    {
        JsonElement answer = await monitor.ExecuteAsync("query-migrate-capabilities", null, cancellationToken).ConfigureAwait(false);
        var states = new Dictionary<string, bool>();
        foreach (JsonElement capability in QmpElement.Items(answer))
        {
            states[QmpElement.Text(capability, "capability")] = QmpElement.Flag(capability, "state");
        }

        return states;
    }

    private static Task<JsonElement> SetAsync(QmpClient monitor, Dictionary<string, bool> states, CancellationToken cancellationToken) => monitor.ExecuteAsync(
        "migrate-set-capabilities",
        writer =>
        {
            writer.WriteStartArray("capabilities");
            foreach ((string name, bool on) in states)
            {
                writer.WriteStartObject();
                writer.WriteString("capability", name);
                writer.WriteBoolean("state", on);
                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        },
        cancellationToken);

    private static Task<JsonElement> SetBandwidthAsync(QmpClient monitor, long bytesPerSecond, CancellationToken cancellationToken) =>
        monitor.ExecuteAsync("migrate-set-parameters", writer => writer.WriteNumber("max-bandwidth", bytesPerSecond), cancellationToken);
}
