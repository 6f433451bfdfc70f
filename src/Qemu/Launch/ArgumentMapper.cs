using System.Text.Json;
using System.Text.Json.Nodes;
using PageEngine.Qemu.Preflight;

namespace PageEngine.Qemu.Launch;

// Owns: the values of options: which parts of one name something of the host, and what they become here. QEMU writes a
// comma within a value as two.

/// <summary>Maps the values of one command line; what cannot be mapped becomes a finding.</summary>
internal sealed class ArgumentMapper(ValueMap map, List<Finding> findings)
{
    private const int MaxJsonDepth = 16;

    // Keys whose value is a file's name, so that one without a leading slash is relative to a directory nobody knows here.
    private static readonly HashSet<string> _files =
        ["file", "file.filename", "filename", "path", "mem-path", "romfile", "script", "downscript", "helper", "dir", "fsdev_path", "sock_path", "socket", "smb", "smbios", "bootfile", "tftp", "kernel", "initrd", "cancel-path", "evdev", "sysfsdev", "addr.path", "server.path"];

    // Open files that QEMU inherited or was handed: a number means nothing in another process.
    private static readonly HashSet<string> _descriptors = ["fd", "fds", "vhostfd", "vhostfds", "sockfd", "listenfd"];

    // Keys whose value is run by a shell.
    private static readonly HashSet<string> _commands = ["guestfwd", "exec", "command"];

    // Ways to an image over the network, which name nothing of this host.
    private static readonly string[] _network = ["nbd://", "nbd+tls://", "iscsi://", "nfs://", "http://", "https://", "rbd:"];

    /// <summary>Gets the files of memory backends.</summary>
    internal List<string> MemoryFiles { get; } = [];

    /// <summary>Doubles the commas of a value.</summary>
    internal static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);

    /// <summary>Maps a value that is a path.</summary>
    internal string Path(string option, string path)
    {
        if ((map.Whole(path) ?? (path.StartsWith('/') ? map.Path(path) : null)) is { } mapped)
        {
            return mapped;
        }

        findings.Add(path.StartsWith('/')
            ? new Finding($"{option} names {path} at the source, and no --map says what that is here.", $"Give --map {path}=PATH, or a directory above it; --map {path}={path} where it is the same file on both hosts.")
            : new Finding($"{option} names {path} at the source, relative to a directory that is not known here.", $"Give --map {path}=PATH, or start the source with absolute paths."));
        return path;
    }

    /// <summary>Maps a value that names a character device.</summary>
    internal string Device(string option, string value)
    {
        string device = value.StartsWith("mon:", StringComparison.Ordinal) ? value[4..] : value;
        if (device is "stdio" or "vc" || device.StartsWith("msmouse", StringComparison.Ordinal))
        {
            if (device == "stdio")
            {
                findings.Add(new Finding($"{option} {value} is the terminal that the source's QEMU was started from; there is none here.", "Start the source with a socket or a file instead."));
            }

            return value;
        }

        return List(option, value);
    }

    /// <summary>Maps a list of KEY=VALUE, or a JSON object.</summary>
    internal string List(string option, string value)
    {
        if (value.StartsWith('{'))
        {
            return Json(option, value);
        }

        List<string> items = Split(value);
        for (int i = 0; i < items.Count; i++)
        {
            int equals = items[i].IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? "" : items[i][..equals];
            string mapped = One(option, key, items[i][(equals + 1)..]);
            items[i] = Escape(equals < 0 ? mapped : $"{key}={mapped}");
        }

        return string.Join(',', items);
    }

    private string Json(string option, string value)
    {
        try
        {
            JsonNode? node = JsonNode.Parse(value, documentOptions: new JsonDocumentOptions { MaxDepth = MaxJsonDepth });
            return Walk(option, "", node)?.ToJsonString() ?? value;
        }
        catch (JsonException e)
        {
            findings.Add(new Finding($"{option} has a value that is no JSON: {e.Message}", "Start a QEMU here by hand, with -incoming defer -S, and leave out --launch."));
            return value;
        }
    }

    private JsonNode? Walk(string option, string key, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject members:
                var mapped = new JsonObject();
                foreach ((string name, JsonNode? member) in members)
                {
                    mapped[name] = Walk(option, name, member);
                }

                return mapped;
            case JsonArray elements:
                return new JsonArray([.. elements.Select(element => Walk(option, key, element))]);
            case JsonValue value when value.TryGetValue(out string? text):
                return JsonValue.Create(One(option, key, text));
            default:
                return node?.DeepClone();
        }
    }

    private string One(string option, string key, string value)
    {
        if (map.Whole(value) is { } whole)
        {
            return Noted(key, whole);
        }

        if (_descriptors.Contains(key) || value.StartsWith("/dev/fdset/", StringComparison.Ordinal))
        {
            findings.Add(new Finding(
                $"{option} …{key}={value} is a file that was handed to the source's QEMU when it was started (libvirt does so); there is none here.",
                "Start a QEMU here by hand, or by the program that started the source's, with -incoming defer -S, and leave out --launch."));
            return value;
        }

        if (_commands.Contains(key) || value.StartsWith("exec:", StringComparison.Ordinal) || value.StartsWith("json:", StringComparison.Ordinal))
        {
            findings.Add(new Finding($"{option} …{key}={value} would run a command, or hides a name; neither is taken from another host.", "Start a QEMU here by hand, with -incoming defer -S, and leave out --launch."));
            return value;
        }

        if (value.StartsWith('/'))
        {
            return Noted(key, Path($"{option} …{key}", value));
        }

        if (Array.Exists(_network, scheme => value.StartsWith(scheme, StringComparison.Ordinal)))
        {
            return value;
        }

        // A way to a file, such as unix:/run/socket or host_device:/dev/sda.
        int slash = value.IndexOf(":/", StringComparison.Ordinal);
        if (slash > 0 && value[..slash].All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':' or '-'))
        {
            return value[(slash + 1)..].StartsWith("//", StringComparison.Ordinal) ? Path($"{option} …{key}", value) : value[..(slash + 1)] + Path($"{option} …{key}", value[(slash + 1)..]);
        }

        bool isNone = key is "script" or "downscript" or "smb" or "tftp" && value is "no" or "";
        return _files.Contains(key) && !isNone && value.Length > 0 && !value.StartsWith("tcp:", StringComparison.Ordinal) ? Noted(key, Path($"{option} …{key}", value)) : value;
    }

    private string Noted(string key, string value)
    {
        if (key == "mem-path")
        {
            MemoryFiles.Add(value);
        }

        return value;
    }

    private static List<string> Split(string value)
    {
        var items = new List<string>();
        var item = new System.Text.StringBuilder();
        for (int i = 0; i < value.Length; i++)
        {
            if (value[i] != ',')
            {
                item.Append(value[i]);
            }
            else if (i + 1 < value.Length && value[i + 1] == ',')
            {
                item.Append(',');
                i++;
            }
            else
            {
                items.Add(item.ToString());
                item.Clear();
            }
        }

        items.Add(item.ToString());
        return items;
    }
}
