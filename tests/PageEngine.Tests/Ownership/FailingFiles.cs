using PageEngine.Interop;
using PageEngine.Ownership;

namespace PageEngine.Tests.Ownership;

/// <summary>A real directory in which chosen calls fail, before or after they took effect.</summary>
internal sealed class FailingFiles(IOwnershipFiles real) : IOwnershipFiles
{
    public enum Fault
    {
        None,
        LinkFailsBefore,
        LinkFailsAfter,
        LinkSaysTakenAfter,
        LinkRefused,
        LinkSilentlyCopies,
        LinkReplaces,
        SyncFails,
        CreateFails,
        ReadFails,
    }

    public Fault Now { get; set; }

    public int ErrorNumber { get; set; } = FileSystemCalls.EIO;

    public int Syncs { get; private set; }

    public int Creates { get; private set; }

    public string Path => real.Path;

    public void Create(string name, ReadOnlySpan<byte> content)
    {
        Creates++;
        if (Now == Fault.CreateFails)
        {
            throw Failure("write", name);
        }

        real.Create(name, content);
    }

    public bool TryLink(string existing, string name)
    {
        switch (Now)
        {
            case Fault.LinkFailsBefore or Fault.LinkRefused:
                throw Failure("link", name);
            case Fault.LinkFailsAfter:
                real.TryLink(existing, name);
                throw Failure("link", name);
            case Fault.LinkSaysTakenAfter:
                real.TryLink(existing, name);
                return false;
            case Fault.LinkSilentlyCopies:
                bool free = !File.Exists(System.IO.Path.Combine(Path, name));
                File.Copy(System.IO.Path.Combine(Path, existing), System.IO.Path.Combine(Path, name), overwrite: true);
                return free;
            case Fault.LinkReplaces:
                real.Remove(name);
                return real.TryLink(existing, name);
            default:
                return real.TryLink(existing, name);
        }
    }

    public void SyncDirectory()
    {
        Syncs++;
        if (Now == Fault.SyncFails)
        {
            throw Failure("fsync", Path);
        }

        real.SyncDirectory();
    }

    public int Read(string name, Span<byte> buffer) => Now == Fault.ReadFails ? throw Failure("read", name) : real.Read(name, buffer);

    public int CountLinks(string name) => real.CountLinks(name);

    public void Remove(string name) => real.Remove(name);

    public bool IsRemoved() => real.IsRemoved();

    public IEnumerable<string> List(string prefix) => real.List(prefix);

    public void Dispose() => real.Dispose();

    private FileCallException Failure(string call, string name) => new(call, System.IO.Path.Combine(Path, name), ErrorNumber);
}
