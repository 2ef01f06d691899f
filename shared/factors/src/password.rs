//! Passwords: which are good enough, and how they are kept.
//!
//! What is asked of a password is what NIST SP 800-63B-4 (section 3.1.1) asks for: a length, that it is none of the usual ones, and
//! nothing of a form ("a digit, a capital").

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use rookery_domain::password::{Password, PasswordHash, PasswordLength};
use rookery_domain::text::{Email, ParseError};
use unicode_normalization::UnicodeNormalization as _;
use zxcvbn::{Score, zxcvbn};

/// What Argon2id costs: memory in KiB, passes and lanes. The first choice of OWASP's Password Storage Cheat Sheet with 19 MiB. Hashes of
/// another cost are made anew when their owners log in.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Whom a password is for, and so what it must not be made of.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The person's mail address.
    pub email: &'a Email,
    /// Names that strangers know too: the person's, the tenant's.
    pub names: &'a [&'a str],
}

/// Whether a password is good enough for somebody. Says what is wrong with it otherwise, and never how it could be guessed.
pub fn check(password: &Password, shortest: PasswordLength, about: About<'_>) -> Result<(), ParseError> {
    let text = password.reveal();
    if text.chars().count() < usize::from(shortest.characters()) {
        return Err(shortest.fault());
    }
    let known = known(about);
    if is_made_of(text, &known) {
        return Err(ParseError::new("is made of the mail address or of names"));
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if zxcvbn(text, &known).score() < Score::Three {
        return Err(ParseError::new(
            "is easy to guess: it is one of the usual ones, or made of names, dates or patterns",
        ));
    }
    Ok(())
}

/// What strangers would try first: the address, its parts, the names and their words.
fn known(about: About<'_>) -> Vec<String> {
    let address = about.email.as_str();
    let parts = address.split(['@', '.', '+', '-', '_']);
    let words = about.names.iter().flat_map(|name| name.split(|c: char| !c.is_alphanumeric()));
    let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
    let whole: Vec<&str> = [address, local].into_iter().chain(about.names.iter().copied()).collect();
    // "Flying Circus" is tried as "flyingcircus", too.
    let joined = whole.iter().map(|name| name.chars().filter(|c| c.is_alphanumeric()).collect());
    let parts = whole.iter().copied().chain(parts).chain(words).map(str::to_owned);
    parts.chain(joined).filter(|part: &String| part.chars().count() > 2).collect()
}

/// Whether little is left of a password without what strangers know, whatever stands between.
fn is_made_of(text: &str, known: &[String]) -> bool {
    let whole = fold(text);
    let mut parts: Vec<String> = known.iter().map(|part| fold(part)).filter(|part| part.len() > 2).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let rest = parts.iter().fold(whole.clone(), |rest, part| rest.replace(part.as_str(), ""));
    rest.len() < whole.len() && rest.chars().count() < 4
}

fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// Hashing failed, which it does for want of memory only.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

impl HashError {
    fn of(fault: impl std::fmt::Display) -> Self {
        Self(fault.to_string())
    }
}

/// What Argon2id fills, kept from one password to the next: a function looks at one at a time, and taken anew each time it would be held
/// twice until the system has the first one back.
static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Argon2 itself.
fn derive(
    (algorithm, version, params): (Algorithm, Version, Params),
    password: &Password,
    salt: &[u8],
    output: &mut [u8],
) -> Result<(), HashError> {
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new(algorithm, version, params);
    let password = password.reveal().as_bytes();
    argon2
        .hash_password_into_with_memory(password, salt, output, memory.as_mut_slice())
        .map_err(HashError::of)
}

/// The hash that is kept of a password.
pub fn hash(password: &Password, salt: &[u8; 16]) -> Result<PasswordHash, HashError> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(HashError::of)?;
    let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    derive((algorithm, version, params.clone()), password, salt, &mut output)?;
    let phc = Phc {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(&params).map_err(HashError::of)?,
        salt: Some(Salt::new(salt).map_err(HashError::of)?),
        hash: Some(Output::new(&output).map_err(HashError::of)?),
    };
    Ok(PasswordHash::new(phc.to_string()))
}

