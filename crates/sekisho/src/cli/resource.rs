//! `sekisho resource`.

use clap::{Args, Subcommand, ValueEnum};
use sekisho_ambient::Text;
use sekisho_broker::admin::{EditResource, ResourceRow, ResourceWithSecret, RotateResourceSecret};
use sekisho_jose::{Algorithm, Claims};
use sekisho_registry::resources::Source;
use sekisho_registry::{Resource, TokenFormat};
use serde_json::{Value, json};

use super::Rehearsal;
use super::client::algorithm;
use super::session::{Session, body, time};
use crate::api::{Call, segment};
use crate::table::Table;
use crate::{Failure, words};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Registers a server for which clients may get access tokens; its secret is shown this once
    ///
    /// Example: sekisho resource add store --name-ja データ保管庫 --name-en 'Data store' --audience https://store.example.jp --format jwt --client portal --own-scope storage.read:/data
    ///
    /// Example: sekisho resource add slurm --name-ja 計算クラスタ --name-en Cluster --audience urn:slurm:tokyo-1 --format jwt --typ JWT --own-key --claim sun=preferred_username --client portal
    Add(Box<Add>),
    /// Shows a resource
    ///
    /// Example: sekisho resource show store
    Show {
        /// Its id
        resource: String,
    },
    /// Changes a resource; what is not named stays
    ///
    /// Example: sekisho resource edit store --lifetime 600 --add-client notebook --dry-run
    Edit(Box<Edit>),
    /// Lists resources
    List,
    /// Gives a resource a new secret; the one before it counts for a day longer
    ///
    /// Example: sekisho resource rotate-secret store --keep-old-for 3600
    RotateSecret {
        /// Its id
        resource: String,
        /// For how many seconds the old secret still counts; 0 ends it at once
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
        keep_old_for: i64,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
    /// Removes a resource: nobody gets tokens for it, and introspection knows the old ones no more
    ///
    /// Example: sekisho resource remove store --yes
    Remove {
        /// Its id
        resource: String,
        /// Does not ask for the id to be typed
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        rehearsal: Rehearsal,
    },
}

