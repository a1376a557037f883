//! OpenSSL as the other end: an authority that is not ours, and a sender over mutual TLS.

use crate::wait;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder in which OpenSSL keeps an authority and makes certificates.
pub struct Openssl {
    folder: TempDir,
}

/// A certificate with its key, in files.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, in PEM.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Identity {
    /// What `hilum ca issue` has written to a folder.
    pub fn in_folder(folder: &Path) -> Identity {
        Identity { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// The SHA-256 of its public key info, as `hilum peer add --spki` takes it.
    pub fn spki(&self) -> String {
        let der = self.key.with_extension("spki");
        run(
            Path::new("/"),
            &["pkey", "-in", text(&self.key), "-pubout", "-outform", "DER", "-out", text(&der)],
        );
        let said = run(Path::new("/"), &["dgst", "-sha256", "-r", text(&der)]);
        said.split(' ').next().unwrap().to_owned()
    }
}

impl Openssl {
    /// An authority of this name: `NAME.pem` in the folder.
    pub fn authority(name: &str) -> Openssl {
        let folder = tempfile::Builder::new().prefix("hilum-ca.").tempdir().unwrap();
        let made = Openssl { folder };
        made.write("index", "");
        made.write("number", "01\n");
        made.write(
            "cnf",
            "[ca]\ndefault_ca = it\n[it]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\nrand_serial = yes\nnew_certs_dir = .\n\
             unique_subject = no\npolicy = any\n[any]\ncommonName = supplied\n",
        );
        made.says(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 365 -subj /CN={name} \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
        ));
        made
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// What it says; it must succeed.
    pub fn says(&self, arguments: &str) -> String {
        run(self.folder.path(), &arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// A certificate of the authority: from and to as `20260101000000Z`, for the use that is named.
    pub fn issue(&self, name: &str, (from, to): (&str, &str), usage: &str) -> Identity {
        let file = format!("{name}-{}", std::fs::read_dir(self.folder.path()).unwrap().count());
        self.says(&format!(
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {file}.key -out {file}.csr -subj /CN={name}"
        ));
        self.write("ext", &format!("extendedKeyUsage={usage}\n"));
        self.says(&format!(
            "ca -batch -notext -config cnf -cert ca.pem -keyfile ca.key -in {file}.csr -out {file}.pem -startdate {from} -enddate {to} -extfile ext"
        ));
        Identity { cert: self.path(&format!("{file}.pem")), key: self.path(&format!("{file}.key")) }
    }

    /// A certificate that is signed by its own key and says that it is of this name.
    pub fn self_signed(&self, name: &str) -> Identity {
        self.says(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout self.key -out self.pem -days 30 -subj /CN={name} \
             -addext extendedKeyUsage=clientAuth"
        ));
        Identity { cert: self.path("self.pem"), key: self.path("self.key") }
    }

    /// Puts a certificate on the list.
    pub fn revoke(&self, identity: &Identity) {
        self.says(&format!(
            "ca -config cnf -cert ca.pem -keyfile ca.key -revoke {}",
            identity.cert.display()
        ));
    }

    /// Writes the revocation list, good from and to; it gets its name as a whole.
    pub fn list(&self, from: &str, to: &str) -> PathBuf {
        self.says(&format!(
            "ca -gencrl -config cnf -cert ca.pem -keyfile ca.key -crl_lastupdate {from} -crl_nextupdate {to} -out new.crl"
        ));
        std::fs::rename(self.path("new.crl"), self.path("ca.crl")).unwrap();
        self.path("ca.crl")
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
    said
}

/// A certificate verified by OpenSSL against an authority, for a use such as `sslclient`.
pub fn verifies(authority: &Path, certificate: &Path, purpose: &str) -> bool {
    let arguments = [
        "verify",
        "-x509_strict",
        "-CAfile",
        text(authority),
        "-purpose",
        purpose,
        text(certificate),
    ];
    Command::new("openssl").args(arguments).output().unwrap().status.success()
}

/// What came back, whether it has ended, and a bell for both.
type Heard = (Mutex<(Vec<u8>, bool)>, Condvar);

/// A sender over TLS: `openssl s_client`. It is killed when it is dropped.
pub struct TlsSender {
    child: Child,
    stdin: ChildStdin,
    heard: Arc<Heard>,
}

impl TlsSender {
    /// Connects, trusting this authority, and showing this certificate.
    pub fn connect(to: SocketAddr, authority: &Path, identity: Option<&Identity>) -> TlsSender {
        TlsSender::connect_with(to, authority, identity, &[])
    }

    /// With more arguments of `s_client`.
    pub fn connect_with(
        to: SocketAddr,
        authority: &Path,
        identity: Option<&Identity>,
        more: &[&str],
    ) -> TlsSender {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-verify_return_error", "-servername", "localhost"]);
        command.args(["-connect", &to.to_string(), "-CAfile", text(authority)]).args(more);
        if let Some(identity) = identity {
            command.args(["-cert", text(&identity.cert), "-key", text(&identity.key)]);
        }
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pipes.spawn().expect("openssl is installed");
        let stdin = child.stdin.take().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let heard = Arc::new((Mutex::new((Vec::new(), false)), Condvar::new()));
        let told = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = stdout.read(&mut buffer).unwrap_or(0);
                let mut heard = told.0.lock().unwrap();
                heard.0.extend_from_slice(&buffer[..read]);
                heard.1 = read == 0;
                told.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        TlsSender { child, stdin, heard }
    }

    /// Sends a message and waits for the answer; nothing when the connection ends without one.
    pub fn exchange(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let frame = [b"\x0b", message, b"\x1c\r"].concat();
        // A connection that was refused may be gone before we write.
        let _ = self.stdin.write_all(&frame).and_then(|()| self.stdin.flush());
        let end = Instant::now() + wait::PATIENCE;
        let mut heard = self.heard.0.lock().unwrap();
        loop {
            if let Some(at) = heard.0.windows(2).position(|window| window == b"\x1c\r") {
                let frame: Vec<u8> = heard.0.drain(..at + 2).collect();
                return Some(frame[1..at].to_vec());
            }
            if heard.1 {
                return None;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "neither an answer nor an end");
            heard = self.heard.1.wait_timeout(heard, left).unwrap().0;
        }
    }

    /// Whether the connection ends within this time.
    pub fn ends_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut heard = self.heard.0.lock().unwrap();
        while !heard.1 {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            heard = self.heard.1.wait_timeout(heard, left).unwrap().0;
        }
        true
    }
}

impl Drop for TlsSender {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
