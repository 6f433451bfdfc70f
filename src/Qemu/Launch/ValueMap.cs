namespace PageEngine.Qemu.Launch;

// Owns: what a destination allows of the source's command line, and what it is called here: pairs of OLD and NEW. A path is
// mapped by the longest OLD that is the path or a directory above it; any other value only by an OLD that equals it. Pure.

/// <summary>One name of the source, and what it is here.</summary>
/// <param name="old">What the source calls it.</param>
/// <param name="new">What it is called here.</param>
public sealed class ValueMapping(string old, string @new)
{
    /// <summary>Gets what the source calls it.</summary>
    public string Old { get; } = old;

    /// <summary>Gets what it is called here.</summary>
    public string New { get; } = @new;
}

/// <summary>The names of the source and what they are here.</summary>
/// <param name="mappings">The pairs.</param>
internal sealed class ValueMap(IReadOnlyCollection<ValueMapping> mappings)
{
    /// <summary>Maps a path; null when no pair covers it, or when it is one that leads out of what the pair covers.</summary>
    internal string? Path(string path)
    {
        if (path.Split('/').Contains(".."))
        {
            return Whole(path);
        }

        ValueMapping? best = null;
        foreach (ValueMapping mapping in mappings)
        {
            string old = mapping.Old.Length > 1 ? mapping.Old.TrimEnd('/') : mapping.Old;
            bool covers = path == old || path.StartsWith(old == "/" ? old : old + "/", StringComparison.Ordinal);
            if (covers && old.StartsWith('/') && old.Length > (best?.Old.TrimEnd('/').Length ?? 0))
            {
                best = mapping;
            }
        }

        if (best is null)
        {
            return null;
        }

        string rest = path[best.Old.TrimEnd('/').Length..];
        return rest.Length == 0 ? best.New : best.New.TrimEnd('/') + rest;
    }

    /// <summary>Maps a value that a pair names as a whole; null when none does.</summary>
    internal string? Whole(string value) => mappings.FirstOrDefault(mapping => mapping.Old == value)?.New;
}
