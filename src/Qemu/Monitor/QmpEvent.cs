using System.Text.Json;

namespace PageEngine.Qemu.Monitor;

// Owns: one thing that QEMU says by itself.

/// <summary>An event that QEMU sent.</summary>
/// <param name="Name">Its name, such as STOP or MIGRATION.</param>
/// <param name="Data">Its data; undefined when it has none.</param>
public readonly record struct QmpEvent(string Name, JsonElement Data)
{
    /// <summary>Gets a text from the data; null when it is not there.</summary>
    public string? Text(string name) =>
        Data.ValueKind == JsonValueKind.Object && Data.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
