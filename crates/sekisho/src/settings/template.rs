//! The commented `sekisho.toml` that `init` writes.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The values that `init` fills in.
pub(crate) struct Sample<'a> {
    /// The origin at which people reach the broker.
    pub(crate) origin: &'a str,
    /// The addresses at which the server listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// The folder of the store.
    pub(crate) data_dir: &'a Path,
    /// Whether the root key is passed as a systemd credential.
    pub(crate) systemd: bool,
    /// Who ends TLS.
    pub(crate) tls: TlsSample,
    /// The URL of the preferred wallet. If absent, it is the scheme `openid4vp://`.
    pub(crate) wallet: Option<String>,
    /// Whether the sample facts about the service are settings, as in the demonstration, and not
    /// comments.
    pub(crate) facts: bool,
}

/// Who ends TLS, as the arguments of `init` say it.
#[derive(Clone, Debug)]
pub(crate) enum TlsSample {
    None,
    Own,
    Files { certificate: PathBuf, key: PathBuf },
    Proxy(Vec<IpAddr>),
}

/// Writes the text of the file.
pub(crate) fn template(sample: &Sample<'_>) -> String {
    let data_dir = sample.data_dir.display().to_string();
    let root_key = if sample.systemd {
        "\"systemd\"".to_owned()
    } else {
        format!("{{ file = {} }}", quoted(&format!("{data_dir}/root.key")))
    };
    let values = [
        ("{origin}", quoted(sample.origin)),
        ("{listen}", listen(&sample.listen)),
        ("{data_dir}", quoted(&data_dir)),
        ("{root_key}", root_key),
        ("{tls}", tls(&sample.tls)),
        ("{wallets}", wallets(sample.wallet.as_deref())),
        ("{facts}", facts(sample.facts)),
    ];
    let mut out = String::with_capacity(TEMPLATE.len());
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        rest = after;
        let value = values.iter().find_map(|(name, value)| {
            Some((after.strip_prefix(name.trim_start_matches('{'))?, value))
        });
        match value {
            Some((after, value)) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push('{'),
        }
    }
    out.push_str(rest);
    out
}

fn listen(addresses: &[SocketAddr]) -> String {
    let quoted: Vec<String> =
        addresses.iter().map(|address| quoted(&address.to_string())).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

fn tls(sample: &TlsSample) -> String {
    match sample {
        TlsSample::None => "\"none\"".to_owned(),
        TlsSample::Own => "\"own\"".to_owned(),
        TlsSample::Files { certificate, key } => format!(
            "{{ files = {{ certificate = {}, key = {} }} }}",
            quoted(&certificate.display().to_string()),
            quoted(&key.display().to_string())
        ),
        TlsSample::Proxy(addresses) => {
            let list: Vec<String> =
                addresses.iter().map(|address| quoted(&address.to_string())).collect();
            format!("{{ proxy = [{}] }}", list.join(", "))
        }
    }
}

/// What people are told about the sample service. An operator who does not exist is told to nobody:
/// except in the demonstration, the lines are comments.
fn facts(told: bool) -> String {
    let mark = if told { "" } else { "# " };
    FACTS.iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{mark}{line}");
        out
    })
}

const FACTS: [&str; 5] = [
    r#"operator = { ja = "北海AI計算基盤株式会社", en = "Hokkai AI Compute" }"#,
    r#"operator_number = "8900000000001""#,
    r#"residency = { ja = "北海道石狩市", en = "Ishikari, Hokkaido" }"#,
    r#"retention = { ja = "利用終了から1年間", en = "One year after the last use" }"#,
    r#"transfer_abroad = { ja = "国外へは渡しません", en = "Not transferred abroad" }"#,
];

fn wallets(url: Option<&str>) -> String {
    let mut out = String::new();
    if let Some(url) = url {
        let _ = write!(
            out,
            r#"[[wallets]]
name = "web"
label = {{ ja = "ウェブの手形", en = "Tegata on the web" }}
authorization_endpoint = {}
preferred = true

"#,
            quoted(url)
        );
    }
    let _ = write!(
        out,
        r#"[[wallets]]
name = "device"
label = {{ ja = "この端末のウォレット", en = "Wallet on this device" }}
authorization_endpoint = "openid4vp://"
preferred = {}
"#,
        url.is_none()
    );
    out
}

/// Writes `text` as a TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

const TEMPLATE: &str = r#"# sekisho.toml — the settings of one Sekisho.
#
# Organizations, clients, trust, keys and credentials do not stand here: they are in the store, and
# `sekisho org`, `client`, `trust`, `key` and `credential` manage them.
# Restart `sekisho serve` after a change. Relative paths count from the folder of this file.

# Where people and services reach this broker: scheme, host and port, nothing more. Every subject,
# credential type and DID contains it, so it is fixed once `init` has run. http is for this machine
# only (localhost, 127.0.0.1).
origin = {origin}

# The address and port that `sekisho serve` listens at, or a list: ["0.0.0.0:443", "[::]:443"].
listen = {listen}

# Store, certificates and admin socket; only the server's user may read it (mode 0700).
data_dir = {data_dir}

# The admin API; the default is admin.sock in data_dir. A path of at most 100 bytes.
# admin_socket = "/run/sekisho/admin.sock"

