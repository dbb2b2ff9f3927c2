//! Where this very machine is found (RFC 6761, section 6.3).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// What the name `localhost` means, in the order of preference, on no port yet. A program takes this
/// and asks no resolver, which may know nothing or lie: a machine without a hosts file asks the
/// network.
pub const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
    SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0)),
];
