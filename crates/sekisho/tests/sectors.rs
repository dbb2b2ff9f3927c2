//! Sectors and user names at the command line.

use crate::support::{Done, Home, OPERATOR, TENANT};
use serde_json::{Value, json};

fn add_client(home: &Home, id: &str, more: &[&str]) -> Value {
    let uri = format!("https://{id}.example/cb");
    let texts = ["--name-ja", id, "--name-en", id, "--purpose-ja", "確認", "--purpose-en", "check"];
    let first = ["client", "add", "--id", id, "--redirect-uri", &uri];
    home.json(&[&first[..], &texts, more].concat())
}

fn assert_failed(done: &Done, code: i32, words: &[&str]) {
    assert_eq!(done.code(), code, "{done:?}");
    assert!(words.iter().all(|word| done.stderr.contains(word)), "{words:?} in {done:?}");
}

/// An operator puts clients into a sector, says what proposes names there, and gives, lists and
/// releases names. A rehearsal changes nothing.
#[test]
fn tokens_04_an_operator_keeps_sectors_and_names() {
    let home = Home::new();
    home.init();
    home.json(&["org", "add", TENANT, "--name-ja", "瀬戸内", "--name-en", "Setouchi"]);
    assert_eq!(add_client(&home, "shop", &[])["sector"], "shop.example");
    assert_eq!(add_client(&home, "slurm", &["--sector", "hpc"])["sector"], "hpc");
    for wrong in ["gpu.example.jp", "HPC", "client:slurm", ""] {
        let texts = ["--name-ja", "a", "--name-en", "a", "--purpose-ja", "a", "--purpose-en", "a"];
        let first = ["client", "add", "--redirect-uri", "https://a.example/cb", "--sector", wrong];
        assert_failed(&home.run(&[&first[..], &texts].concat()), 2, &["sector", "no dot"]);
    }
    let ids = format!("{TENANT}=200000-299999");
    let planned = home.json(&["sector", "add", "hpc", "--names", "email", "--dry-run"]);
    assert_eq!(planned["audit_id"], Value::Null);
    home.json(&["sector", "add", "hpc", "--names", "email", "--ids", &ids]);
    let listed = home.json(&["sector", "list"])["sectors"].clone();
    let range = json!([{"organization": TENANT, "first": 200_000, "last": 299_999}]);
    let expected = json!([{"name": "hpc", "names": "email", "ids": range, "clients": ["slurm"]}]);
    assert_eq!(listed, expected);
    assert_failed(&home.run(&["sector", "add", "hpc"]), 1, &["exists"]);
    assert_failed(&home.run(&["sector", "edit", "lab", "--names", "opaque"]), 4, &["lab"]);
    let overlap = format!("{OPERATOR}=250000-350000");
    assert_failed(&home.run(&["sector", "edit", "hpc", "--ids", &overlap]), 2, &["in common"]);
    home.json(&["sector", "edit", "hpc", "--names", "member-ref"]);

    let set = |name: &str, more: &[&str]| {
        home.run(&[&["name", "set", name, "--sector", "hpc", "--json"], more].concat())
    };
    let of = ["--org", TENANT, "--member-ref", "m-0001"];
    let planned = set("taro", &[&of[..], &["--dry-run"]].concat());
    assert_eq!(planned.code(), 0, "{planned:?}");
    assert_eq!(home.json(&["name", "list", "--sector", "hpc"])["names"], json!([]));
    assert_eq!(set("taro", &of).code(), 0);
    for name in ["root", "slurm", "1234", "Taro", "u0123456789abcdef"] {
        assert_eq!(set(name, &of).code(), 2, "{name}");
    }
    assert_eq!(set("taro", &["--org", TENANT, "--member-ref", "m-0002"]).code(), 2, "taken");
    assert_eq!(set("jiro", &["--org", OPERATOR, "--member-ref", "m-0002"]).code(), 4, "no issuer");
    assert_eq!(set("jiro", &["--person", "0123456789abcdef"]).code(), 4, "nobody known");
    assert_eq!(set("jiro", &[]).code(), 2, "nobody named");
    let row = &home.json(&["name", "list", "--sector", "hpc"])["names"][0];
    assert_eq!((&row["name"], &row["given"]), (&json!("taro"), &json!(true)));
    let person = row["person"].as_str().unwrap().to_owned();
    assert_eq!(set("taro2", &["--person", &person]).code(), 0);
    let shown = home.run(&["name", "list", "--sector", "hpc", "--lang", "ja"]);
    assert!(shown.stdout.contains("taro2") && shown.stdout.contains("利用者名"), "{shown:?}");
    home.json(&["name", "release", "taro2", "--sector", "hpc", "--yes"]);
    assert_failed(
        &home.run(&["name", "release", "taro2", "--sector", "hpc", "--yes"]),
        4,
        &["taro2"],
    );
    for name in ["taro", "taro2"] {
        assert_eq!(set(name, &of).code(), 2, "{name} is nobody's again");
    }
}

/// A client whose sector is a host goes to another sector, or to another host, by `client move` alone.
#[test]
fn tokens_04_an_operator_moves_a_client() {
    let home = Home::new();
    home.init();
    add_client(&home, "portal", &[]);
    let planned = home.json(&["client", "move", "portal", "--sector", "hpc", "--dry-run"]);
    assert_eq!((&planned["from"], &planned["to"]), (&json!("portal.example"), &json!("hpc")));
    assert_eq!(planned["people"], json!([]));
    let sector = || home.json(&["client", "list"])["clients"][0]["sector"].clone();
    assert_eq!(sector(), "portal.example");
    home.json(&["client", "move", "portal", "--sector", "hpc", "--yes"]);
    assert_eq!(sector(), "hpc");
    let uri = "https://elsewhere.example/cb";
    let moved = home.json(&["client", "move", "portal", "--redirect-uri", uri, "--yes"]);
    assert_eq!(
        (&moved["to"], &moved["redirect_uris"]),
        (&json!("elsewhere.example"), &json!([uri]))
    );
    assert_eq!(home.json(&["sector", "list"])["sectors"][0]["clients"], json!([]));
    let wrong = ["client", "move", "portal", "--redirect-uri", "http://x.example/cb", "--yes"];
    assert_eq!(home.run(&wrong).code(), 2);
    assert_eq!(home.run(&["client", "move", "nobody", "--sector", "hpc", "--yes"]).code(), 4);
}
