//! The places of secrets, and what is refused there.

use config::site::{SecretError, Secrets};
use config::{Diagnostics, Name, Paths, Server, SiteFiles};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

fn write(folder: &Path, name: &str, value: &[u8], mode: u32) {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    std::io::Write::write_all(&mut file, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn value(secrets: &Secrets, name: &str) -> Result<String, SecretError> {
    secrets.resolve(&Name::new(name).unwrap()).map(|secret| secret.expose_secret().clone())
}

#[test]
fn a_file_in_the_data_folder_holds_the_value() {
    let data = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(data.path());
    write(&data.path().join("secrets"), "token", b"t0ken \n", 0o600);
    assert_eq!(value(&secrets, "token").unwrap(), "t0ken ");
    assert_eq!(secrets.names(), [Name::new("token").unwrap()]);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(data.path());
    for mode in [0o640, 0o604, 0o660, 0o601] {
        write(&data.path().join("secrets"), "token", b"t0ken", mode);
        let error = value(&secrets, "token").unwrap_err();
        assert_eq!(error.code(), "C0412", "{mode:o}");
        assert!(!error.to_string().contains("t0ken"));
    }
}

#[test]
fn what_cannot_be_a_secret_is_said_without_showing_it() {
    let data = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(data.path());
    for bytes in [b"".as_slice(), b"\n", b"\xff\xfe", &[b'x'; 65 * 1024]] {
        write(&data.path().join("secrets"), "token", bytes, 0o600);
        assert_eq!(value(&secrets, "token").unwrap_err().code(), "C0415");
    }
    assert_eq!(value(&secrets, "nowhere").unwrap_err().code(), "C0206");
}

#[test]
fn the_service_managers_credentials_come_first_and_the_environment_last() {
    let data = tempfile::tempdir().unwrap();
    let credentials = tempfile::tempdir().unwrap();
    write(&data.path().join("secrets"), "token", b"from data", 0o600);
    let secrets = Secrets::new(data.path()).with_credentials(credentials.path());
    assert_eq!(value(&secrets, "token").unwrap(), "from data");
    write(credentials.path(), "token", b"from credentials", 0o440);
    assert_eq!(value(&secrets, "token").unwrap(), "from credentials");

    let from_environment = secrets.with_environment(|name| {
        (name == "HILUM_SECRET_RESULTS_TOKEN").then(|| "from environment".into())
    });
    assert_eq!(value(&from_environment, "results-token").unwrap(), "from environment");
    assert_eq!(value(&from_environment, "token").unwrap(), "from credentials");
}

#[test]
fn the_store_gets_its_password_from_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("server.toml"),
        "[store]\nurl = 'postgres://hilum@127.0.0.1/hilum'\npassword = { secret = 'store' }\n",
    )
    .unwrap();
    write(&folder.path().join("data/secrets"), "store", b"pa55\n", 0o600);
    let mut diags = Diagnostics::new();
    let site = SiteFiles::read(folder.path(), &mut diags);
    let server = Server::read(&site, &Paths::new(folder.path(), None), &mut diags).unwrap();
    assert_eq!(diags.render(false), "");
    let config::StoreUrl::Postgres { password, .. } = &server.store_url else {
        panic!("a PostgreSQL store")
    };
    assert_eq!(password.as_ref().unwrap().expose_secret(), "pa55");
    assert!(!format!("{:?}", server.store_url).contains("pa55"));
}
