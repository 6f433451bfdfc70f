using System.Diagnostics;
using System.Text.Json;
using PageEngine.Cli.Checkpoints;
using PageEngine.Cli.Output;
using Xunit;

namespace PageEngine.Cli.Tests.EndToEnd;

// Owns: the checkpoint commands as people use them: processes, files, a pipe.
public sealed class CheckpointTests : IDisposable
{
    private const string Small = "--memory 32MiB --warmup 100ms --workload hot:4MiB@20MiB/s";

    private readonly TestHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task A_guest_is_saved_restored_compared_and_folded()
    {
        CheckpointDocument saved = await RunAsync($"save {At("a")} {Small} --verify");
        Assert.Equal(("save", false, 1UL), (saved.Command, saved.Suspended, saved.Epoch));
        Assert.Equal("consistent", saved.Verified?.Guest);
        Assert.True(saved.PauseMs > 0);
        CheckpointDocument restored = await RunAsync($"restore {At("a")} --run-for 100ms --verify");
        Assert.Equal((saved.GuestId, "consistent", 0L, 0L), (restored.GuestId, restored.Verified!.Guest, restored.Verified.LostOperations, restored.Verified.RepeatedOperations));

        CheckpointDocument lazy = await RunAsync($"restore {At("a")} --lazy --run-for 50ms --verify");
        Assert.Equal("consistent", lazy.Verified!.Guest);
        Assert.InRange(lazy.FirstOperationMs!.Value, 0.001, lazy.TotalMs!.Value);

        CheckpointDocument child = await RunAsync($"save {At("b")} --parent {At("a")} --compress lz4 --warmup 100ms --verify");
        Assert.Equal("a", child.Parent);
        Assert.True(child.DataPages < saved.DataPages);
        Assert.Equal(child.Digest, (await RunAsync($"inspect {At("b")}")).Digest);
        await RunAsync($"verify {At("b")}");
        Assert.InRange((await RunAsync($"diff {At("a")} {At("b")}")).ChangedPages!.Value, 1, child.DataPages + child.EqualPages + child.ZeroPages);
        CheckpointDocument whole = await RunAsync($"flatten {At("b")} --to {At("c")} --compress zstd");
        Assert.Null(whole.Parent);
        CheckpointDocument same = await RunAsync($"diff {At("b")} {At("c")}");
        Assert.Equal((0, 0), (same.ChangedPages!.Value, same.ChangedDevices!.Count));
        Assert.Equal("consistent", (await RunAsync($"restore {At("c")} --run-for 100ms --verify")).Verified!.Guest);
    }

    [Fact]
    public async Task A_suspended_guest_goes_through_a_pipe_and_runs_on()
    {
        string ownership = Directory.CreateDirectory(At("ownership")).FullName;
        string program = $"dotnet exec {Path.Combine(AppContext.BaseDirectory, "PageEngine.Cli.dll")} checkpoint";
        string pipe = $"set -o pipefail; {program} save - {Small} --suspend --ownership {ownership} | tee {At("copy")} | {program} restore - --verify --run-for 100ms --ownership {ownership} --json {At("json")}";
        using Process shell = Process.Start(new ProcessStartInfo("bash", ["-c", pipe]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string error = await shell.StandardError.ReadToEndAsync();
        await shell.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.True(shell.ExitCode == 0, error);
        CheckpointDocument restored = Read();
        Assert.Equal((2UL, true, "consistent"), (restored.Epoch, restored.Suspended, restored.Verified!.Guest));

        // It has run since: the copy that went by is refused, unless somebody knows better.
        Assert.Equal(3, await _host.RunAsync("checkpoint", "restore", At("copy"), "--ownership", ownership));
        Assert.Contains("since then run", _host.Error, StringComparison.Ordinal);
        Assert.Equal(3UL, (await RunAsync($"restore {At("copy")} --ownership {ownership} --take-over --run-for 0ms")).Epoch);
    }

    [Fact]
    public async Task Damage_has_its_exit_code_and_its_place()
    {
        await RunAsync($"save {At("a")} {Small} --run-for 0ms");
        byte[] bytes = await File.ReadAllBytesAsync(At("a"));
        bytes[bytes.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(At("a"), bytes);
        foreach (string command in (string[])["verify", "restore"])
        {
            Assert.Equal(5, await _host.RunAsync("checkpoint", command, At("a")));
        }

        Assert.Matches(@"section 'memory' at offset \d+", _host.Error);
        Assert.Equal(5, await _host.RunAsync("checkpoint", "inspect", typeof(CheckpointTests).Assembly.Location));
        Assert.Contains("This is no checkpoint", _host.Error, StringComparison.Ordinal);
        Assert.Equal(1, await _host.RunAsync("checkpoint", "verify", At("nowhere")));
        Assert.Equal(2, await _host.RunAsync("checkpoint", "save", At("b"), "--parent", At("a"), "--memory", "1GiB"));
        Assert.Contains("example: pageengine checkpoint save", _host.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", _host.Error, StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_host.State, name);

    private CheckpointDocument Read() => JsonSerializer.Deserialize(File.ReadAllText(At("json")), JsonContext.Documents.CheckpointDocument)!;

    private async Task<CheckpointDocument> RunAsync(string arguments)
    {
        using ProgramRun run = ProgramRun.Start(_host.State, $"checkpoint {arguments} --json {At("json")}");
        int code = await run.ExitCodeAsync();
        Assert.True(code == 0, run.Out + run.Error);
        return Read();
    }
}
