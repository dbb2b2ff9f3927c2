//! The keys of `keys-dev/`, whose private halves are public in the repository.
//!
//! Invariant: where other machines can reach the broker, nothing is believed or served under one of
//! them.

/// SHA-256 thumbprints (RFC 7638) of the keys in `keys-dev/`.
const THUMBPRINTS: [&str; 3] = [
    "7ap-USmqSPQxxaq-2tQJN2X288Ow6V5HJJk_c1av1RA",
    "jK_Z7QsL8XNI037gO2mwL6-cFjOVgqJjZFuen5W1Hv0",
    "rUo7biTZQV7oiGxOEaRIFpgn-U5M69CoeglYTqa8Mjw",
];

/// Whether the key with this thumbprint (RFC 7638, SHA-256) is one of `keys-dev/`.
pub fn is_development_key(thumbprint: &str) -> bool {
    THUMBPRINTS.contains(&thumbprint)
}
