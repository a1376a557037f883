//! A directory server of its own for one test: OpenLDAP with the attributes of an Active Directory, over TLS only.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};

/// Everything is below this entry.
pub const BASE: &str = "dc=test,dc=local";
/// The account that looks people up.
pub const SERVICE: &str = "cn=svc-engine,cn=Users,dc=test,dc=local";

/// An authority of the test.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What the server shows of itself.
#[derive(Debug)]
pub struct Shown {
    /// The name in its certificate.
    pub name: &'static str,
    /// Whether the certificate has expired.
    pub expired: bool,
}

impl Shown {
    /// What a server that is right shows.
    pub const RIGHT: Shown = Shown { name: "localhost", expired: false };
}

impl Default for Authority {
    fn default() -> Authority {
        Authority::new()
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A list with the one certificate that this authority signs for servers, or with none.
    pub fn list(&self, revoked: bool) -> String {
        let one = RevokedCertParams {
            serial_number: SerialNumber::from(7_u64),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2099, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: if revoked { vec![one] } else { Vec::new() },
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }

    /// Certificate and key of a server.
    pub fn server(&self, shown: &Shown) -> (String, String) {
        let mut params = CertificateParams::new(vec![shown.name.to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(7_u64));
        if shown.expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// A running server; it is stopped when it is dropped.
#[derive(Debug)]
pub struct Slapd {
    folder: tempfile::TempDir,
    /// Where it listens.
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Slapd {
    /// Starts one with a few people in it.
    pub fn start(authority: &Authority, shown: &Shown) -> Slapd {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (certificate, key) = authority.server(shown);
        fs::write(path("ca.pem"), authority.pem()).unwrap();
        fs::write(path("server.pem"), certificate).unwrap();
        fs::write(path("server.key"), key).unwrap();
        fs::write(path("ad.schema"), SCHEMA).unwrap();
        fs::create_dir(path("db")).unwrap();
        fs::write(path("slapd.conf"), configuration(folder.path())).unwrap();
        let address = free();
        let mut slapd = Slapd { folder, address, child: None };
        slapd.add_offline(PEOPLE);
        slapd.run();
        slapd
    }

    /// Adds entries while the server does not run.
    fn add_offline(&self, ldif: &str) {
        let file = self.path("seed.ldif");
        fs::write(&file, ldif).unwrap();
        let conf = self.path("slapd.conf");
        let out = Command::new("/usr/sbin/slapadd")
            .arg("-q")
            .arg("-f")
            .arg(conf)
            .arg("-l")
            .arg(file)
            .output();
        let out = out.expect("slapd is installed: `tests/run` does that");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// Starts it, and waits until it listens.
    pub fn run(&mut self) {
        let child = Command::new("/usr/sbin/slapd")
            .arg("-f")
            .arg(self.path("slapd.conf"))
            .args(["-d", "0", "-h", &format!("ldaps://{}", self.address)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("slapd is installed: `tests/run` does that");
        self.child = Some(child);
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < until, "slapd does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Changes entries of the running server, in the words of `ldapmodify`.
    pub fn modify(&self, ldif: &str) {
        let file = self.path("change.ldif");
        fs::write(&file, ldif).unwrap();
        let out = Command::new("ldapmodify")
            .env("LDAPTLS_REQCERT", "never")
            .args(["-x", "-H", &format!("ldaps://localhost:{}", self.address.port())])
            .args(["-D", &format!("cn=root,{BASE}"), "-w", "rootsecret", "-f"])
            .arg(file)
            .output()
            .expect("ldap-utils are installed: `tests/run` does that");
        assert!(out.status.success(), "{ldif}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// A file of the server's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A port that nobody listens on.
pub fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {folder}/ad.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
TLSProtocolMin 3.3
security simple_bind=128
disallow bind_anon
require authc
database mdb
suffix \"{BASE}\"
rootdn \"cn=root,{BASE}\"
rootpw rootsecret
directory {folder}/db
maxsize 10485760
index objectClass,sAMAccountName,member eq
"
    )
}

/// Attributes by their numbers in Active Directory's own schema.
const SCHEMA: &str = "attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.656 NAME 'userPrincipalName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.2 NAME 'objectGUID' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.1301 NAME 'tokenGroups' EQUALITY octetStringMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.2.840.113556.1.5.9 NAME 'user' SUP inetOrgPerson STRUCTURAL MUST ( cn $ sAMAccountName ) MAY ( userPrincipalName $ userAccountControl $ objectGUID $ tokenGroups ) )
objectclass ( 1.2.840.113556.1.3.30 NAME 'computer' SUP user STRUCTURAL )
objectclass ( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST cn MAY ( member $ description ) )
";

/// The SID of operators.
pub const OPERATORS: &str = "S-1-5-21-1-2-3-1100";
/// That of viewers.
pub const VIEWERS: &str = "S-1-5-21-1-2-3-1200";

/// A SID of this domain as its bytes in base64.
pub fn sid(number: u32) -> String {
    let mut bytes = vec![1, 5, 0, 0, 0, 0, 0, 5];
    for part in [21, 1, 2, 3, number] {
        bytes.extend(part.to_le_bytes());
    }
    data_encoding::BASE64.encode(&bytes)
}

const PEOPLE: &str = "dn: dc=test,dc=local
objectClass: domain
dc: test

dn: cn=Users,dc=test,dc=local
objectClass: organizationalRole
cn: Users

dn: cn=svc-engine,cn=Users,dc=test,dc=local
objectClass: user
cn: svc-engine
sn: svc
sAMAccountName: svc-engine
userPassword: svcsecret

dn: cn=Alice Analyst,cn=Users,dc=test,dc=local
objectClass: user
cn: Alice Analyst
sn: Analyst
uid: alice
sAMAccountName: alice
userPrincipalName: alice@test.local
userAccountControl: 512
objectGUID:: AAECAwQFBgcICQoLDA0ODw==
tokenGroups:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAATAQAAA==
userPassword: alicesecret

dn: cn=Omar Operator,cn=Users,dc=test,dc=local
objectClass: user
cn: Omar Operator
sn: Operator
uid: omar
sAMAccountName: omar
userAccountControl: 514
objectGUID:: EBESExQVFhcYGRobHB0eHw==
tokenGroups:: AQUAAAAAAAUVAAAAAQAAAAIAAAADAAAATAQAAA==
userPassword: omarsecret

dn: cn=Greta Guest,cn=Users,dc=test,dc=local
objectClass: user
cn: Greta Guest
sn: Guest
uid: greta
sAMAccountName: greta
userAccountControl: 512
objectGUID:: ICEiIyQlJicoKSorLC0uLw==
userPassword: gretasecret

dn: cn=one,cn=Users,dc=test,dc=local
objectClass: group
cn: one
member: cn=Alice Analyst,cn=Users,dc=test,dc=local

dn: cn=two,cn=Users,dc=test,dc=local
objectClass: group
cn: two
member: cn=one,cn=Users,dc=test,dc=local
member: cn=five,cn=Users,dc=test,dc=local

dn: cn=three,cn=Users,dc=test,dc=local
objectClass: group
cn: three
member: cn=two,cn=Users,dc=test,dc=local

dn: cn=four,cn=Users,dc=test,dc=local
objectClass: group
cn: four
member: cn=three,cn=Users,dc=test,dc=local

dn: cn=five,cn=Users,dc=test,dc=local
objectClass: group
cn: five
member: cn=four,cn=Users,dc=test,dc=local
";
