using System.Text.Json;

namespace PageEngine.FaultHost;

// Owns: the lines between this process and whoever leads it. Lines out are written whole, from any thread.

internal sealed class HostChannel(TextReader input, TextWriter output)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web);
    private readonly Lock _lock = new();

    /// <summary>Waits for the next line on a thread of its own: the engine's threads are not used up for it.</summary>
    public Task<string?> ReadAsync() => Task.Factory.StartNew(input.ReadLine, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

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
