using System.Diagnostics;
using PageEngine.Fault.Tests.Hosts;
using PageEngine.Fault.Tests.Proxy;
using PageEngine.Ownership;
using Xunit;

namespace PageEngine.Fault.Tests.Cells;

// Owns: everything that one test uses outside its own process: the directories, the hosts, the proxies. All of it is gone
// when it is disposed, whatever happened.

internal sealed class Arena : IAsyncDisposable
{
    private readonly string _root = Root();
    private readonly List<FaultProcess> _hosts = [];
    private readonly List<FaultProxy> _proxies = [];
    private int _started;

    internal Arena()
    {
        Directory.CreateDirectory(Store);
    }

    internal Guid Guest { get; } = Guid.NewGuid();

    internal string Store => Path.Combine(_root, "store");

    private string StoreElsewhere => Path.Combine(_root, "store-elsewhere");

    /// <summary>Gets every host that was started, also those that are dead.</summary>
    internal IReadOnlyList<FaultProcess> Hosts
    {
        get
        {
            lock (_hosts)
            {
                return [.. _hosts];
            }
        }
    }

    internal string JournalOf(string name) => Path.Combine(_root, $"journal-{name}");

    /// <summary>Starts a host.</summary>
    /// <param name="name">For people, and for its directory: a host that is started again under its name has its journals.</param>
    /// <param name="withGuest">Whether the guest begins its life there.</param>
    /// <param name="more">More arguments.</param>
    internal async Task<FaultProcess> StartAsync(string name, bool withGuest = false, params string[] more)
    {
        string effects = Path.Combine(_root, $"effects-{Interlocked.Increment(ref _started)}-{name}");
        string[] arguments = [$"store={Store}", $"journal={JournalOf(name)}", $"effects={effects}", .. withGuest ? [$"guest={Guest}"] : Array.Empty<string>(), .. more];
        FaultProcess host = await FaultProcess.StartAsync(name, arguments);
        lock (_hosts)
        {
            _hosts.Add(host);
        }

        return host;
    }

    internal FaultProxy ProxyTo(FaultProcess destination)
    {
        var proxy = new FaultProxy(destination.Listening);
        lock (_hosts)
        {
            _proxies.Add(proxy);
        }

        return proxy;
    }

    internal void MoveStoreAway()
    {
        if (Directory.Exists(Store))
        {
            Directory.Move(Store, StoreElsewhere);
        }
    }

    internal void BringStoreBack()
    {
        if (Directory.Exists(StoreElsewhere))
        {
            Directory.Move(StoreElsewhere, Store);
        }
    }

    internal async Task<(OwnershipRecord Record, OwnershipMark Mark)> RecordAsync()
    {
        using FileOwnershipStore store = FileOwnershipStore.Open(Store);
        OwnershipRecord record = (await store.ReadAsync(Guest, CancellationToken.None))!;
        return (record, await store.ReadMarkAsync(Guest, record.Epoch, CancellationToken.None));
    }

    /// <summary>Gets the run that the guest began its life in.</summary>
    internal async Task<RunId> FirstRunAsync()
    {
        string copy = Path.Combine(_root, "first-epoch");
        Directory.CreateDirectory(copy);
        string name = $"{Guest:N}.1";
        File.Copy(Path.Combine(Store, name), Path.Combine(copy, name), overwrite: true);
        using FileOwnershipStore store = FileOwnershipStore.Open(copy);
        return (await store.ReadAsync(Guest, CancellationToken.None))!.Holder;
    }

    /// <summary>Fails when the guest ever ran twice, lost or repeated anything, or went back to an older epoch.</summary>
    internal void CheckEffects()
    {
        IEnumerable<Effect> effects = Directory.GetFiles(_root, "effects-*").SelectMany(path => EffectLog.Read(Path.GetFileName(path)["effects-".Length..], path));
        Effect[] all = [.. effects];
        Assert.NotEmpty(all);
        IReadOnlyList<string> findings = EffectLog.Check(all);
        Assert.True(findings.Count == 0, string.Join('\n', findings));
    }

    /// <summary>Gets what is in the store and the journals that no settled migration leaves there.</summary>
    internal string[] Leftovers(params string[] hosts)
    {
        string guest = Guest.ToString("N");
        IEnumerable<string> store = Directory.GetFiles(Store).Select(path => Path.GetFileName(path)).Where(name =>
        {
            string[] parts = name.Split('.');
            return parts[0] != guest || !ulong.TryParse(parts[1], out _) || parts is not ([_, _] or [_, _, "resuming" or "running"]);
        });
        IEnumerable<string> journals = hosts.Select(JournalOf).Where(Directory.Exists).SelectMany(path => Directory.GetFiles(path, "*", SearchOption.AllDirectories));
        return [.. store, .. journals];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (FaultProcess host in _hosts)
        {
            await host.DisposeAsync();
        }

        foreach (FaultProxy proxy in _proxies)
        {
            await proxy.DisposeAsync();
        }

        Directory.Delete(_root, recursive: true);
    }

    // In memory where that can be had: a disk that is busy for seconds would be a fault that no cell asked for.
    private static string Root()
    {
        const string Memory = "/dev/shm";
        return Directory.Exists(Memory)
            ? Directory.CreateDirectory(Path.Combine(Memory, $"pageengine-faults-{Guid.NewGuid():N}")).FullName
            : Directory.CreateTempSubdirectory("pageengine-faults-").FullName;
    }

    /// <summary>Waits until something holds.</summary>
    internal static async Task UntilAsync(Func<bool> holds, string what)
    {
        long began = Stopwatch.GetTimestamp();
        while (!holds())
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < FaultProcess.HangLimit, $"Waited in vain: {what}.");
            await Task.Delay(5);
        }
    }
}
