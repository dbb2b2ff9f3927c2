//! The addresses of this machine (RFC 6761, section 6.3).

use std::net::{AddrParseError, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// The addresses of the name `localhost`, the preferred one first. The port is 0, for the caller to
/// replace. Programs use this list and ask no resolver: on a machine without a hosts file, the
/// resolver would ask the network, which may not know the name or may answer falsely.
pub const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
    SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0)),
];

/// Reads `ADDRESS:PORT`, at which a program listens. `localhost` is the first of [`LOCALHOST`].
pub fn listen_address(text: &str) -> Result<SocketAddr, AddrParseError> {
    match text.rsplit_once(':') {
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => {
            format!("{}:{port}", Ipv4Addr::LOCALHOST).parse()
        }
        _ => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_this_machine() {
        for (text, address) in [
            ("localhost:8080", "127.0.0.1:8080"),
            ("LocalHost:0", "127.0.0.1:0"),
            ("[::1]:1", "[::1]:1"),
            ("0.0.0.0:443", "0.0.0.0:443"),
        ] {
            assert_eq!(listen_address(text).unwrap().to_string(), address);
        }
        for bad in ["localhost", "localhost:http", "localhost.:1", "a.example:1", "::1:80", ""] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }
}
