//! The two ceremonies, with a software authenticator and with everything that may be wrong with one.

use super::*;
use crate::cose::tests::{Pair, byte_string, head};
use proptest::prelude::*;

const ID: [u8; 20] = [7; 20];

fn rp() -> RelyingParty {
    RelyingParty::of("https://login.example.com/some/stage").unwrap()
}

fn client_data(kind: &str, origin: &str, more: &str) -> Octets {
    let challenge = Octets::from(vec![9; CHALLENGE]);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into_bytes().into()
}

fn client(kind: &str) -> ClientData {
    ClientData::read(&client_data(kind, &rp().origin, r#","crossOrigin":false"#)).unwrap()
}

fn text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

/// What an authenticator says, with what it says of a passkey that was made.
fn data(rp: &str, flags: u8, counter: u32, attested: &[u8]) -> Vec<u8> {
    [Sha256::of(rp.as_bytes()).as_bytes().as_slice(), &[flags], &counter.to_be_bytes(), attested].concat()
}

fn made(id: &[u8], cose: &[u8]) -> Vec<u8> {
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    [[0; 16].as_slice(), &length, id, cose].concat()
}

fn object(format: &str, statement: &[u8], data: &[u8]) -> Octets {
    let members =
        [text("fmt"), text(format), text("attStmt"), statement.to_vec(), text("authData"), byte_string(data)];
    [vec![0xa3], members.concat()].concat().into()
}

const NOTHING: [u8; 1] = [0xa0];
const MADE: u8 = USER_PRESENT | ATTESTED;

fn registering(data: &[u8]) -> Result<Registered, Fault> {
    registered(&rp(), &client("webauthn.create"), &object("none", &NOTHING, data))
}

#[test]
fn a_relying_party_is_a_host_and_its_origin() {
    for (base, id, origin) in [
        ("https://id.example.com", "id.example.com", "https://id.example.com"),
        ("https://ID.example.com:443/v1/", "id.example.com", "https://id.example.com"),
        ("http://127.0.0.1:3000", "127.0.0.1", "http://127.0.0.1:3000"),
    ] {
        let expected = RelyingParty { id: id.to_owned(), origin: origin.to_owned() };
        assert_eq!(RelyingParty::of(base), Some(expected));
    }
    for nonsense in ["", "id.example.com", "ftp://id.example.com", "/v1", "https://"] {
        assert_eq!(RelyingParty::of(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_passkey_is_made_and_used_with_each_algorithm() {
    for pair in Pair::all() {
        let (cose, flags) = (pair.cose(), MADE | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP);
        let made = registering(&data(&rp().id, flags, 0, &made(&ID, &cose))).unwrap();
        assert_eq!((made.credential.as_bytes(), made.key.as_bytes()), (ID.as_slice(), cose.as_slice()));
        let standing = Standing { counter: 0, synced: true, backed_up: true };
        assert_eq!(made.standing, standing);

        let (client, said) = (client("webauthn.get"), data(&rp().id, USER_PRESENT | USER_VERIFIED, 7, &[]));
        let signature: Octets = pair.sign(&[said.as_slice(), client.digest.as_bytes()].concat()).into();
        let said = Octets::from(said);
        let look = |said: &Octets, signature: &Octets| {
            used(&rp(), &client, &made.key, (said, signature), Verification::Required)
        };
        let expected = Standing { counter: 7, synced: false, backed_up: false };
        assert_eq!(look(&said, &signature), Ok(expected));
        let mut other = said.as_bytes().to_vec();
        other[36] ^= 1;
        assert_eq!(look(&other.into(), &signature), Err(Fault::Signature));
        let mut other = signature.as_bytes().to_vec();
        other[9] ^= 1;
        assert_eq!(look(&said, &other.into()), Err(Fault::Signature));
        assert_eq!(look(&said, &Vec::new().into()), Err(Fault::Signature));
    }
}

#[test]
fn what_a_browser_says_is_of_this_ceremony_and_this_page() {
    let pair = Pair::ed();
    let data = object("none", &NOTHING, &data(&rp().id, MADE, 0, &made(&ID, &pair.cose())));
    let look = |kind: &str, origin: &str, more: &str| {
        let client = ClientData::read(&client_data(kind, origin, more))?;
        registered(&rp(), &client, &data).map(|_| ())
    };
    let (create, own) = ("webauthn.create", rp().origin);
    assert_eq!(look(create, &own, ""), Ok(()));
    assert_eq!(
        look(create, &own, r#","tokenBinding":{"status":"supported"},"other_keys":"may be added""#),
        Ok(())
    );
    for (kind, origin, more, fault) in [
        ("webauthn.get", own.as_str(), "", Fault::Kind),
        ("payment.get", &own, "", Fault::Kind),
        (create, "https://login.example.com.evil.example", "", Fault::Origin),
        (create, "https://evil.login.example.com", "", Fault::Origin),
        (create, "http://login.example.com", "", Fault::Origin),
        (create, "https://login.example.com:8443", "", Fault::Origin),
        (create, "https://login.example.com/", "", Fault::Origin),
        (create, "", "", Fault::Origin),
        (create, &own, r#","crossOrigin":true"#, Fault::Origin),
        (create, &own, r#","topOrigin":"https://evil.example""#, Fault::Origin),
        (create, &own, r#","crossOrigin":"no""#, Fault::Malformed),
        (create, &own, r#","type":"webauthn.create""#, Fault::Malformed),
    ] {
        assert_eq!(look(kind, origin, more), Err(fault), "{kind} {origin} {more}");
    }
    for (said, fault) in [
        (String::new(), Fault::Malformed),
        ("[]".to_owned(), Fault::Malformed),
        (format!("{}1{}", "[".repeat(4000), "]".repeat(4000)), Fault::Malformed),
        (r#"{"type":"webauthn.create","challenge":"AAAA","origin":"x"}"#.to_owned(), Fault::Challenge),
        (
            format!(r#"{{"type":"webauthn.create","challenge":"{}","origin":"x"}}"#, "A".repeat(9000)),
            Fault::Malformed,
        ),
    ] {
        assert_eq!(ClientData::read(&said.into_bytes().into()).err(), Some(fault));
    }
}

#[test]
fn what_an_authenticator_says_is_for_us_and_complete() {
    let pair = Pair::ed();
    let (cose, own) = (pair.cose(), rp().id);
    let whole = data(&own, MADE, 0, &made(&ID, &cose));
    assert!(registering(&whole).is_ok());
    let extended = data(
        &own,
        MADE | EXTENDED,
        0,
        &[made(&ID, &cose), vec![0xa1], text("credProtect"), vec![2]].concat(),
    );
    assert!(registering(&extended).is_ok());
    let other = |flags: u8, attested: Vec<u8>| data(&own, flags, 0, &attested);
    for (what, data, fault) in [
        ("another host", data("example.com", MADE, 0, &made(&ID, &cose)), Fault::RelyingParty),
        ("nobody there", other(ATTESTED, made(&ID, &cose)), Fault::Absent),
        ("no passkey", other(USER_PRESENT, Vec::new()), Fault::Malformed),
        ("a passkey where none was made", other(USER_PRESENT, made(&ID, &cose)), Fault::Malformed),
        ("a copy that cannot be", other(MADE | BACKED_UP, made(&ID, &cose)), Fault::Backup),
        ("a short id", other(MADE, made(&[7; 15], &cose)), Fault::CredentialId),
        ("a long id", other(MADE, made(&[7; 1024], &cose)), Fault::CredentialId),
        ("no key", other(MADE, made(&ID, &[0xa0])), Fault::Key),
        ("half a key", other(MADE, made(&ID, &cose[..20])), Fault::Malformed),
        ("something behind it", [whole.clone(), vec![0]].concat(), Fault::Malformed),
        ("extensions that are none", other(MADE | EXTENDED, made(&ID, &cose)), Fault::Malformed),
        (
            "extensions that are no map",
            other(MADE | EXTENDED, [made(&ID, &cose), vec![0]].concat()),
            Fault::Malformed,
        ),
        ("nothing", Vec::new(), Fault::Malformed),
        ("too little", whole[..36].to_vec(), Fault::Malformed),
    ] {
        assert_eq!(registering(&data), Err(fault), "{what}");
    }
    let client = client("webauthn.create");
    for nonsense in [vec![], vec![0xa0], vec![0x81; 30_000], vec![0xbf; 9]] {
        assert_eq!(registered(&rp(), &client, &nonsense.into()), Err(Fault::Malformed));
    }
}

#[test]
fn an_attestation_is_nothing_or_signed_by_the_passkey_or_not_looked_at() {
    for (pair, algorithm) in Pair::all().iter().zip([vec![0x26], vec![0x27], vec![0x39, 1, 0]]) {
        let (client, data) = (client("webauthn.create"), data(&rp().id, MADE, 0, &made(&ID, &pair.cose())));
        let signature = pair.sign(&[data.as_slice(), client.digest.as_bytes()].concat());
        let statement = |algorithm: &[u8], signature: &[u8]| {
            [vec![0xa2], text("alg"), algorithm.to_vec(), text("sig"), byte_string(signature)].concat()
        };
        let look = |format: &str, statement: &[u8]| {
            registered(&rp(), &client, &object(format, statement, &data)).err()
        };
        assert_eq!(look("packed", &statement(&algorithm, &signature)), None);
        assert_eq!(look("packed", &statement(&algorithm, &signature[1..])), Some(Fault::Attestation));
        assert_eq!(look("packed", &statement(&[0x28], &signature)), Some(Fault::Attestation));
        assert_eq!(look("packed", &NOTHING), Some(Fault::Attestation));
        assert_eq!(look("none", &statement(&algorithm, &signature)), Some(Fault::Attestation));
        assert_eq!(look("none", &[0x80]), Some(Fault::Malformed));
        assert_eq!(look("tpm", &statement(&algorithm, &[])), None);
        let chain = [vec![0xa1], text("x5c"), vec![0x81], byte_string(&[1, 2, 3])].concat();
        assert_eq!(look("packed", &chain), None);
    }
}

#[test]
fn whoever_shows_a_passkey_alone_was_seen() {
    let pair = Pair::ed();
    let (client, key) = (client("webauthn.get"), Octets::from(pair.cose()));
    let look = |flags: u8, verification| {
        let said = data(&rp().id, flags, 7, &[]);
        let signature = pair.sign(&[said.as_slice(), client.digest.as_bytes()].concat());
        used(&rp(), &client, &key, (&said.into(), &signature.into()), verification).err()
    };
    assert_eq!(look(USER_PRESENT, Verification::Preferred), None);
    assert_eq!(look(USER_PRESENT, Verification::Required), Some(Fault::NotVerified));
    assert_eq!(look(USER_VERIFIED, Verification::Required), Some(Fault::Absent));
    assert_eq!(look(USER_PRESENT | USER_VERIFIED, Verification::Required), None);
}

proptest! {
    #[test]
    fn looking_never_panics(bytes: Vec<u8>, json in "\\PC{0,200}", at in 0_usize..200, byte: u8) {
        let octets = Octets::from(bytes.clone());
        let _ = ClientData::read(&json.into_bytes().into());
        let _ = registered(&rp(), &client("webauthn.create"), &octets);
        let _ = registering(&bytes);
        let seen = Verification::Preferred;
        let _ = used(&rp(), &client("webauthn.get"), &octets, (&octets, &octets), seen);
        let pair = Pair::ed();
        let mut spoiled = object("none", &NOTHING, &data(&rp().id, MADE, 0, &made(&ID, &pair.cose()))).as_bytes().to_vec();
        let at = at % spoiled.len();
        spoiled[at] = byte;
        let _ = registered(&rp(), &client("webauthn.create"), &spoiled.into());
    }
}
