//! The wallet's page as the program serves it: the link that it prints, and other users of the
//! machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::peers::Peers;
use crate::{Holder, member};

/// A running `tegata serve`.
struct Served {
    child: Child,
    listening: String,
    link: String,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(holder: &Holder, more: &[&str]) -> Served {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tegata"));
    command.args(["--wallet", holder.path.to_str().unwrap(), "--lang", "ja", "serve"]);
    command.args(["--listen", "127.0.0.1:0"]).args(more).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap_or(Value::String(line));
    let text = |name: &str| said[name].as_str().unwrap_or_default().to_owned();
    let link = match &said {
        Value::String(line) => line.split_whitespace().last().unwrap().to_owned(),
        _ => text("link"),
    };
    Served { child, listening: text("listening"), link }
}

fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    client.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn word_07_the_program_prints_the_link_that_opens_the_wallet() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let printed = serve(&holder, &[]);
    let said = &printed.link;
    assert!(said.starts_with("http://127.0.0.1:") && said.contains("/?token="), "{said}");
    let served = serve(&holder, &["--json"]);
    assert!(served.link.starts_with(&served.listening));
    let closed = http().get(&served.listening).send().await.unwrap();
    assert_eq!(closed.status(), 403);
    let html = closed.text().await.unwrap();
    assert!(html.contains("tegata serve") && !html.contains("瀬戸内"), "{html}");
    let opened = http().get(&served.link).send().await.unwrap();
    assert_eq!(opened.status(), 303);
    let cookie = opened.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    let list = http().get(&served.listening).header("cookie", cookie).send().await.unwrap();
    assert_eq!(list.status(), 200);
    assert!(list.text().await.unwrap().contains("瀬戸内"));
}

/// Another user who has stolen the secret. Only a privileged test can become another user.
#[tokio::test]
async fn word_07_another_user_of_the_machine_is_refused_even_with_the_secret() {
    let peers = Peers::start().await;
    let holder = member(&peers).await;
    let served = serve(&holder, &["--json"]);
    let address = served.listening.trim_start_matches("http://");
    let (host, port) = address.split_once(':').unwrap();
    let path = served.link.split_once(address).unwrap().1;
    // One connection and one request; the answer's first line comes back.
    let script = format!(
        "exec 3<>/dev/tcp/{host}/{port}; printf 'GET {path} HTTP/1.1\\r\\nHost: {address}\\r\\nConnection: close\\r\\n\\r\\n' >&3; head -n 1 <&3"
    );
    let run = |command: &mut Command| {
        let output = command.args(["bash", "-c", &script]).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let owner = run(&mut Command::new("env")).unwrap();
    assert!(owner.starts_with("HTTP/1.1 303"), "the owner is let in: {owner:?}");
    let mut other = Command::new("setpriv");
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    match run(&mut other) {
        Ok(answer) if !answer.is_empty() => {
            assert!(answer.starts_with("HTTP/1.1 403"), "{answer:?}");
        }
        _ => eprintln!("skipped: this test cannot become another user here"),
    }
}
