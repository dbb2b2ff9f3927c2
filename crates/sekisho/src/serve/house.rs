//! The open connections: how many there may be, in all and for each address, and which one goes when
//! another comes.
//!
//! Invariants: a connection that carries no request keeps nobody out. When all places are taken, or
//! all of one address, the connection that has been idle longest makes room; one with a request in
//! flight never does. A connection without a request for [`IDLE`] goes by itself, even if its peer
//! answers every ping.
//!
//! For IPv6, an address is the first 64 bits, which one subscriber has; for IPv4, it is the whole
//! address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How many connections one address may hold. This is enough for an office of many people with a
/// browser or two each, and is a quarter of all places.
pub(super) const PER_ADDRESS: usize = 1024;

/// How long a connection without a request stays.
pub(super) const IDLE: Duration = Duration::from_secs(30);

/// How long a request counts as in flight. No request of ours takes that long, so what is still open
/// then is a peer that does not read its answer.
const IN_FLIGHT: Duration = Duration::from_secs(60);

/// All open connections.
#[derive(Clone)]
pub(super) struct House(Arc<Inner>);

struct Inner {
    places: usize,
    register: Mutex<Register>,
    /// Told when a connection ends and when a request ends.
    freed: Notify,
}

#[derive(Default)]
struct Register {
    next: u64,
    guests: BTreeMap<u64, Entry>,
    held: BTreeMap<IpAddr, usize>,
}

struct Entry {
    address: Option<IpAddr>,
    in_flight: u32,
    /// When the last request began or ended, or the connection was accepted.
    since: Instant,
    leave: Arc<Notify>,
}

impl Entry {
    fn is_idle(&self, now: Instant) -> bool {
        self.in_flight == 0 || now.duration_since(self.since) >= IN_FLIGHT
    }
}

/// One open connection. Dropping it frees its place.
pub(super) struct Guest {
    house: House,
    number: u64,
    address: Option<IpAddr>,
    leave: Arc<Notify>,
}

/// One request in flight. Dropping it ends the request.
pub(super) struct Visit {
    house: House,
    number: u64,
}

/// Why a connection gets no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// All places are taken by requests in flight.
    House,
    /// All places of this address are taken by requests in flight.
    Address,
}

impl House {
    /// A house with this many places.
    pub(super) fn new(places: usize) -> Self {
        let register = Mutex::default();
        Self(Arc::new(Inner { places, register, freed: Notify::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        self.0.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for one more connection. `peer` is `None` where all connections come from one
    /// proxy, which has to limit its own clients. If there is no place, the connection that has been
    /// idle longest is told to leave.
    pub(super) fn admit(&self, peer: Option<IpAddr>) -> Result<Guest, Full> {
        self.admit_at(peer, Instant::now())
    }

    fn admit_at(&self, peer: Option<IpAddr>, now: Instant) -> Result<Guest, Full> {
        let address = peer.map(subscriber);
        let mut register = self.lock();
        let held = |register: &Register| {
            address.and_then(|address| register.held.get(&address).copied()).unwrap_or_default()
        };
        let own = |entry: &Entry| entry.address == address;
        if held(&register) >= PER_ADDRESS && !register.dismiss(now, own) {
            return Err(Full::Address);
        }
        if register.guests.len() >= self.0.places && !register.dismiss(now, |_| true) {
            return Err(Full::House);
        }
        let (number, leave) = (register.next, Arc::new(Notify::new()));
        register.next += 1;
        let entry = Entry { address, in_flight: 0, since: now, leave: Arc::clone(&leave) };
        register.guests.insert(number, entry);
        if let Some(address) = address {
            *register.held.entry(address).or_default() += 1;
        }
        drop(register);
        Ok(Guest { house: self.clone(), number, address, leave })
    }

    /// Tells the connection that has been idle longest to leave. Used when the system has no more
    /// file descriptors.
    pub(super) fn make_room(&self) {
        self.lock().dismiss(Instant::now(), |_| true);
    }

    /// Completes when a connection or a request ends after this call.
    pub(super) async fn freed(&self) {
        self.0.freed.notified().await;
    }

    /// Completes when no connection is open.
    pub(super) async fn empty(&self) {
        loop {
            let freed = self.0.freed.notified();
            if self.lock().guests.is_empty() {
                return;
            }
            freed.await;
        }
    }
}

impl Register {
    /// Takes the entry out that has been idle longest among those that fit, and tells its connection
    /// to leave. `false` if none is idle.
    fn dismiss(&mut self, now: Instant, fits: impl Fn(&Entry) -> bool) -> bool {
        let idle = self.guests.iter().filter(|(_, entry)| fits(entry) && entry.is_idle(now));
        let Some(number) = idle.min_by_key(|(_, entry)| entry.since).map(|(number, _)| *number)
        else {
            return false;
        };
        if let Some(entry) = self.remove(number) {
            entry.leave.notify_one();
        }
        true
    }

    /// Takes an entry out, if it is still there.
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.guests.remove(&number)?;
        if let Some(address) = entry.address
            && let Some(held) = self.held.get_mut(&address)
        {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&address);
            }
        }
        Some(entry)
    }
}

impl Guest {
    /// The address of the peer, of IPv6 its first 64 bits; `None` behind a proxy.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Counts a request until the returned value is dropped.
    pub(super) fn visit(&self) -> Visit {
        if let Some(entry) = self.house.lock().guests.get_mut(&self.number) {
            entry.in_flight = entry.in_flight.saturating_add(1);
            entry.since = Instant::now();
        }
        Visit { house: self.house.clone(), number: self.number }
    }

