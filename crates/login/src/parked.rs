//! Requests that are too large for a cookie, and requests of devices. They are the only things that a
//! stranger can make us keep, so their number is bounded: by address, by client and in total. At the
//! bound a new one is refused, and those that are kept stay.
//!
//! Each broker counts what it has kept since it started.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{Handle, HandleKey, Timestamp};
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_store::StoreError;

use crate::tables::Parked;
use crate::{Logins, Visitor};

/// How many requests are kept at a time.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// In all.
    total: usize,
    /// Of one client.
    of_client: usize,
    /// From one address.
    from_address: usize,
}

/// How many requests that are too large for a cookie are kept.
pub(crate) const PARKED: Bounds = Bounds { total: 1_024, of_client: 256, from_address: 32 };
/// How many devices may wait. One program may be on many machines at a time.
pub(crate) const DEVICES: Bounds = Bounds { total: 4_096, of_client: 1_024, from_address: 32 };

/// The requests that are kept.
pub(crate) struct Places {
    bounds: Bounds,
    taken: Mutex<Vec<Place>>,
}

/// The place of one request.
pub(crate) struct Place {
    /// The key of its row, which contains its end.
    pub(crate) key: HandleKey,
    /// The client that it came from.
    pub(crate) client_id: String,
    /// The address that it came from; `None` behind a proxy.
    pub(crate) address: Option<IpAddr>,
}

impl Places {
    /// As many places as `bounds` say.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, taken: Mutex::default() }
    }

    /// Takes a place; `false` if there is none.
    pub(crate) fn take(&self, place: Place, now: Timestamp) -> bool {
        let Bounds { total, of_client: for_client, from_address: for_address } = self.bounds;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.key.expires() > now);
        let of_client = taken.iter().filter(|taken| taken.client_id == place.client_id).count();
        let from = |taken: &&Place| taken.address.is_some() && taken.address == place.address;
        let from_address = taken.iter().filter(from).count();
        let free = taken.len() < total && of_client < for_client && from_address < for_address;
        if free {
            taken.push(place);
        }
        free
    }

    /// Gives back the place of a request that is not kept any more.
    pub(crate) fn free(&self, key: &HandleKey) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.key != *key);
    }
}

impl Logins {
    /// Keeps a request; `false` if no place is free.
    pub(crate) async fn park(
        &self,
        login: &Handle,
        request: &AuthorizationRequest,
        visitor: &Visitor,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = login.key();
        let client_id = request.client_id.clone();
        let place = Place { key, client_id, address: visitor.address };
        if !self.places.take(place, now) {
            return Ok(false);
        }
        self.site.store().transact(|tx| tx.put::<Parked>(&key, request)).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use sekisho_ambient::Entropy;

    use super::*;

    fn place(client: u32, address: Option<u8>, ends: i64) -> Place {
        Place {
            key: Handle::new(Timestamp::from_unix(ends), &Entropy::system()).key(),
            client_id: client.to_string(),
            address: address.map(|last| Ipv4Addr::new(192, 0, 2, last).into()),
        }
    }

    #[test]
    fn places_are_bounded_by_address_client_and_in_total() {
        let now = Timestamp::from_unix(0);
        let took = |places: &Places, count: u32, of: &dyn Fn(u32) -> Place| {
            (0..count).filter(|n| places.take(of(*n), now)).count()
        };
        for bounds in [PARKED, DEVICES] {
            let Bounds { total, of_client, from_address } = bounds;
            let new = || Places::new(bounds);
            assert_eq!(took(&new(), 5_000, &|n| place(n, Some(1), 9)), from_address);
            assert_eq!(took(&new(), 5_000, &|_| place(1, None, 9)), of_client);
            let places = new();
            assert_eq!(took(&places, 5_000, &|n| place(n, None, 9)), total);
            assert!(places.take(place(1, Some(1), 20), Timestamp::from_unix(9)));
        }
    }

    #[test]
    fn a_place_that_was_given_back_is_free() {
        let (places, now) = (Places::new(PARKED), Timestamp::from_unix(0));
        let kept: Vec<_> = (0..32).map(|n| place(n, Some(1), 9)).collect();
        let first = kept[0].key;
        assert!(kept.into_iter().all(|place| places.take(place, now)));
        assert!(!places.take(place(40, Some(1), 9), now));
        places.free(&first);
        assert!(places.take(place(40, Some(1), 9), now));
        assert!(!places.take(place(41, Some(1), 9), now));
    }
}