#[derive(Args)]
pub(super) struct Add {
    /// Its id: its name here, and its client_id at introspection
    resource: String,
    /// Its name in Japanese, shown before consent
    #[arg(long, value_name = "NAME")]
    name_ja: String,
    /// Its name in English
    #[arg(long, value_name = "NAME")]
    name_en: String,
    /// Its identifier: aud of its tokens, and what `resource` or `audience` of a request names
    #[arg(long, value_name = "URI")]
    audience: String,
    /// Further names by which requests may ask for it; once for each
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// Who may ask for it; once for each client
    #[arg(long = "client", value_name = "ID")]
    clients: Vec<String>,
    /// A client that acts behind it, and may exchange tokens for it; once for each
    #[arg(long = "agent", value_name = "ID")]
    agents: Vec<String>,
    /// A scope that it knows; one with a path stands for the paths below it; once for each
    #[arg(long = "own-scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// opaque: only introspection tells what it means. jwt: RFC 9068. lean: as few claims as possible
    #[arg(long, value_enum, default_value_t = Format::Opaque)]
    format: Format,
    /// The algorithm of its tokens: RS256, ES256, with --own-key also PS256, EdDSA
    #[arg(long, value_name = "ALG", default_value = "RS256", value_parser = algorithm)]
    alg: Algorithm,
    /// typ of its tokens: at+jwt or JWT [default: at+jwt, for lean JWT]
    #[arg(long, value_name = "TYP")]
    typ: Option<String>,
    /// A further claim: its name and a claim of the person, or for ver and wlcg.ver =TEXT; once for
    /// each
    #[arg(long = "claim", value_name = "NAME=CLAIM", value_parser = claim)]
    claims: Vec<(String, Source)>,
    /// How long a token is valid, in seconds: 60 to 21600
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    lifetime: i64,
    /// Signs its tokens with keys of its own, published at a URL of their own: for servers that
    /// trust a key whatever a token says, such as Slurm
    #[arg(long)]
    own_key: bool,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

#[derive(Args)]
pub(super) struct Edit {
    /// Its id
    resource: String,
    /// Its name in Japanese; give the English one too
    #[arg(long, value_name = "NAME", requires = "name_en")]
    name_ja: Option<String>,
    /// Its name in English
    #[arg(long, value_name = "NAME", requires = "name_ja")]
    name_en: Option<String>,
    /// Its identifier
    #[arg(long, value_name = "URI")]
    audience: Option<String>,
    /// All further names; once for each
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// A client that may ask for it from now on; once for each
    #[arg(long, value_name = "ID")]
    add_client: Vec<String>,
    /// A client that may ask for it no more; once for each
    #[arg(long, value_name = "ID")]
    remove_client: Vec<String>,
    /// All clients that act behind it; once for each
    #[arg(long = "agent", value_name = "ID")]
    agents: Vec<String>,
    /// All scopes that it knows; once for each
    #[arg(long = "own-scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// The format of its tokens
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The algorithm of its tokens
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    alg: Option<Algorithm>,
    /// typ of its tokens
    #[arg(long, value_name = "TYP")]
    typ: Option<String>,
    /// All further claims; once for each
    #[arg(long = "claim", value_name = "NAME=CLAIM", value_parser = claim)]
    claims: Vec<(String, Source)>,
    /// How long a token is valid, in seconds
    #[arg(long, value_name = "SECONDS")]
    lifetime: Option<i64>,
    /// Whether keys of its own sign its tokens: true or false
    #[arg(long, value_name = "BOOL")]
    own_key: Option<bool>,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Opaque,
    Jwt,
    Lean,
}

impl Format {
    fn format(self) -> TokenFormat {
        match self {
            Self::Opaque => TokenFormat::Opaque,
            Self::Jwt => TokenFormat::Jwt,
            Self::Lean => TokenFormat::Lean,
        }
    }
}

/// Reads `NAME=CLAIM`, or `NAME==TEXT` for a fixed text.
fn claim(text: &str) -> Result<(String, Source), &'static str> {
    let (name, from) = text.split_once('=').ok_or("expected NAME=CLAIM or NAME==TEXT")?;
    let source = match from.strip_prefix('=') {
        Some(value) => Source::Always { value: value.to_owned() },
        None => Source::Claim(from.to_owned()),
    };
    Ok((name.to_owned(), source))
}

impl Add {
    fn into_resource(self) -> Resource {
        Resource {
            id: self.resource,
            name: Text { ja: self.name_ja, en: self.name_en },
            audience: self.audience,
            aliases: self.alias,
            clients: self.clients,
            agents: self.agents,
            scopes: self.scopes,
            format: self.format.format(),
            algorithm: self.alg,
            typ: self.typ,
            claims: self.claims.into_iter().collect(),
            lifetime: self.lifetime,
            own_key: self.own_key,
        }
    }
}

impl Edit {
    fn into_edit(self) -> EditResource {
        let mut set = Claims::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                set.insert(name.to_owned(), value);
            }
        };
        let list = |values: Vec<String>| (!values.is_empty()).then(|| json!(values));
        put("name", self.name_ja.zip(self.name_en).map(|(ja, en)| json!({"ja": ja, "en": en})));
        put("audience", self.audience.map(Value::from));
        put("aliases", list(self.alias));
        put("agents", list(self.agents));
        put("scopes", list(self.scopes));
        put("format", self.format.map(|format| json!(format.format())));
        put("algorithm", self.alg.map(|algorithm| json!(algorithm)));
        put("typ", self.typ.map(Value::from));
        let claims: std::collections::BTreeMap<_, _> = self.claims.into_iter().collect();
        put("claims", (!claims.is_empty()).then(|| json!(claims)));
        put("lifetime", self.lifetime.map(Value::from));
        put("own_key", self.own_key.map(Value::from));
        EditResource { set, add_clients: self.add_client, remove_clients: self.remove_client }
    }
}

