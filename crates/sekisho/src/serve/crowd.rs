//! How many connections one address may hold, so that none takes all places.
//!
//! An address is an IPv4 address, or the 64 bits of IPv6 that one subscriber has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one address: an office behind one address has a browser or two for each of many
/// people, and still takes a quarter of all places at most.
pub(super) const PER_ADDRESS: usize = 1024;

/// Who is connected just now.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection of an address, until it is dropped.
pub(super) struct Admitted {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    /// A place for one more connection of `peer`; none if its address has all that it may.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let address = subscriber(peer);
        let mut crowd = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = crowd.entry(address).or_default();
        if *held >= PER_ADDRESS {
            return None;
        }
        *held += 1;
        Some(Admitted { crowd: self.clone(), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut crowd = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = crowd.get_mut(&self.address) {
            *held -= 1;
            if *held == 0 {
                crowd.remove(&self.address);
            }
        }
    }
}

fn subscriber(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DOS-01: one address has its share, others have theirs, and what is let go is free again.
    #[test]
    fn an_address_has_its_share() {
        let crowd = Crowd::default();
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let mut held: Vec<_> = (0..PER_ADDRESS).map(|_| crowd.admit(one).unwrap()).collect();
        let beside = "2001:db8::ffff:1".parse().unwrap();
        assert!(crowd.admit(beside).is_none(), "the same subscriber");
        assert!(crowd.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
        held.pop();
        assert!(crowd.admit(beside).is_some());
        drop(held);
        assert!(crowd.0.lock().unwrap().is_empty(), "nobody is remembered");
        let mapped = subscriber("::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(mapped, "192.0.2.1".parse::<IpAddr>().unwrap());
    }
}
