//! How long everything lives, in seconds.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A login, from the authorization request to its code.
pub const LOGIN: i64 = 600;
/// The cookie that says which browser began a login.
pub const BROWSER: i64 = 2 * LOGIN;
/// A presentation request (VP-2: ten minutes at most).
pub const PRESENTATION_REQUEST: i64 = 300;
/// A browser's session.
pub const SESSION: i64 = 8 * 3600;
/// An authorization code (AUTH-30).
pub const CODE: i64 = 60;
/// An access token of a relying party.
pub const ACCESS_TOKEN: i64 = 300;
/// An ID token.
pub const ID_TOKEN: i64 = 300;
/// A grant without refresh tokens: as long as anything points to it.
pub const GRANT: i64 = CODE + ACCESS_TOKEN + 60;
/// The refresh tokens of one grant; they never live longer than its credentials.
pub const REFRESH: i64 = 30 * DAY;
/// An offer of a credential.
pub const OFFER: i64 = 3600;
/// A wallet's access token (VCI-22: five minutes at most for a bearer token).
pub const ISSUANCE_TOKEN: i64 = 300;
/// The longest that a credential lives: as long its key stays in the documents.
pub const CREDENTIAL: i64 = 3 * 366 * DAY;
/// A signed status list.
pub const STATUS_LIST: i64 = 3600;
/// How long a verifier may keep a status list (`ttl`).
pub const STATUS_LIST_TTL: i64 = 300;
/// How long verifiers may keep our key documents. A key is published at least that long before it
/// signs.
pub const KEY_DOCUMENTS: i64 = 300;
/// How far clocks of verifiers may differ from ours.
pub const SKEW: i64 = 60;

/// Whoever is asked by a wallet has time left to come back.
const _: () = assert!(PRESENTATION_REQUEST < LOGIN);
