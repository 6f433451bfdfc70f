using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace PageEngine.Cli.Commands;

// Owns: how one word of the command line becomes a value, and what is said when it does not: what is wrong, and an
// example that works.

/// <summary>Parses words. Errors continue the sentence "'word' ...".</summary>
internal static class OptionParsers
{
    /// <summary>Parses HOST:PORT with an address of a listener: names are resolved, port 0 lets the system choose.</summary>
    public static (IPEndPoint? Value, string? Error) ListenAddress(string text)
    {
        if (SplitHostPort(text) is not { } parts)
        {
            return (null, "is no HOST:PORT; for example 127.0.0.1:4444, 0.0.0.0:4444 or [::1]:4444");
        }

        if (IPAddress.TryParse(parts.Host, out IPAddress? address))
        {
            return (new IPEndPoint(address, parts.Port), null);
        }

        try
        {
            return Dns.GetHostAddresses(parts.Host) is [var first, ..]
                ? (new IPEndPoint(first, parts.Port), null)
                : (null, $"names the host {parts.Host}, which has no address");
        }
        catch (SocketException exception)
        {
            return (null, $"names the host {parts.Host}, which cannot be resolved ({exception.Message})");
        }
    }

    /// <summary>Parses HOST:PORT of a peer.</summary>
    public static (EndPoint? Value, string? Error) PeerAddress(string text)
    {
        if (SplitHostPort(text) is not { Port: > 0 } parts)
        {
            return (null, "is no HOST:PORT; for example 192.0.2.7:4444, host.example:4444 or [2001:db8::7]:4444");
        }

        return IPAddress.TryParse(parts.Host, out IPAddress? address)
            ? (new IPEndPoint(address, parts.Port), null)
            : (new DnsEndPoint(parts.Host, parts.Port), null);
    }

    /// <summary>Parses an address of this host.</summary>
    public static (IPAddress? Value, string? Error) LocalAddress(string text) => IPAddress.TryParse(text, out IPAddress? address)
        ? (address, null)
        : (null, "is no address; for example 192.0.2.7");

    /// <summary>Parses the name of a congestion control: one that this kernel gives to a socket of this user.</summary>
    public static (string? Value, string? Error) CongestionControl(string text)
    {
        const int SolTcp = 6;
        const int TcpCongestion = 13;
        try
        {
            using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.SetRawSocketOption(SolTcp, TcpCongestion, Encoding.ASCII.GetBytes(text));
            return (text, null);
        }
        catch (SocketException)
        {
            return (null, "is no congestion control that this host has and this user may choose; /proc/sys/net/ipv4/tcp_available_congestion_control lists them, for example cubic");
        }
    }

    /// <summary>Makes a parser of whole numbers within limits.</summary>
    public static WordParser<int> Integer(int minimum, int maximum) => text =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum
            ? (value, null)
            : (0, $"is not a whole number from {minimum} to {maximum}");

    /// <summary>Makes a parser of words that each stand for a value.</summary>
    public static WordParser<T> OneOf<T>(params (string Word, T Value)[] choices) => text =>
    {
        foreach ((string word, T value) in choices)
        {
            if (word == text)
            {
                return (value, null);
            }
        }

        return (default, $"is not one of {string.Join(", ", choices.Select(c => c.Word))}");
    };

    /// <summary>Parses a size in bytes.</summary>
    public static (long Value, string? Error) Size(string text) => Try(text, Units.ParseBytes);

    /// <summary>Parses a rate in bytes per second.</summary>
    public static (long Value, string? Error) SizeOrZero(string text) => text == "0" ? (0, null) : Size(text);

    /// <summary>Reads a rate.</summary>
    public static (long Value, string? Error) Rate(string text) => Try(text, Units.ParseBytesPerSecond);

    /// <summary>Parses a rate above zero.</summary>
    public static (long Value, string? Error) PositiveRate(string text)
    {
        (long rate, string? error) = Rate(text);
        return error is null && rate == 0 ? (0, "is no rate at which anything would arrive; for example 200MiB/s or 10Gbit/s") : (rate, error);
    }

    /// <summary>Parses a duration.</summary>
    public static (TimeSpan Value, string? Error) Duration(string text) => Try(text, Units.ParseDuration);

    /// <summary>Parses a seed.</summary>
    public static (ulong? Value, string? Error) Seed(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value)
            ? (value, null)
            : (null, "is not a whole number from 0 to 18446744073709551615");

    /// <summary>Parses a number that is not zero and fits 64 bits.</summary>
    public static (ulong? Value, string? Error) MigrationId(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong value) && value > 0
            ? (value, null)
            : (null, "is no migration id; ids are whole numbers from 1 to 18446744073709551615, as `pageengine list` shows them");

    /// <summary>Parses a UUID.</summary>
    public static (Guid? Value, string? Error) Uuid(string text) => Guid.TryParse(text, out Guid value) && value != Guid.Empty
        ? (value, null)
        : (null, "is no UUID; for example 3f2b8c1e-8a52-4f0e-9c3d-5f6a7b8c9d0e");

    // Units' sentences begin with the quoted word themselves.
    private static (T Value, string? Error) Try<T>(string text, Func<string, T> parse)
        where T : struct
    {
        try
        {
            return (parse(text), null);
        }
        catch (FormatException exception)
        {
            return (default, exception.Message.Replace($"'{text}' ", "", StringComparison.Ordinal).TrimEnd('.'));
        }
    }

    private static (string Host, int Port)? SplitHostPort(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon <= 0
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            || port > IPEndPoint.MaxPort)
        {
            return null;
        }

        string host = text[..colon];
        bool bracketed = host.StartsWith('[') && host.EndsWith(']');

        // An IPv6 address without brackets cannot be told from its port.
        return bracketed ? (host[1..^1], port) : host.Contains(':', StringComparison.Ordinal) ? null : (host, port);
    }
}
