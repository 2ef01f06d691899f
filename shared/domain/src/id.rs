//! Identifiers: `TypeID`s, a prefix that names the kind and a `UUIDv7` in Crockford's base32.
//!
//! They sort by the time they were made, have a fixed length, and therefore none is a prefix of another. The form is that
//! of the `TypeID` specification, version 0.3.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::text::ParseError;

/// Length of the part behind the underscore: 128 bits in groups of five.
pub const SUFFIX_LENGTH: usize = 26;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What every identifier has in common. Implemented by the newtypes of this module only.
pub trait Id: Copy + Ord + fmt::Display + fmt::Debug + FromStr<Err = ParseError> {
    /// The part before the underscore, such as `app`.
    const PREFIX: &'static str;

    /// Makes an identifier of fresh `UUIDv7` bits, which the caller's context provides.
    fn from_uuid(uuid: Uuid) -> Self;

    /// The bits behind the text.
    fn uuid(self) -> Uuid;
}

/// Writes 128 bits as 26 characters of base32, most significant first.
pub fn encode(uuid: Uuid) -> String {
    Suffix::of(uuid).as_str().to_owned()
}

/// The base32 of an id without a place on the heap: the decision for a device writes ids on every request.
struct Suffix([u8; SUFFIX_LENGTH]);

impl Suffix {
    fn of(uuid: Uuid) -> Self {
        let mut text = [0; SUFFIX_LENGTH];
        let mut bits = uuid.as_u128();
        for place in text.iter_mut().rev() {
            *place = ALPHABET[usize::try_from(bits & 31).unwrap_or_default()];
            bits >>= 5;
        }
        Self(text)
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Reads 26 characters of base32. Refuses capitals and the letters that Crockford left out, so that an id has one spelling.
pub fn decode(text: &str) -> Option<Uuid> {
    // 26 × 5 = 130 bits: the first character may carry three.
    if text.len() != SUFFIX_LENGTH || text.as_bytes()[0] > b'7' {
        return None;
    }
    text.bytes()
        .try_fold(0_u128, |bits, byte| {
            let digit = ALPHABET.iter().position(|known| *known == byte)?;
            Some(bits << 5 | digit as u128)
        })
        .map(Uuid::from_u128)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;

            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl $name {
            /// Makes an identifier of fresh `UUIDv7` bits, which the caller's context provides.
            pub fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(Suffix::of(self.0).as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(ParseError::new(concat!(
                        "is not an id of the form ", $prefix, "_ and 26 characters of 0-9 and a-z without i, l, o, u"
                    )))
            }
        }

        crate::text::text_type!($name, format = concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$"));
    )*};
}

ids! {
    /// A customer of the platform: the boundary of isolation and of billing.
    TenantId = "ten";
    /// An organization of a tenant.
    OrganizationId = "org";
    /// A part of an organization, which may hold further ones.
    DivisionId = "div";
    /// An isolated environment within an organization.
    WorkspaceId = "ws";
    /// A project within a workspace.
    ProjectId = "prj";
    /// An application, which packages and releases belong to.
    AppId = "app";
    /// An immutable, signed set of files.
    PackageId = "pkg";
    /// A package that is offered on a channel.
    ReleaseId = "rel";
    /// A person.
    UserId = "usr";
    /// An API key.
    KeyId = "key";
    /// A group of people.
    GroupId = "grp";
    /// A role that a tenant made for itself.
    RoleId = "rol";
    /// Who has which role where.
    BindingId = "bnd";
    /// An invitation of a person to a tenant.
    InvitationId = "inv";
    /// Another provider that says who people of a tenant are.
    IdentityProviderId = "idp";
    /// Somebody who operates the platform and belongs to no tenant.
    OperatorId = "opr";
    /// Somebody who is logged in somewhere.
    SessionId = "ses";
    /// A passkey that somebody logs in with.
    PasskeyId = "psk";
    /// A program that people log in to through the platform.
    ClientId = "cli";
    /// Whose builds get the rights of a service key.
    WorkloadTrustId = "wtr";
    /// A sealed value of an application.
    SecretId = "sec";
    /// Something that happened.
    EventId = "evt";
    /// One request, where the caller did not bring an id of its own.
    RequestId = "req";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_the_specification_hold() {
        // From the TypeID specification's table of valid encodings.
        for (uuid, text) in [
            ("00000000-0000-0000-0000-000000000000", "00000000000000000000000000"),
            ("00000000-0000-0000-0000-00000000000a", "0000000000000000000000000a"),
            ("0110c853-1d09-52d8-d73e-1194e95b5f19", "0123456789abcdefghjkmnpqrs"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "01h455vb4pex5vsknk084sn02q"),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", "7zzzzzzzzzzzzzzzzzzzzzzzzz"),
        ] {
            let uuid: Uuid = uuid.parse().unwrap();
            assert_eq!(encode(uuid), text);
            assert_eq!(decode(text), Some(uuid));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "app_01H455VB4PEX5VSKNK084SN02Q",
            "app_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "app_01h455vb4pex5vsknk084sn02",
            "app_01h455vb4pex5vsknk084sn02qq",
            "app_01h455vb4pex5vsknk084sn02i",
            "pkg_01h455vb4pex5vsknk084sn02q",
            "app01h455vb4pex5vsknk084sn02q",
            "app_é1h455vb4pex5vsknk084sn02",
            "",
        ] {
            assert!(text.parse::<AppId>().is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn text_and_bits_are_one_to_one_and_sort_alike(left: u128, right: u128) {
            let (left, right) = (AppId(Uuid::from_u128(left)), AppId(Uuid::from_u128(right)));
            prop_assert_eq!(left.to_string().parse::<AppId>().unwrap(), left);
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = text.parse::<AppId>();
            let _ = decode(&text);
        }
    }
}
