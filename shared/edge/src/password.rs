//! Hashing passwords and comparing them with their hashes.

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};
use rookery_domain::password::Password;

use crate::{Context, Problem};

/// Memory in KiB, passes and lanes: the first choice of OWASP's Password Storage Cheat Sheet for Argon2id with 19 MiB.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// The hash of a password that nobody has, of the present cost: whoever has no password costs as much as whoever has one.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn argon2() -> Result<Argon2<'static>, Problem> {
    let (memory, passes, lanes) = COST;
    let params =
        Params::new(memory, passes, lanes, None).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// A password's hash in the PHC string format.
pub fn hash(context: &Context, password: &Password) -> Result<String, Problem> {
    let salt: [u8; 16] = context.random();
    argon2()?
        .hash_password_with_salt(password.reveal().as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|fault| Problem::internal(fault.to_string()))
}

/// Whether a password is the one of a hash. Without a hash the answer is no, after the same work.
pub fn verify(hash: Option<&str>, password: &Password) -> Result<bool, Problem> {
    let parsed =
        PasswordHash::new(hash.unwrap_or(NOBODYS)).map_err(|fault| Problem::internal(fault.to_string()))?;
    // The parameters are those of the hash, so that hashes of another cost are still told.
    let same = argon2()?.verify_password(password.reveal().as_bytes(), &parsed).is_ok();
    Ok(same && hash.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sources;
    use rookery_store::Settings;

    #[test]
    fn a_password_is_told_by_its_hash_and_nobodys_by_none() {
        let context = Context::new(Settings::default(), Sources::system());
        let password = |text: &str| Password::presented(text.to_owned()).unwrap();
        let made = hash(&context, &password("correct horse")).unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(Some(&made), &password("correct horse")).unwrap());
        assert!(!verify(Some(&made), &password("correct horsf")).unwrap());
        assert!(!verify(None, &password("correct horse")).unwrap());
        assert!(verify(Some("nothing"), &password("x")).is_err());
    }
}
