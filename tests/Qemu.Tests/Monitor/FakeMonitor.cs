using System.Net.Sockets;
using System.Text;

namespace PageEngine.Qemu.Tests.Monitor;

// A monitor that says what a test tells it to.
internal sealed class FakeMonitor : IDisposable
{
    internal const string Greeting = """{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": ""}, "capabilities": []}}""";

    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string _directory = Directory.CreateTempSubdirectory("peqmp").FullName;
    private Socket? _client;
    private StreamReader? _reader;

    internal FakeMonitor(bool listens = true)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        if (listens)
        {
            _listener.Listen();
        }
    }

    internal string Path => System.IO.Path.Combine(_directory, "qmp");

    internal void Listen() => _listener.Listen();

    internal async Task AcceptAsync(string greeting = Greeting)
    {
        _client = await _listener.AcceptAsync();
        _reader = new StreamReader(new NetworkStream(_client));
        await SayAsync(greeting);
    }

    /// <summary>Greets and answers the first command, as every client needs it.</summary>
    internal async Task AcceptAndNegotiateAsync()
    {
        await AcceptAsync();
        string line = await HearAsync();
        await SayAsync($$"""{"return": {}, "id": {{IdOf(line)}}}""");
    }

    internal async Task SayAsync(string line) => await _client!.SendAsync(Encoding.UTF8.GetBytes(line + "\r\n"));

    internal async Task SayRawAsync(string text) => await _client!.SendAsync(Encoding.UTF8.GetBytes(text));

    internal async Task<string> HearAsync() => await _reader!.ReadLineAsync() ?? throw new EndOfStreamException();

    internal static long IdOf(string line)
    {
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(line);
        return document.RootElement.GetProperty("id").GetInt64();
    }

    internal void HangUp() => _client!.Dispose();

    public void Dispose()
    {
        _client?.Dispose();
        _listener.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