/// Whether a password has this hash. What is no hash is nobody's.
fn fits(password: &Password, known: &Phc) -> bool {
    let algorithm = Algorithm::try_from(known.algorithm.as_str());
    let version = Version::try_from(known.version.unwrap_or_default());
    let (Ok(algorithm), Ok(version), Ok(params)) = (algorithm, version, Params::try_from(known)) else {
        return false;
    };
    let (Some(salt), Some(expected)) = (&known.salt, &known.hash) else { return false };
    let mut output = vec![0; expected.len()];
    derive((algorithm, version, params), password, salt, &mut output).is_ok()
        && verify_slices_are_equal(&output, expected.as_ref()).is_ok()
}

/// What came of comparing a password with what is known of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one, or none is known.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, and its hash has another cost than is asked today: it is to be hashed again.
    RightButAged,
}

impl Verdict {
    /// Whether it is the one.
    pub const fn is_right(self) -> bool {
        !matches!(self, Self::Wrong)
    }
}

/// The hash of a password that nobody has, of today's cost: looking at it takes the work that looking at a real one does.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cm9va2VyeS1ub2JvZHkA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Compares a password with the hash of somebody's, or, where there is nobody, with one that nothing fits, at the same cost.
pub fn verify(password: &Password, known: Option<&PasswordHash>) -> Verdict {
    let Ok(parsed) = Phc::new(known.map_or(NOBODYS, PasswordHash::as_str)) else { return Verdict::Wrong };
    let right = fits(password, &parsed);
    match known {
        Some(_) if right && is_of_todays_cost(&parsed) => Verdict::Right,
        Some(_) if right => Verdict::RightButAged,
        _ => Verdict::Wrong,
    }
}

fn is_of_todays_cost(hash: &Phc) -> bool {
    let (memory, passes, lanes) = COST;
    let cost = Params::try_from(hash).map(|params| (params.m_cost(), params.t_cost(), params.p_cost()));
    hash.algorithm.as_str() == "argon2id" && cost.is_ok_and(|cost| cost == (memory, passes, lanes))
}

