//! OpenSSL as somebody who must agree.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder for files that OpenSSL reads and writes.
pub struct Openssl {
    pub folder: tempfile::TempDir,
}

impl Openssl {
    pub fn new() -> Openssl {
        Openssl { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// Whether it succeeds, and what it says.
    pub fn run(&self, arguments: &str) -> (bool, String) {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is installed");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// What it says when it must succeed.
    pub fn says(&self, arguments: &str) -> String {
        let (done, said) = self.run(arguments);
        assert!(done, "openssl {arguments}: {said}");
        said
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// An authority of somebody else: `NAME.pem`, `NAME.key`, and its database for `openssl ca`.
    pub fn authority(&self, name: &str) -> String {
        self.says(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem -days 365 -subj /CN={name} \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        self.put(&format!("{name}.index"), "");
        self.put(&format!("{name}.number"), "01\n");
        self.put(
            &format!("{name}.cnf"),
            &format!("[ca]\ndefault_ca = it\n[it]\ndatabase = {name}.index\ncrlnumber = {name}.number\ndefault_md = sha256\n"),
        );
        self.read(&format!("{name}.pem"))
    }

    /// The authority's revocation list, good for so many hours.
    pub fn list(&self, name: &str, hours: u32) -> PathBuf {
        self.says(&format!(
            "ca -gencrl -config {name}.cnf -cert {name}.pem -keyfile {name}.key -crlhours {hours} -out {name}.crl"
        ));
        self.path(&format!("{name}.crl"))
    }

    /// A certificate of that authority for a client: its PEM.
    pub fn client(&self, authority: &str, name: &str) -> String {
        self.says(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        self.put("client.ext", "extendedKeyUsage=clientAuth\n");
        self.says(&format!(
            "x509 -req -in {name}.csr -CA {authority}.pem -CAkey {authority}.key -CAcreateserial -days 30 -extfile client.ext -out {name}.pem"
        ));
        self.read(&format!("{name}.pem"))
    }
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).unwrap().mode() & 0o777
}
