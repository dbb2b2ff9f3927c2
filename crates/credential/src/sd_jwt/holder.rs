//! The holder's side: a credential with its disclosures, and the selection of some of them (RFC
//! 9901, section 7.2).
//!
//! This file verifies nothing: the holder received the credential from its issuer, and the verifier
//! checks it.

use sekisho_jose::{Claims, Header};

use super::disclosure::Disclosure;
use super::presentation::{Presentation, SdJwtError};
use super::reveal::{self, Revealed};
use crate::claim_path::{ClaimPath, Step, place_claims};

/// A credential in the form in which its holder keeps it.
#[derive(Debug)]
pub struct SdJwt {
    issuer_jwt: String,
    header: Header,
    disclosures: Vec<Disclosure>,
    revealed: Revealed,
}

impl SdJwt {
    /// Reads an SD-JWT without key binding, as the issuer issued it.
    pub fn parse(text: &str) -> Result<Self, SdJwtError> {
        let presentation = Presentation::parse(text)?;
        if presentation.key_binding().is_some() {
            return Err(super::KeyBindingError::Unexpected.into());
        }
        let unverified_jwt = presentation.unverified_issuer_jwt()?;
        let disclosures = presentation.disclosures()?;
        let revealed = reveal::reveal(unverified_jwt.dangerous_claims()?, &disclosures)?;
        Ok(Self {
            issuer_jwt: presentation.issuer_jwt().to_owned(),
            header: unverified_jwt.header().clone(),
            disclosures,
            revealed,
        })
    }

    /// Returns the header, unverified.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns all claims, including the disclosable ones, unverified.
    pub fn claims(&self) -> Claims {
        self.revealed.claims.clone()
    }

    /// Returns the number of disclosures.
    pub fn disclosures(&self) -> usize {
        self.disclosures.len()
    }

    /// Makes an SD-JWT that discloses only the values that `paths` select, the objects and arrays
    /// around them, and all that is inside them. A path that selects nothing adds nothing.
    pub fn select(&self, paths: &[ClaimPath]) -> String {
        let wanted: Vec<Vec<Step>> = paths
            .iter()
            .flat_map(|path| place_claims(&self.revealed.claims, path))
            .map(|(place, _)| place)
            .collect();
        let mut out = format!("{}~", self.issuer_jwt);
        for (disclosure, place) in self.disclosures.iter().zip(&self.revealed.places) {
            if wanted.iter().any(|wanted| on_one_line(wanted, place)) {
                out.push_str(&disclosure.encoded);
                out.push('~');
            }
        }
        out
    }
}

/// Whether one place contains the other, or both are the same.
fn on_one_line(a: &[Step], b: &[Step]) -> bool {
    a.iter().zip(b).all(|(a, b)| a == b)
}
