//! A whole site: `sites/NAME/` is read, and `sites/NAME.txt` is what is said about it.

use crate::golden::{check, data, entries};
use config::{Diagnostics, Name, Paths, Server, SiteFiles};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn read(root: &Path) -> (SiteFiles, Diagnostics) {
    let mut diags = Diagnostics::new();
    let site = SiteFiles::read(root, &mut diags);
    let server = Server::read(&site, &Paths::new(root, None), &mut diags);
    site.vars(server.as_ref().map_or("test", |server| &server.environment), &mut diags);
    site.tables(&mut diags);
    for channel in &site.channels {
        config::parse_toml(&mut diags, &channel.path, channel.text.clone());
    }
    (site, diags)
}

#[test]
fn every_problem_of_a_site_is_found_in_one_run() {
    for root in entries("sites").into_iter().filter(|path| path.is_dir()) {
        let (_, mut diags) = read(&root);
        // Paths are shown below the folder people named; a test must not depend on where the checkout lies.
        diags
            .files_mut()
            .set_root(format!("sites/{}", root.file_name().unwrap().to_str().unwrap()));
        check(&root.with_extension("txt"), &diags.render(false));
    }
}

#[test]
fn a_site_is_its_files_by_name() {
    let (site, diags) = read(&data("sites/sound"));
    assert_eq!(diags.render(false), "");
    let names = |files: &[config::SiteFile]| {
        files.iter().map(|file| file.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&site.channels), ["adt", "oru"]);
    assert_eq!(names(&site.vars), ["prod", "test"]);
    assert_eq!(names(&site.tables), ["patient_class"]);
    let mut diags = Diagnostics::new();
    let tables = site.tables(&mut diags);
    assert_eq!(tables[&Name::new("patient_class").unwrap()].get("IN"), Some("I"));
    assert!(site.vars("prod", &mut diags).get("lab_address").is_some());
    assert!(!site.vars("staging", &mut diags).exists());
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut diags = Diagnostics::new();
    SiteFiles::read(&folder.path().join("nowhere"), &mut diags);
    assert!(diags.render(false).contains("error[C0002]"), "{}", diags.render(false));

    std::fs::create_dir_all(folder.path().join("channels/adt/tests")).unwrap();
    std::fs::write(folder.path().join("channels/adt.toml"), b"a = '\xe4'").unwrap();
    std::fs::write(folder.path().join("channels/.hidden.swp"), b"").unwrap();
    std::fs::write(folder.path().join("channels/adt.toml~"), b"").unwrap();
    let mut diags = Diagnostics::new();
    let site = SiteFiles::read(folder.path(), &mut diags);
    assert!(site.channels.is_empty());
    assert_eq!(diags.error_count(), 1);
    assert!(diags.render(false).contains("error[C0003]"), "{}", diags.render(false));
}

#[test]
fn a_configuration_that_others_can_change_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &str, mode| {
        std::fs::set_permissions(folder.path().join(path), std::fs::Permissions::from_mode(mode))
            .unwrap()
    };
    std::fs::write(folder.path().join("server.toml"), "").unwrap();
    mode("", 0o700);
    mode("server.toml", 0o600);
    assert_eq!(config::site::exposures(folder.path()).unwrap(), []);
    mode("server.toml", 0o640);
    mode("", 0o701);
    let found: Vec<String> =
        config::site::exposures(folder.path()).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].contains("server.toml` has mode 0640"), "{found:?}");
}
