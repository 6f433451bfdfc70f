using System.Text.Json;

namespace PageEngine.FaultHost;

// Owns: the lines between this process and whoever leads it. Lines out are written whole, from any thread.

internal sealed class HostChannel(TextReader input, TextWriter output)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);
    private readonly Lock _lock = new();

    public string? Read() => input.ReadLine();

    public void Say(string line)
    {
        lock (_lock)
        {
            output.WriteLine(line);
            output.Flush();
        }
    }

    public void Say<T>(string kind, T document) => Say($"{kind} {JsonSerializer.Serialize(document, _json)}");
}
