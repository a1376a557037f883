use crate::openssl::Openssl;
use auth::ca::{
    CaError, Certificate, KeyKind, LEAF_DAYS, LeafOrder, NewRoot, Request, Revocations, Signer, pem,
};
use config::Name;

const DAY_US: i64 = 86_400_000_000;

fn now_us() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_micros()).unwrap()
}

struct Ca {
    root: Certificate,
    signer: Signer,
    openssl: Openssl,
}

fn ca() -> Ca {
    let NewRoot { certificate, private_key } = NewRoot::make(1, now_us()).unwrap();
    let openssl = Openssl::new();
    openssl.put("root.pem", &pem("CERTIFICATE", &certificate.der));
    let signer = Signer::open(&certificate.der, &private_key).unwrap();
    Ca { root: certificate, signer, openssl }
}

fn order(server: bool, client: bool, names: &[&str]) -> LeafOrder {
    LeafOrder {
        name: Name::new("lab").unwrap(),
        server,
        client,
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
    }
}

impl Ca {
    fn issue(&self, order: &LeafOrder, kind: KeyKind, serial: [u8; 16]) -> Certificate {
        let request = Request::make(kind).unwrap();
        self.openssl.put("leaf.key", request.key_pem.expose_secret());
        let leaf = self.signer.sign(order, &request.request_pem, serial, now_us()).unwrap();
        self.openssl.put("leaf.pem", &pem("CERTIFICATE", &leaf.der));
        leaf
    }
}

const SERIAL: [u8; 16] = [0x41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0];

