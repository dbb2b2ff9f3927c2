//! The addresses of this machine (RFC 6761, section 6.3).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The addresses of the name `localhost`, the preferred one first. The port is 0, for the caller to
/// replace. Programs use this list and ask no resolver: on a machine without a hosts file, the
/// resolver would ask the network, which may not know the name or may answer falsely.
pub const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
    SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0)),
];
