using System.Net;

namespace PageEngine.Transport;

// Owns: what a user may choose about TCP connections.

/// <summary>Options of TCP connections.</summary>
public sealed record TcpOptions
{
    /// <summary>Gets the local address to connect from; null: the system's choice.</summary>
    public IPAddress? BindAddress { get; init; }

    /// <summary>Gets where a destination listens for page streams; null: the same end point as the control channel.</summary>
    public IPEndPoint? DataListen { get; init; }

    /// <summary>Gets whether plain text is allowed beyond loopback; default false. Guest memory then crosses the network
    /// readable for whoever can listen.</summary>
    public bool AllowPlaintext { get; init; }

    /// <summary>Gets who this host is to its peers: connections are then TLS 1.3, both sides prove themselves, and a peer that
    /// cannot is refused, in plain text too. Null, the default: plain text.</summary>
    public TlsIdentity? Tls { get; init; }

    /// <summary>Gets the congestion control of what this side sends (TCP_CONGESTION), for example "cubic" or "bbr"; null, the
    /// default: the system's.</summary>
    public string? CongestionControl { get; init; }

    /// <summary>Gets how long connecting may take, name resolution included; default 20 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Gets how long unacknowledged bytes may stay in flight before the connection is dead (TCP_USER_TIMEOUT);
    /// default 20 s. An idle connection is probed often enough to notice a dead peer within about this time.</summary>
    public TimeSpan UserTimeout { get; init; } = TimeSpan.FromSeconds(20);
}