    /// Completes when the connection has to leave: it made room for another one, or it has carried
    /// no request for [`IDLE`].
    pub(super) async fn dismissed(&self) {
        while let Some(until) = self.may_stay_until(Instant::now()) {
            tokio::select! {
                () = self.leave.notified() => return,
                () = sleep_until(until) => {}
            }
        }
    }

    /// Until when the connection may stay if no request comes; `None` if that is over, or if it was
    /// told to leave.
    fn may_stay_until(&self, now: Instant) -> Option<Instant> {
        let register = self.house.lock();
        let entry = register.guests.get(&self.number)?;
        let patience = if entry.in_flight == 0 { IDLE } else { IN_FLIGHT };
        let until = entry.since + patience;
        (until > now).then_some(until)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.house.lock().remove(self.number);
        self.house.0.freed.notify_waiters();
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(entry) = self.house.lock().guests.get_mut(&self.number) {
            entry.in_flight = entry.in_flight.saturating_sub(1);
            entry.since = Instant::now();
        }
        self.house.0.freed.notify_waiters();
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

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn left(guest: &Guest, now: Instant) -> bool {
        guest.may_stay_until(now).is_none()
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// DOS-01: one address gets its share; its next connection replaces its own idle one, and none of
    /// another address.
    #[test]
    fn an_address_has_its_share() {
        let (house, now) = (House::new(4 * PER_ADDRESS), Instant::now());
        let other = house.admit_at(Some(at("2001:db8:0:1::1")), now).unwrap();
        let one = Some(at("2001:db8::1"));
        let held: Vec<_> = (0..PER_ADDRESS).map(|_| house.admit_at(one, now).unwrap()).collect();
        let busy: Vec<_> = held.iter().map(Guest::visit).collect();
        let beside = Some(at("2001:db8::ffff:1"));
        assert_eq!(house.admit(beside).err(), Some(Full::Address), "the same subscriber");
        drop(busy);
        assert!(house.admit(beside).is_ok());
        assert_eq!(held.iter().filter(|guest| left(guest, now)).count(), 1);
        assert!(!left(&other, now));
        drop((held, other));
        let register = house.lock();
        assert!(register.guests.is_empty() && register.held.is_empty(), "nobody is remembered");
        assert_eq!(subscriber(at("::ffff:192.0.2.1")), at("192.0.2.1"));
    }

    /// Some networks of one attacker take all places and stay idle: who comes next gets a place, and
    /// the connection that has been idle longest goes. One with a request in flight stays.
    #[test]
    fn a_full_house_lets_the_longest_idle_go() {
        let (house, now) = (House::new(3), Instant::now());
        let admit = |text, after: u32| house.admit_at(Some(at(text)), now + SECOND * after);
        let first = admit("192.0.2.1", 0).unwrap();
        let visit = first.visit();
        let second = admit("192.0.2.2", 1).unwrap();
        let third = admit("192.0.2.3", 2).unwrap();
        let fourth = admit("192.0.2.4", 3).unwrap();
        let gone = [&first, &second, &third, &fourth].map(|guest| left(guest, now));
        assert_eq!(gone, [false, true, false, false]);
        let visits = [third.visit(), fourth.visit()];
        assert_eq!(admit("192.0.2.5", 4).err(), Some(Full::House));
        drop(visit);
        assert!(admit("192.0.2.5", 4).is_ok());
        assert!(left(&first, now));
        drop(visits);
    }

    /// Whoever asks nothing goes after a while. A request in flight is waited for, but not for a peer
    /// that never reads its answer.
    #[test]
    fn who_asks_nothing_goes() {
        let (house, now) = (House::new(2), Instant::now());
        let (idle, busy) = (house.admit_at(None, now).unwrap(), house.admit_at(None, now).unwrap());
        let visit = busy.visit();
        assert!(!left(&idle, now + IDLE - SECOND) && left(&idle, now + IDLE));
        assert!(!left(&busy, now + IDLE + SECOND) && left(&busy, now + IN_FLIGHT + SECOND));
        drop(visit);
        assert!(left(&busy, now + IDLE + SECOND));
    }
}
