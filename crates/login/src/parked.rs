//! Requests that are too large for a cookie. They are the only thing that a stranger can make us
//! keep, so their number is bounded: by address, by client and in total. At the bound a new one is
//! refused, and those that are kept stay.
//!
//! Each broker counts what it has kept since it started.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use sekisho_ambient::{Handle, Timestamp};
use sekisho_oauth::authorization::AuthorizationRequest;
use sekisho_store::StoreError;

use crate::tables::Parked;
use crate::{Logins, Visitor};

/// How many requests are kept at a time.
const TOTAL: usize = 1_024;
/// How many of one client.
const OF_CLIENT: usize = 256;
/// How many from one address.
const FROM_ADDRESS: usize = 32;

/// The requests that are kept.
#[derive(Default)]
pub(crate) struct Places(Mutex<Vec<Place>>);

struct Place {
    ends: Timestamp,
    client_id: String,
    address: Option<IpAddr>,
}

impl Places {
    /// Takes a place; `false` if there is none.
    fn take(&self, place: Place, now: Timestamp) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|taken| taken.ends > now);
        let of_client = taken.iter().filter(|taken| taken.client_id == place.client_id).count();
        let from = |taken: &&Place| taken.address.is_some() && taken.address == place.address;
        let from_address = taken.iter().filter(from).count();
        let free = taken.len() < TOTAL && of_client < OF_CLIENT && from_address < FROM_ADDRESS;
        if free {
            taken.push(place);
        }
        free
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
        let place = Place { ends: key.expires(), client_id, address: visitor.address };
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

    use super::*;

    fn place(client: u32, address: Option<u8>, ends: i64) -> Place {
        Place {
            ends: Timestamp::from_unix(ends),
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
        assert_eq!(took(&Places::default(), 2_000, &|n| place(n, Some(1), 9)), FROM_ADDRESS);
        assert_eq!(took(&Places::default(), 2_000, &|_| place(1, None, 9)), OF_CLIENT);
        let places = Places::default();
        assert_eq!(took(&places, 2_000, &|n| place(n, None, 9)), TOTAL);
        assert!(places.take(place(1, Some(1), 20), Timestamp::from_unix(9)));
    }
}
