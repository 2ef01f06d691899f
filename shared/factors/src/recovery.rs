//! Recovery codes: ten codes of 80 bits each, for when the authenticator is lost. Each is good once.

use rookery_domain::hash::Sha256;
use rookery_domain::id::UserId;

use crate::totp::base32;

/// How many a person is given.
pub const COUNT: usize = 10;
/// How many random bytes one has.
pub const BYTES: usize = 10;

/// A code as it is shown, once: `ABCD-EFGH-IJKL-MNOP`.
pub fn write(random: &[u8; BYTES]) -> String {
    let text = base32(random);
    let parts: Vec<&str> = (0..4).filter_map(|part| text.get(4 * part..4 * part + 4)).collect();
    parts.join("-")
}

/// What is kept of a code. It has 80 random bits, and the digest is of one person: a plain hash cannot be searched. Case, blanks and
/// hyphens are of no account, and the digits that base32 leaves out are read as the letters that they look like.
pub fn digest(user: UserId, code: &str) -> Sha256 {
    let plain: String = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(64)
        .map(|c| match c.to_ascii_uppercase() {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other,
        })
        .collect();
    Sha256::of_parts(&[user.to_string().as_bytes(), b"\0recovery\0", plain.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn user(bits: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(bits))
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = write(&[0x9a; BYTES]);
        assert_eq!(code.len(), 19);
        let sloppy = code.replace('-', " ").to_lowercase();
        assert_eq!(digest(user(1), &code), digest(user(1), &sloppy));
        assert_ne!(digest(user(1), &code), digest(user(2), &code));
        assert_eq!(digest(user(1), "OIBB"), digest(user(1), "01b8"));
    }

    proptest! {
        #[test]
        fn different_codes_have_different_digests(left: [u8; BYTES], right: [u8; BYTES]) {
            let digests = [write(&left), write(&right)].map(|code| digest(user(1), &code));
            prop_assert_eq!(left == right, digests[0] == digests[1]);
        }
    }
}