/// Whether a password is one of those that somebody had before.
pub fn was_had<'a>(password: &Password, earlier: impl IntoIterator<Item = &'a PasswordHash>) -> bool {
    earlier.into_iter().any(|hash| verify(password, Some(hash)).is_right())
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::{PasswordHasher as _, PasswordVerifier as _};
    use proptest::prelude::*;

    fn password(text: &str) -> Password {
        Password::presented(text.to_owned()).unwrap()
    }

    fn judged(text: &str) -> Result<(), ParseError> {
        let email = "grace.hopper+ci@navy.example".parse().unwrap();
        let about = About { email: &email, names: &["Grace Hopper", "Flying Circus", "flying-circus"] };
        check(&password(text), PasswordLength::default(), about)
    }

    #[test]
    fn the_usual_ones_are_refused() {
        for usual in [
            "password",
            "12345678",
            "123456789",
            "qwertyuiop",
            "iloveyou",
            "princess",
            "sunshine",
            "football",
            "baseball",
            "trustno1",
            "superman",
            "starwars",
            "whatever",
            "password1",
            "P@ssw0rd",
            "Passw0rd!",
            "letmein1",
            "welcome1",
            "admin123",
            "11111111",
            "abcd1234",
            "1q2w3e4r",
            "zaq12wsx",
            "q1w2e3r4",
            "monkey123",
            "dragon12",
            "computer",
            "internet",
            "michelle",
            "jennifer",
            "changeme",
            "asdfghjkl",
            "qwerty123",
            "aaaaaaaaaaaaaaaa",
            "2001-09-11",
            "correcthorse",
        ] {
            assert!(judged(usual).is_err(), "{usual:?} was accepted");
        }
    }

    #[test]
    fn what_everybody_knows_of_somebody_is_refused() {
        for known in [
            "grace.hopper+ci@navy.example",
            "GRACE.HOPPER+CI@navy.example",
            "grace.hopper+ci",
            "Grace Hopper",
            "gracehopper",
            "Grace Hopper 1906",
            "Flying Circus",
            "flying-circus",
            "flyingcircus1",
            "flying-circus-flying-circus",
            "ＦＬＹＩＮＧ ＣＩＲＣＵＳ",
        ] {
            assert!(judged(known).is_err(), "{known:?} was accepted");
        }
    }

    #[test]
    fn a_good_one_is_accepted_in_any_script_and_form() {
        for good in [
            "correct horse battery staple",
            "tulip-94-Gravel-moth",
            "vK7#qpd2!x",
            "пингвин летает ночью",
            "企鹅在夜里飞翔过海",
        ] {
            assert_eq!(judged(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_tenant_may_ask_for_more() {
        let email = "ada@example.com".parse().unwrap();
        let about = About { email: &email, names: &[] };
        let good = password("vK7#qpd2!x");
        assert_eq!(check(&good, PasswordLength::default(), about), Ok(()));
        assert!(check(&good, PasswordLength::new(14).unwrap(), about).is_err());
        for short in ["vK7#qp!", "ﬃﬃ"] {
            assert!(check(&password(short), PasswordLength::default(), about).is_err(), "{short}");
        }
    }

    #[test]
    fn the_library_reads_and_writes_the_same_hashes() {
        let known = password("tulip-94-Gravel-moth");
        let bytes = known.reveal().as_bytes();
        let own = hash(&known, &[7; 16]).unwrap();
        assert_eq!(Argon2::default().verify_password(bytes, own.as_str()), Ok(()));
        // Of other costs, one after the other in the same memory.
        for (memory, passes) in [(19 * 1024, 2), (64, 1), (32 * 1024, 1), (19 * 1024, 2)] {
            let params = Params::new(memory, passes, 1, None).unwrap();
            let argon2 = Argon2::from(params);
            let theirs = argon2.hash_password_with_salt(bytes, &[9; 16]).unwrap().to_string();
            let theirs = PasswordHash::new(theirs);
            assert!(verify(&known, Some(&theirs)).is_right());
            assert_eq!(verify(&password("tulip-94-Gravel-mot"), Some(&theirs)), Verdict::Wrong);
        }
        for broken in
            ["", "$argon2id$v=19$m=19456,t=2,p=1", "$argon2id$v=99$m=64,t=1,p=1$CQkJCQkJCQk$AAAAAAAAAAAAAAAA"]
        {
            assert_eq!(verify(&known, Some(&PasswordHash::new(broken.to_owned()))), Verdict::Wrong);
        }
    }

    #[test]
    fn a_password_is_known_by_its_hash_in_every_form_of_it() {
        let hash = hash(&password("Zoë fliegt nachts"), &[7; 16]).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(verify(&password("Zoe\u{308} fliegt nachts"), Some(&hash)), Verdict::Right);
        assert_eq!(verify(&password("Zoe fliegt nachts"), Some(&hash)), Verdict::Wrong);
        assert_eq!(verify(&password("anything"), None), Verdict::Wrong);
        assert!(was_had(&password("Zoë fliegt nachts"), [&hash]));
    }

    #[test]
    fn the_hash_of_nobody_costs_what_others_do() {
        assert!(is_of_todays_cost(&Phc::new(NOBODYS).unwrap()));
    }

    #[test]
    fn an_aged_hash_is_told_from_one_of_today() {
        let params = Params::new(8 * 1024, 1, 1, None).unwrap();
        let aged = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let aged = aged.hash_password_with_salt(b"tulip-94-Gravel", &[7; 16]).unwrap().to_string();
        let verdict = verify(&password("tulip-94-Gravel"), Some(&PasswordHash::new(aged)));
        assert_eq!(verdict, Verdict::RightButAged);
        assert_eq!(verify(&password("x"), Some(&PasswordHash::new("nonsense".into()))), Verdict::Wrong);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn judging_never_panics(text in "\\PC{1,120}") {
            let _ = judged(&text);
        }
    }
}
