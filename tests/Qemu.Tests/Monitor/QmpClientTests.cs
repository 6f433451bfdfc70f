using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using PageEngine.Qemu.Monitor;
using Xunit;

namespace PageEngine.Qemu.Tests.Monitor;

public class QmpClientTests
{
    private static readonly TimeSpan _hang = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Command_carriesItsArguments_andGetsItsAnswer()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        Assert.Equal(new Version(7, 2, 22), client.Version);
        Task<JsonElement> asked = client.ExecuteAsync("qom-get", writer => writer.WriteString("path", "/machine"));
        string heard = await fake.HearAsync();
        using JsonDocument command = JsonDocument.Parse(heard);
        Assert.Equal("qom-get", command.RootElement.GetProperty("execute").GetString());
        Assert.Equal("/machine", command.RootElement.GetProperty("arguments").GetProperty("path").GetString());
        await fake.SayAsync($$"""{"return": "pc", "id": {{FakeMonitor.IdOf(heard)}}}""");
        Assert.Equal("pc", (await asked.WaitAsync(_hang)).GetString());
    }

    [Fact]
    public async Task Answers_findTheirCommands_inAnyOrder()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        Task<JsonElement> first = client.ExecuteAsync("first");
        string firstHeard = await fake.HearAsync();
        Task<JsonElement> second = client.ExecuteAsync("second");
        string secondHeard = await fake.HearAsync();
        await fake.SayAsync($$"""{"return": 2, "id": {{FakeMonitor.IdOf(secondHeard)}}}""");
        await fake.SayAsync($$"""{"return": 1, "id": {{FakeMonitor.IdOf(firstHeard)}}}""");
        Assert.Equal((1, 2), ((await first.WaitAsync(_hang)).GetInt32(), (await second.WaitAsync(_hang)).GetInt32()));
    }

    [Fact]
    public async Task Error_hasQemusClassAndText_andTheCommandsName()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        Task<JsonElement> asked = client.ExecuteAsync("cont");
        await fake.SayAsync($$$"""{"error": {"class": "GenericError", "desc": "Failed to get \"write\" lock"}, "id": {{{FakeMonitor.IdOf(await fake.HearAsync())}}}}""");
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => asked.WaitAsync(_hang));
        Assert.Equal(("cont", "GenericError", "Failed to get \"write\" lock"), (error.Command, error.ErrorClass, error.Description));
        Assert.Contains("cont", error.Message, StringComparison.Ordinal);
        Assert.False(error.IsConnection);
    }

    [Fact]
    public async Task Events_goToTheirSubscribers_inOrder_alsoInTheMiddleOfACommand()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        using QmpSubscription events = client.Subscribe("MIGRATION");
        Task<JsonElement> asked = client.ExecuteAsync("migrate");
        string heard = await fake.HearAsync();
        await fake.SayRawAsync("""{"event": "MIGRATION", "data": {"status": "setup"}}""" + "\r\n" + """{"event": "STOP", "timestamp": {}}""" + "\r\n{\"event\": \"MIGRA");
        await fake.SayRawAsync("""TION", "data": {"status": "completed"}}""" + "\n" + $$"""{"return": {}, "id": {{FakeMonitor.IdOf(heard)}}}""" + "\n");
        await asked.WaitAsync(_hang);
        Assert.Equal("setup", (await events.NextAsync(default).AsTask().WaitAsync(_hang)).Text("status"));
        Assert.Equal("completed", (await events.NextAsync(default).AsTask().WaitAsync(_hang)).Text("status"));
    }

    [Fact]
    public async Task Silence_isAnErrorInTime_andALateAnswerIsDropped()
    {
        using FakeMonitor fake = new();
        var time = new FakeTimeProvider();
        await using QmpClient client = await ConnectAsync(fake, new QmpOptions { TimeProvider = time });
        Task<JsonElement> asked = client.ExecuteAsync("query-status");
        string heard = await fake.HearAsync();
        await LetTimePassAsync(time, asked);
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => asked);
        Assert.True(error.IsConnection);
        await fake.SayAsync($$"""{"return": {}, "id": {{FakeMonitor.IdOf(heard)}}}""");
        Task<JsonElement> next = client.ExecuteAsync("query-name");
        await fake.SayAsync($$"""{"return": 5, "id": {{FakeMonitor.IdOf(await fake.HearAsync())}}}""");
        Assert.Equal(5, (await next.WaitAsync(_hang)).GetInt32());
    }

    [Fact]
    public async Task HangingUp_tellsEverybodyWhoWaits()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        using QmpSubscription events = client.Subscribe("MIGRATION");
        Task<JsonElement> asked = client.ExecuteAsync("query-status");
        await fake.HearAsync();
        Task<QmpEvent> waiting = events.NextAsync(default).AsTask();
        fake.HangUp();
        Assert.True((await Assert.ThrowsAsync<QmpException>(() => asked.WaitAsync(_hang))).IsConnection);
        Assert.True((await Assert.ThrowsAsync<QmpException>(() => waiting.WaitAsync(_hang))).IsConnection);
        Assert.True((await client.Closed.WaitAsync(_hang)).IsConnection);
        Assert.True((await Assert.ThrowsAsync<QmpException>(() => client.ExecuteAsync("stop").WaitAsync(_hang))).IsConnection);
    }

    [Theory]
    [InlineData("{\"return\": ")]
    [InlineData("[1, 2]")]
    [InlineData("{\"neither\": 1}")]
    [InlineData("\"text\"")]
    public async Task What_isNoQmp_endsTheConnectionWithThatReason(string line)
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        Task<JsonElement> asked = client.ExecuteAsync("query-status");
        await fake.HearAsync();
        await fake.SayAsync(line);
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => asked.WaitAsync(_hang));
        Assert.True(error.IsConnection);
        Assert.Contains("no QMP", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Line_longerThanTheLimit_endsTheConnection()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake, new QmpOptions { MaxLineBytes = 8192 });
        Task<JsonElement> asked = client.ExecuteAsync("query-status");
        await fake.HearAsync();
        await fake.SayRawAsync(new string('x', 8193));
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => asked.WaitAsync(_hang));
        Assert.Contains("8192", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_listening_isSaidWithTheArgumentToStartQemuWith()
    {
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => QmpClient.ConnectAsync("/nonexistent/qmp"));
        Assert.True(error.IsConnection);
        Assert.Contains("-qmp unix:/nonexistent/qmp,server=on,wait=off", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Monitor_whoseFileIsThereBeforeItListens_isWaitedFor()
    {
        using FakeMonitor fake = new(listens: false);
        var time = new FakeTimeProvider();
        Task<QmpClient> connecting = QmpClient.ConnectAsync(fake.Path, new QmpOptions { TimeProvider = time });

        // A socket of this host refuses at once: the first try is over.
        Assert.False(connecting.IsFaulted);
        fake.Listen();
        Task greeting = fake.AcceptAndNegotiateAsync();

        // Until it tries again, which is sooner than it gives up.
        await LetTimePassAsync(time, greeting, TimeSpan.FromMilliseconds(1));
        await greeting;
        await using QmpClient client = await connecting.WaitAsync(_hang);
        Assert.Equal(new Version(7, 2, 22), client.Version);
    }

    [Fact]
    public async Task Monitor_thatNobodyServesAnyMore_isNotWaitedForWithoutEnd()
    {
        using FakeMonitor fake = new(listens: false);
        var time = new FakeTimeProvider();
        Task<QmpClient> connecting = QmpClient.ConnectAsync(fake.Path, new QmpOptions { TimeProvider = time });
        await LetTimePassAsync(time, connecting);
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => connecting);
        Assert.True(error.IsConnection);
        Assert.Contains("cannot be reached", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Path_thatIsTooLongForASocket_isSaid()
    {
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => QmpClient.ConnectAsync("/tmp/" + new string('a', 200)));
        Assert.True(error.IsConnection);
    }

    [Fact]
    public async Task Monitor_thatDoesNotGreet_isBusyWithAnotherClient()
    {
        using FakeMonitor fake = new();
        var time = new FakeTimeProvider();
        Task<QmpClient> connecting = QmpClient.ConnectAsync(fake.Path, new QmpOptions { TimeProvider = time });
        await LetTimePassAsync(time, connecting);
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => connecting);
        Assert.Contains("one client at a time", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"hello\": 1}")]
    [InlineData("QEMU 7.2.22 monitor - type 'help' for more information")]
    [InlineData("{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7}}}}")]
    public async Task Something_elseThanAMonitor_isSaid(string greeting)
    {
        using FakeMonitor fake = new();
        Task<QmpClient> connecting = QmpClient.ConnectAsync(fake.Path);
        await fake.AcceptAsync(greeting);
        QmpException error = await Assert.ThrowsAsync<QmpException>(() => connecting.WaitAsync(_hang));
        Assert.Contains("no QEMU machine monitor", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Flood_ofEventsNobodyReads_doesNotGrowWithoutBound()
    {
        using FakeMonitor fake = new();
        await using QmpClient client = await ConnectAsync(fake);
        using QmpSubscription events = client.Subscribe("FLOOD");
        for (int i = 0; i < 1000; i++)
        {
            await fake.SayAsync($$$"""{"event": "FLOOD", "data": {"status": "{{{i}}}"}}""");
        }

        Task<JsonElement> asked = client.ExecuteAsync("query-status");
        await fake.SayAsync($$"""{"return": {}, "id": {{FakeMonitor.IdOf(await fake.HearAsync())}}}""");
        await asked.WaitAsync(_hang);

        // The newest are kept.
        Assert.Equal("744", (await events.NextAsync(default).AsTask().WaitAsync(_hang)).Text("status"));
    }

    // As often as it takes: what waits may not have begun to.
    private static async Task LetTimePassAsync(FakeTimeProvider time, Task until, TimeSpan? step = null)
    {
        using var hang = new CancellationTokenSource(_hang);
        while (!until.IsCompleted)
        {
            time.Advance(step ?? TimeSpan.FromSeconds(1));
            await Task.Delay(1, hang.Token);
        }
    }

    private static async Task<QmpClient> ConnectAsync(FakeMonitor fake, QmpOptions? options = null)
    {
        Task<QmpClient> connecting = QmpClient.ConnectAsync(fake.Path, options);
        await fake.AcceptAndNegotiateAsync().WaitAsync(_hang);
        return await connecting.WaitAsync(_hang);
    }
}