#[test]
fn a_root_is_what_openssl_takes_for_one() {
    let ca = ca();
    let text = ca.openssl.says("x509 -in root.pem -noout -text");
    for part in ["ED25519", "CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "Hilum CA 1 "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("X509v3 Basic Constraints: critical"), "{text}");
    assert!(text.contains("X509v3 Key Usage: critical"), "{text}");
    ca.openssl.says("verify -x509_strict -CAfile root.pem root.pem");
    assert_eq!((ca.root.until_us - ca.root.from_us) / DAY_US, 3_652);
    assert!(ca.root.is_authority);
    assert_ne!(ca.root.subject, self::ca().root.subject, "no two roots share a subject");
}

#[test]
fn a_leaf_is_for_exactly_what_it_was_ordered_for() {
    let ca = ca();
    for (server, client) in [(true, false), (false, true), (true, true)] {
        let leaf = ca.issue(
            &order(server, client, &["lab.example", "10.1.2.3", "ip:2001:db8::7"]),
            KeyKind::P256,
            SERIAL,
        );
        let text = ca.openssl.says("x509 -in leaf.pem -noout -text");
        let usage = match (server, client) {
            (true, true) => "TLS Web Server Authentication, TLS Web Client Authentication",
            (true, false) => "TLS Web Server Authentication\n",
            _ => "TLS Web Client Authentication\n",
        };
        for part in [
            usage,
            "CA:FALSE",
            "Digital Signature\n",
            "DNS:lab.example, IP Address:10.1.2.3, IP Address:2001:DB8:0:0:0:0:0:7, URI:urn:hilum:peer:lab",
            "prime256v1",
            "41:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:00",
            "CN = lab",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for (purpose, good) in [("sslserver", server), ("sslclient", client)] {
            let (verified, said) = ca
                .openssl
                .run(&format!("verify -x509_strict -CAfile root.pem -purpose {purpose} leaf.pem"));
            assert_eq!(verified, good, "{purpose}: {said}");
        }
        assert_eq!((leaf.until_us - now_us() + DAY_US / 2) / DAY_US, LEAF_DAYS);
        assert_eq!(leaf.serial, SERIAL);
        assert!(!leaf.is_authority);
    }
    let host = ca.openssl.run("verify -CAfile root.pem -verify_hostname other.example leaf.pem");
    assert!(!host.0, "{}", host.1);
    ca.openssl.says("verify -CAfile root.pem -verify_hostname lab.example leaf.pem");
    ca.openssl.says("verify -CAfile root.pem -verify_ip 10.1.2.3 leaf.pem");
}

#[test]
fn a_leaf_may_have_another_kind_of_key() {
    let ca = ca();
    let leaf = ca.issue(&order(false, true, &[]), KeyKind::Ed25519, SERIAL);
    assert_eq!((leaf.key.as_str(), ca.root.key.as_str()), ("Ed25519", "Ed25519"));
    ca.openssl.says("verify -x509_strict -CAfile root.pem leaf.pem");
    let public = ca.openssl.says("pkey -in leaf.key -pubout");
    assert_eq!(public.trim(), ca.openssl.says("x509 -in leaf.pem -noout -pubkey").trim());
    let p256 = ca.issue(&order(false, true, &[]), KeyKind::P256, SERIAL);
    assert_eq!(p256.key, "P-256");
}

#[test]
fn a_request_gives_its_key_and_nothing_else() {
    let ca = ca();
    ca.openssl.says(
        "req -new -newkey rsa:2048 -nodes -keyout own.key -out own.csr -subj /CN=somebody \
         -addext basicConstraints=critical,CA:TRUE -addext subjectAltName=DNS:evil.example",
    );
    let request = ca.openssl.read("own.csr");
    let leaf = ca.signer.sign(&order(false, true, &[]), &request, SERIAL, now_us()).unwrap();
    assert_eq!((leaf.subject.as_str(), leaf.key.as_str()), ("CN=lab", "RSA 2048"));
    assert_eq!((leaf.names, leaf.is_authority), (vec!["uri:urn:hilum:peer:lab".to_owned()], false));
    ca.openssl.put("leaf.pem", &pem("CERTIFICATE", &leaf.der));
    ca.openssl.says("verify -x509_strict -CAfile root.pem leaf.pem");
    let spki = ca.openssl.says("pkey -in own.key -pubout -outform DER -out own.der");
    assert!(spki.is_empty(), "{spki}");
    let digest = ca.openssl.says("dgst -sha256 -r own.der");
    let digits: String = leaf.spki.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(digest.starts_with(&digits), "{digest} {digits}");
    // A request whose signature is not by its own key was made by somebody who does not hold the key.
    let mut der = rustls_pki_types::CertificateSigningRequestDer::from(
        <rustls_pki_types::CertificateSigningRequestDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(request.as_bytes()).unwrap().to_vec(),
    ).to_vec();
    *der.last_mut().unwrap() ^= 1;
    let forged = pem("CERTIFICATE REQUEST", &der);
    let signed = ca.signer.sign(&order(false, true, &[]), &forged, SERIAL, now_us());
    assert_eq!(signed.unwrap_err(), CaError::Request);
}

#[test]
fn what_makes_no_sense_is_not_signed() {
    let ca = ca();
    let request = Request::make(KeyKind::P256).unwrap().request_pem;
    let sign = |order: &LeafOrder, request: &str, now: i64| {
        ca.signer.sign(order, request, SERIAL, now).unwrap_err()
    };
    assert_eq!(sign(&order(false, false, &[]), &request, now_us()), CaError::NoUse);
    assert_eq!(sign(&order(true, false, &[]), &request, now_us()), CaError::NoName);
    let late = ca.root.until_us - 10 * DAY_US;
    assert_eq!(sign(&order(false, true, &[]), &request, late), CaError::RootEnds);
    assert!(matches!(sign(&order(false, true, &[]), "no request", now_us()), CaError::Missing(_)));
    let other = NewRoot::make(2, now_us()).unwrap();
    let joined = Signer::open(&ca.root.der, &other.private_key);
    assert!(joined.is_err(), "a root signs with its own key");
    for bad in ["", "*.example", "a b", "ip:10.1.2", "dns:10.1.2.3.4.5.", "-x"] {
        assert!(bad.parse::<auth::ca::SubjectName>().is_err(), "{bad}");
    }
}

#[test]
fn a_revoked_leaf_is_on_the_list() {
    let ca = ca();
    ca.issue(&order(false, true, &[]), KeyKind::P256, SERIAL);
    let verify = "verify -crl_check -CAfile root.pem -CRLfile list.pem leaf.pem";
    for (number, revoked) in [(1, vec![]), (2, vec![(SERIAL, now_us())])] {
        let der = ca.signer.list(&revoked, number, now_us()).unwrap();
        ca.openssl.put("list.pem", &pem("X509 CRL", &der));
        let (good, said) = ca.openssl.run(verify);
        assert_eq!(good, revoked.is_empty(), "{said}");
        let text = ca.openssl.says("crl -in list.pem -noout -text");
        assert!(text.contains(&format!("X509v3 CRL Number: \n                {number}")), "{text}");
        let list = Revocations::read(&der).unwrap();
        assert_eq!((list.holds(&SERIAL), list.count()), (!revoked.is_empty(), revoked.len()));
        let days = (list.until_us.unwrap() - now_us() + DAY_US / 2) / DAY_US;
        assert_eq!(days, 7);
    }
}