# The key above all keys. Without it the store does not open: keep a copy elsewhere.
#   { file = "…" }   a file that only its owner can read (mode 0600)
#   "systemd"        the credential sekisho-root-key (LoadCredentialEncrypted= of the unit)
root_key = {root_key}

# Who ends TLS.
#   "none"                                        nobody: an http origin on this machine
#   "own"                                         this server, under its own root (ca.pem in data_dir)
#   { files = { certificate = "…", key = "…" } }  this server, with your certificate (PEM, leaf first);
#                                                 read again when the files change
#   { proxy = ["10.0.0.2"] }                      a proxy; connections from other addresses are dropped
tls = {tls}

# Under which origin credential types are named ({authority}/types/affiliation/1). Several brokers
# of one federation use one authority. The default is the origin. Fixed once credentials exist.
# type_authority = "https://types.example.jp"

# How wallets know this broker: "x509_hash" (as HAIP demands) or "x509_san_dns".
client_id_prefix = "x509_hash"

# How wallets answer: "direct_post.jwt" (encrypted) or "direct_post" (inside TLS only).
response_mode = "direct_post.jwt"

# How many seconds the clock of a wallet's device may be ahead of this server's, 0 to 120. It counts
# where a nonce of this broker proves that an answer is fresh. Beyond it, people meet C-2015.
# clock_ahead = 60

# Where this broker may call out to, over https. Empty means nowhere: nothing leaves this machine.
# A host is needed only to read status lists of foreign issuers.
[outbound]
allow_hosts = []
# ca_file = "issuers-tls-roots.pem"

# Signed checkpoints of the audit log, which show later that an older file was put back or the log
# was written anew. Keep them where who can write data_dir cannot: `sekisho audit verify --checkpoint`
# compares them, and `serve` compares those in the folder when it starts.
[audit]
# checkpoints = "/mnt/other/sekisho-checkpoints"   # a folder that exists; each is a file of its own
# syslog = "/dev/log"                              # or the address of a collector: "192.0.2.1:514" (UDP)

# The services that people log in to. `id` is what clients, gates and requests name.
[[services]]
id = "gpu-console"
name = { ja = "GPU コンソール", en = "GPU Console" }
# What people are told about it. Say here what is true of your service; the values are samples.
{facts}# policy_uri = "https://gpu.example.jp/privacy"
# tos_uri = "https://gpu.example.jp/terms"

# Who operates this broker, at the foot of every page. contact_uri is an https or mailto URL.
# [operator]
# name = { ja = "北海AI計算基盤株式会社", en = "Hokkai AI Compute" }
# contact_uri = "mailto:help@gpu.example.jp"
# privacy_uri = "https://gpu.example.jp/privacy"

# The conditions of one service: who may use how many GPUs. Every unmet condition is told. After a
# change, what was permitted before is decided again: it may become less or end, never more.
[[gates]]
id = "gpu-console"
service = "gpu-console"
max_gpus = 16
max_gpu_hours = 1024
# A request that names no walltime gets what its GPU-hours allow. No run is longer than its permit.
# max_walltime_h = 12
permit_hours = 24
partitions = ["general"]
gpu_models = ["h100"]
# regular, fixed_term, seconded, dispatched, contractor, faculty, staff, student, visiting
allowed_affiliation_types = ["regular", "fixed_term", "seconded", "faculty", "staff"]
# Any of these achievements, at this level or above, completed at most so many days ago.
training = { achievements = ["ai-safety-basic"], min_level = 1, max_age_days = 730 }

# Other servers for which clients may get access tokens (RFC 8707). `sekisho resource add` registers
# them without a restart; what stands here is changed here.
# [[resources]]
# id = "slurm"
# name = { ja = "計算クラスタ", en = "Cluster" }
# audience = "urn:slurm:tokyo-1"        # aud of its tokens, and `resource` or `audience` of a request
# clients = ["portal"]                  # who may ask for it; nobody else may
# format = "jwt"                        # opaque, jwt (RFC 9068) or lean
# typ = "JWT"                           # where at+jwt is not understood
# own_key = true                        # keys that sign nothing else, at /jwks/slurm.json alone
# claims = { sun = "preferred_username" }
# lifetime = 600

# Sites behind a reverse proxy that asks this broker, for every request, whether it may pass
# (spec/integrations/). People log in through `client`, whose redirect URI is /.sekisho/callback at each
# origin; the proxy passes /.sekisho/ on to this broker, and is believed at these addresses alone.
# [[guards]]
# id = "lab"
# origins = ["https://lab.example.jp"]
# client = "lab"
# proxies = ["127.0.0.1", "::1"]
# What people are asked for, and what an access token needs. With gpu_access, a permit has to stand.
# scopes = ["openid", "profile", "organization"]
# Access tokens for this resource count; without the line, those of the client that are for none.
# resource = "urn:slurm:tokyo-1"
# Any of these groups; without the line, none is needed.
# groups = ["gpu-user"]
# One login for all origins of a domain. The callback is then at the first origin alone.
# cookie_domain = "lab.example.jp"

# The wallets that the login page offers; exactly one is preferred, and its button comes first.
# authorization_endpoint is openid4vp://, haip-vp:// or the https URL of a wallet on the web.
{wallets}"#;
