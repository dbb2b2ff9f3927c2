//! Who is at the other end of a connection over loopback: the same user of this machine, or another.
//!
//! Linux lists each socket with its user (proc(5), `/proc/net/tcp` and `/proc/net/tcp6`). Where the
//! list cannot be read or does not have the socket, the page depends on its secret alone.

use std::net::{IpAddr, SocketAddr};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::net::TcpListener;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    theirs: SocketAddr,
    /// `None` if the system does not tell.
    ours: Option<SocketAddr>,
}

impl Connected<IncomingStream<'_, TcpListener>> for Ends {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self { theirs: *stream.remote_addr(), ours: stream.io().local_addr().ok() }
    }
}

/// The user at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The user of this process.
    Owner,
    /// Another user, or a socket that nobody has open any more.
    Another,
    /// The system does not tell.
    Unknown,
}

impl Ends {
    /// Finds out who is at the other end.
    pub(super) async fn peer(&self) -> Peer {
        let Some(ours) = self.ours else { return Peer::Unknown };
        let own = rustix::process::geteuid().as_raw();
        for list in ["/proc/net/tcp", "/proc/net/tcp6"] {
            let Ok(sockets) = tokio::fs::read_to_string(list).await else { continue };
            if let Some(peer) = find(&sockets, own, self.theirs, ours) {
                return peer;
            }
        }
        Peer::Unknown
    }
}

/// Finds whose the socket at `local` is that is connected to `remote`. `None` if it is not in the
/// list.
fn find(sockets: &str, own: u32, local: SocketAddr, remote: SocketAddr) -> Option<Peer> {
    let written = |address: SocketAddr| [written_v4(address), Some(written_v6(address))];
    let (locals, remotes) = (written(local), written(remote));
    let is = |known: &[Option<String>], found: Option<&str>| {
        found.is_some_and(|found| known.iter().flatten().any(|known| known == found))
    };
    sockets.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        if !(is(&locals, columns.next()) && is(&remotes, columns.next())) {
            return None;
        }
        // Behind the addresses: state, queues, timer, retransmits, uid, timeout, inode. A socket
        // without an inode has been closed by its user.
        let mut rest = columns.skip(4);
        let (user, inode) = (rest.next()?, rest.nth(1)?);
        let is_owner = user.parse() == Ok(own) && inode != "0";
        Some(if is_owner { Peer::Owner } else { Peer::Another })
    })
}

/// The address as `/proc/net/tcp` has it: the four bytes as one number of this machine.
fn written_v4(address: SocketAddr) -> Option<String> {
    let IpAddr::V4(ip) = address.ip().to_canonical() else { return None };
    Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()))
}

/// The address as `/proc/net/tcp6` has it: four numbers of four bytes each.
fn written_v6(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let octets = ip.octets();
    let numbers = octets.chunks_exact(4).filter_map(|bytes| <[u8; 4]>::try_from(bytes).ok());
    let numbers: Vec<String> =
        numbers.map(|bytes| format!("{:08X}", u32::from_ne_bytes(bytes))).collect();
    format!("{}:{:04X}", numbers.concat(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn line(local: &str, remote: &str, uid: u32, inode: u32) -> String {
        format!(
            "   0: {local} {remote} 01 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1 0\n"
        )
    }

    #[test]
    fn the_user_of_the_other_socket_is_found() {
        let (theirs, ours) =
            ("127.0.0.1:40000".parse().unwrap(), "127.0.0.1:8790".parse().unwrap());
        let (near, far) = (written_v4(theirs).unwrap(), written_v4(ours).unwrap());
        let found = |list: &str| find(list, 1000, theirs, ours);
        let list = format!("{HEAD}{}{}", line(&far, &near, 7, 1), line(&near, &far, 1000, 2));
        assert_eq!(found(&list), Some(Peer::Owner));
        let list = format!("{HEAD}{}", line(&near, &far, 0, 2));
        assert_eq!(found(&list), Some(Peer::Another), "root is another user");
        assert_eq!(found(HEAD), None);
        let closed = format!("{HEAD}{}", line(&near, &far, 1000, 0));
        assert_eq!(found(&closed), Some(Peer::Another));
        // A socket of IPv6 that is connected to an address of IPv4.
        let list = format!("{HEAD}{}", line(&written_v6(theirs), &written_v6(ours), 9, 3));
        assert_eq!(found(&list), Some(Peer::Another));
        assert_eq!(found("nonsense\nmore nonsense\n"), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_are_written_as_the_system_writes_them() {
        assert_eq!(written_v4("127.0.0.1:8790".parse().unwrap()).unwrap(), "0100007F:2256");
        assert_eq!(
            written_v6("[::1]:8790".parse().unwrap()),
            "00000000000000000000000001000000:2256"
        );
        assert_eq!(
            written_v6("127.0.0.1:8790".parse().unwrap()),
            "0000000000000000FFFF00000100007F:2256"
        );
    }
}