impl Session<'_, '_> {
    pub(super) async fn resource(&mut self, command: Command) -> Result<(), Failure> {
        let at = |id: &str| format!("/v1/resources/{}", segment(id));
        match command {
            Command::Add(add) => {
                let dry_run = add.rehearsal.dry_run;
                let call = Call::post("/v1/resources", body(&add.into_resource())?);
                self.change(call, dry_run, |session, made| session.resource_with_secret(&made))
                    .await
            }
            Command::Show { resource } => {
                let answer = self.call(&Call::get(at(&resource))).await?;
                if self.json {
                    self.say(&answer.to_string());
                    return Ok(());
                }
                self.resource_facts(&super::read(answer)?);
                Ok(())
            }
            Command::Edit(edit) => {
                let (dry_run, path) = (edit.rehearsal.dry_run, at(&edit.resource));
                let call = Call::patch(path, body(&edit.into_edit())?);
                self.change(call, dry_run, |session, row| session.resource_facts(&row)).await
            }
            Command::List => {
                self.list(&Call::get("/v1/resources"), "resources", Self::resources).await
            }
            Command::RotateSecret { resource, keep_old_for, rehearsal } => {
                let rotate = RotateResourceSecret { keep_old_for };
                let call = Call::post(format!("{}/rotate-secret", at(&resource)), body(&rotate)?);
                self.change(call, rehearsal.dry_run, |session, made| {
                    session.resource_with_secret(&made);
                })
                .await
            }
            Command::Remove { resource, yes, rehearsal } => {
                self.confirm(&resource, yes, rehearsal.dry_run)?;
                let call = Call::delete(at(&resource));
                self.change(call, rehearsal.dry_run, |session, row: ResourceRow| {
                    session.resources(vec![row]);
                })
                .await
            }
        }
    }

    fn resource_with_secret(&mut self, made: &ResourceWithSecret) {
        self.resource_facts(&made.row);
        if let Some(secret) = &made.secret {
            self.fact(&words::RESOURCE_SECRET, secret);
            self.remark(&words::SECRET_ONCE);
        }
    }

    fn resource_facts(&mut self, row: &ResourceRow) {
        let resource = &row.resource;
        let name = self.pick(&resource.name);
        let claims = resource.claims.iter().map(|(name, source)| match source {
            Source::Claim(from) => format!("{name}={from}"),
            Source::Always { value } => format!("{name}=={value}"),
        });
        let claims = claims.collect::<Vec<_>>().join(" ");
        let secrets = row.secrets.iter().map(|(since, until)| {
            let until = until.map(time).unwrap_or_default();
            format!("{} – {until}", time(*since))
        });
        let secrets = secrets.collect::<Vec<_>>().join(", ");
        self.fact(&words::ID, &resource.id);
        self.fact(&words::NAME, &name);
        self.fact(&words::AUDIENCE, &resource.audience);
        let rest = [
            (&words::ALIASES, resource.aliases.join(" ")),
            (&words::CLIENTS, resource.clients.join(" ")),
            (&words::AGENTS, resource.agents.join(" ")),
            (&words::SCOPES, resource.scopes.join(" ")),
            (&words::FORMAT, format_name(resource).to_owned()),
            (&words::LIFETIME, resource.lifetime.to_string()),
            (&words::CLAIMS, claims),
            (&words::JWKS_URI, row.jwks_uri.clone().unwrap_or_default()),
            (&words::SECRETS, secrets),
        ];
        for (name, value) in rest {
            if !value.is_empty() {
                self.fact(name, &value);
            }
        }
        if row.configured {
            self.remark(&words::RESOURCE_CONFIGURED);
        }
    }

    fn resources(&mut self, rows: Vec<ResourceRow>) {
        let lang = self.lang;
        let headings = [words::ID, words::NAME, words::AUDIENCE, words::FORMAT, words::CLIENTS];
        let mut table = Table::new(headings.iter().map(|text| text.say(lang)));
        for row in rows {
            let resource = &row.resource;
            table.row([
                resource.id.clone(),
                self.pick(&resource.name),
                resource.audience.clone(),
                format_name(resource).to_owned(),
                resource.clients.join(" "),
            ]);
        }
        self.say(&table.to_string());
    }
}

fn format_name(resource: &Resource) -> &'static str {
    match resource.format {
        TokenFormat::Opaque => "opaque",
        TokenFormat::Jwt => "jwt",
        TokenFormat::Lean => "lean",
    }
}
