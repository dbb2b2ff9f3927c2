//! The tables that this crate owns.

use sekisho_ambient::HandleKey;
use sekisho_credential::vc::TrustedIssuer;
use sekisho_store::table;

use crate::resources::ResourceSecret;
use crate::sectors::{Member, Sector};
use crate::{Organization, RelyingParty, Resource};

table!(/// Relying parties: client id → registration.
    pub(crate) Clients = "clients_1": String => RelyingParty);
table!(/// How many clients were ever registered: nothing → the generation of the newest one. The row is
    /// never deleted, so that no generation is given twice.
    pub(crate) Registrations = "registrations_1": String => u64);
table!(/// Clients of sectors that operators chose: sector → its clients.
    pub(crate) SectorClients = "sector_clients_1": String => Vec<Member>);
table!(/// Sectors that operators described: sector → what proposes user names there.
    pub(crate) Sectors = "sectors_1": String => Sector);
table!(/// Organizations: corporate number → names.
    pub(crate) Organizations = "organizations_1": String => Organization);
table!(/// Trust: issuer identifier → what it may attest, for whom, under which anchors.
    pub(crate) Trust = "trust_1": String => TrustedIssuer);
table!(/// How often trust has changed: nothing → a number that grows with each change.
    pub(crate) TrustVersion = "trust_version_1": String => u64);
table!(/// Resources that operators registered: id → identifier and token profile.
    pub(crate) Resources = "resources_1": String => Resource);
table!(/// Secrets with which resources introspect: id → digests, the newest first.
    pub(crate) ResourceSecrets = "resource_secrets_1": String => Vec<ResourceSecret>);
table!(/// How often resources have changed: nothing → a number that grows with each change.
    pub(crate) ResourceVersion = "resource_version_1": String => u64);
table!(/// Client assertions that were used: expiry and digest → nothing.
    pub(crate) UsedAssertions = "used_assertions_1": HandleKey => ());
