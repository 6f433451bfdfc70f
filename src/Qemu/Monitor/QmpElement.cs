using System.Globalization;
using System.Text.Json;

namespace PageEngine.Qemu.Monitor;

// Owns: reading what QEMU answers without believing its shape: what is missing or of another type is an error with a name.

internal static class QmpElement
{
    internal static string Text(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Missing(element, name);

    internal static string? TextOrNull(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    internal static long Number(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long number) ? number : throw Missing(element, name);

    internal static long? NumberOrNull(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out long number) ? number : null;

    internal static bool Flag(JsonElement element, string name) => Find(element, name) is { ValueKind: JsonValueKind.True };

    internal static IEnumerable<JsonElement> Items(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : [];

    internal static JsonElement? Find(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) ? value : null;

    private static QmpException Missing(JsonElement element, string name)
    {
        const int MaxQuoted = 200;
        string text = element.ValueKind == JsonValueKind.Undefined ? "nothing" : element.GetRawText();
        return new QmpException(
            "", "Answer", string.Create(CultureInfo.InvariantCulture, $"QEMU answered without '{name}': {(text.Length > MaxQuoted ? text[..MaxQuoted] + "…" : text)}"));
    }
}
