//! Retention as an operator meets it: what is over, what is refused, and an archive that is opened elsewhere.

use age::secrecy::ExposeSecret;
use hilum_tests::engine::Engine;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs;
use std::fs;
use std::io::Write;
use std::path::Path;

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn records_stay_for_their_years() {
    let site = Site::new(Store::Sqlite);
    let engine = site.serve();
    let due = site.verb(&["audit", "archive"]);
    assert!(due.code == Some(0) && due.stdout.contains("none of them in the log for 7 years"));
    assert_eq!(site.verb(&["audit", "archive", "--execute"]).code, Some(64), "without a reason");
    let nothing = site.verb(&["audit", "archive", "--execute", "-m", "tidying up"]);
    assert!(nothing.code == Some(0) && nothing.stdout.contains("nothing is over"), "{nothing:?}");
    engine.stop();

    // Six years are the least, unless somebody says otherwise in writing; the environment overrules the file.
    let years = |years: &str| {
        let mut command = verbs::hilum();
        command.env("AUDIT_RETENTION_YEARS", years);
        Engine::start(command, &site)
    };
    for too_few in ["5", "0", "many"] {
        let refused = years(too_few).err().expect("refused");
        assert_eq!(refused.status.code(), Some(78), "{refused}");
    }
    assert!(years("5").err().expect("refused").said.contains("C0416"));
    let engine = years("6").expect("it starts");
    assert!(site.verb(&["audit", "archive"]).stdout.contains("for 6 years"));
    engine.stop();
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}[server]\nacknowledge = [\"short-audit\"]\n"));
    years("5").expect("it was accepted in writing").stop();
    site.write(
        "server.toml",
        &format!("{server}[audit]\narchive = {{ recipients = [\"age1x\"] }}\n"),
    );
    let check = verbs::local(&["check", &shown(site.folder())]);
    assert!(check.code == Some(1) && check.stdout.contains("not a public key of age"), "{check:?}");
}

/// A bundle that is packed and sealed as the engine does it opens with its key, and with no other.
#[test]
fn an_archive_opens_with_its_key() {
    let site = Site::new(Store::Sqlite);
    let engine = site.serve();
    let bundle = site.verb(&["audit", "export", "--format", "bundle"]).stdout;
    let keyring = site.path("keyring");
    fs::write(&keyring, site.verb(&["audit", "keyring"]).stdout).unwrap();
    engine.stop();
    let (own, other) = (age::x25519::Identity::generate(), age::x25519::Identity::generate());
    let sealed =
        age::Encryptor::with_recipients([&own.to_public() as &dyn age::Recipient].into_iter());
    let archive = site.path("audit.jsonl.zst.age");
    let mut writer = sealed.unwrap().wrap_output(fs::File::create(&archive).unwrap()).unwrap();
    writer.write_all(&zstd::encode_all(bundle.as_bytes(), 3).unwrap()).unwrap();
    writer.finish().unwrap();
    let verify = |key: &age::x25519::Identity| {
        let file = site.path("reader.key");
        fs::write(&file, key.to_string().expose_secret()).unwrap();
        let (archive, file, keyring) = (shown(&archive), shown(&file), shown(&keyring));
        let opened = ["--identity", &file, "--keyring", &keyring];
        verbs::local(&[&["audit", "verify", "--bundle", &archive][..], &opened].concat())
    };
    let whole = verify(&own);
    assert!(whole.code == Some(0) && whole.stdout.starts_with("whole: "), "{whole:?}");
    assert_eq!(verify(&other).code, Some(2));
}
