using System.Globalization;
using System.Net;

namespace PageEngine.Transport.Edges;

// Owns: the text in which a destination says where page streams go: "ADDRESS:PORT", or "*:PORT" for the host that the
// control channel reached. The text comes from the peer.

internal static class DataEndPoint
{
    private const string SameHost = "*";
    private const int MaxLength = 255 + 1 + 5;

    /// <summary>Writes where a destination listens.</summary>
    internal static string Format(IPEndPoint listening) =>
        listening.Address.Equals(IPAddress.Any) || listening.Address.Equals(IPAddress.IPv6Any)
            ? $"{SameHost}:{listening.Port}"
            : TcpSockets.Plain(listening).ToString();

    /// <summary>Reads it.</summary>
    /// <param name="text">What the peer sent.</param>
    /// <param name="control">Where the control channel goes.</param>
    /// <exception cref="MigrationException">It is not an end point.</exception>
    internal static EndPoint Parse(string text, EndPoint control)
    {
        int colon = text.LastIndexOf(':');
        if (colon <= 0 || text.Length > MaxLength
            || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            throw new MigrationException(MigrationErrorKind.ProtocolViolation,
                $"The destination wants page streams at \"{text[..Math.Min(text.Length, MaxLength)]}\", which is not HOST:PORT. Check its data end point.");
        }

        string host = text[..colon];
        if (host == SameHost)
        {
            return control is IPEndPoint address ? new IPEndPoint(address.Address, port) : new DnsEndPoint(((DnsEndPoint)control).Host, port);
        }

        return IPEndPoint.TryParse(text, out IPEndPoint? parsed) ? parsed : new DnsEndPoint(host, port);
    }
}
