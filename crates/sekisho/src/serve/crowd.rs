//! Limits how many connections one address may hold, so that none takes all places.
//!
//! For IPv6, an address is the first 64 bits, which one subscriber has; for IPv4, it is the whole
//! address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections one address may hold. This is enough for an office of many people with a
/// browser or two each, and is a quarter of all places.
pub(super) const PER_ADDRESS: usize = 1024;

/// The number of open connections by address.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One open connection of an address. Dropping it frees the place.
pub(super) struct Admitted {
    crowd: Crowd,
    address: IpAddr,
}

impl Crowd {
    /// Takes a place for one more connection of `peer`. `None` if its address holds as many as it
    /// may.
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

    /// DOS-01: one address gets its share, others get theirs, and a place that is let go is free
    /// again.
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
