//! The lifetimes of logins, tokens, credentials and documents, in seconds.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A login, from the authorization request until its code is issued.
pub const LOGIN: i64 = 600;
/// A presentation request (VP-2: ten minutes at most).
pub const PRESENTATION_REQUEST: i64 = 300;
/// The session of a browser after a login.
pub const SESSION: i64 = 8 * 3600;
/// An authorization code (AUTH-30).
pub const CODE: i64 = 60;
/// An access token of a relying party.
pub const ACCESS_TOKEN: i64 = 300;
/// The longest that an operator can give to the access tokens of a resource (WLCG Common JWT
/// Profiles, "Token lifetime").
pub const LONGEST_ACCESS_TOKEN: i64 = 6 * 3600;
/// How long a key of one resource is published before it signs and after it signed: servers that
/// want a key of their own often read the key set only when they start.
pub const RESOURCE_KEYS: i64 = 7 * DAY;
/// An ID token.
pub const ID_TOKEN: i64 = 300;
/// A device code and its user code.
pub const DEVICE_CODE: i64 = 600;
/// A grant without refresh tokens. It lasts as long as its code or an access token can be in use.
pub const GRANT: i64 = CODE + ACCESS_TOKEN + 60;
/// The same for a device, whose code may be redeemed until it expires.
pub const DEVICE_GRANT: i64 = DEVICE_CODE + ACCESS_TOKEN + 60;
/// The refresh tokens of one grant. They end earlier if its credentials do.
pub const REFRESH: i64 = 30 * DAY;
/// An offer of a credential.
pub const OFFER: i64 = 3600;
/// A wallet's access token (VCI-22: five minutes at most for a bearer token).
pub const ISSUANCE_TOKEN: i64 = 300;
/// The longest lifetime of a credential. For that time, the key that signed it stays in the
/// documents.
pub const CREDENTIAL: i64 = 3 * 366 * DAY;
/// A signed status list, from `iat` to `exp`.
pub const STATUS_LIST: i64 = 3600;
/// How long a verifier may keep a status list (`ttl`).
pub const STATUS_LIST_TTL: i64 = 300;
/// How long verifiers may keep our key documents. A key is published at least that long before it
/// signs.
pub const KEY_DOCUMENTS: i64 = 300;
/// The most seconds by which a verifier's clock may differ from ours.
pub const SKEW: i64 = 60;

/// A wallet that answers at the last moment still comes back before the login ends.
const _: () = assert!(PRESENTATION_REQUEST < LOGIN);
