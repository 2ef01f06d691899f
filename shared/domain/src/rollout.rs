//! Gradual rollouts: which devices a share of the fleet is.

use std::fmt;
use std::str::FromStr;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValueKind, ValuePointerRef};

use crate::hash::Sha256;
use crate::id::ReleaseId;
use crate::text::{ParseError, text_type};

/// How many buckets the devices of a release fall into; one basis point each.
pub const BUCKETS: u16 = 10_000;

/// A share in hundredths of a percent: 0 is nobody, 10000 everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u64", into = "u16")]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// Everybody.
    pub const FULL: Self = Self(BUCKETS);

    /// Accepts 0 to 10000.
    pub fn new(points: u64) -> Result<Self, ParseError> {
        match u16::try_from(points) {
            Ok(points) if points <= BUCKETS => Ok(Self(points)),
            _ => Err(ParseError::new("is not a whole number from 0 to 10000")),
        }
    }

    /// The number, 0 to 10000.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether this is everybody, so that no device needs to be told from another.
    pub const fn is_full(self) -> bool {
        self.0 == BUCKETS
    }

    /// Whether a device in this bucket is among the share.
    pub const fn covers(self, bucket: u16) -> bool {
        bucket < self.0
    }
}

impl TryFrom<u64> for BasisPoints {
    type Error = ParseError;

    fn try_from(points: u64) -> Result<Self, ParseError> {
        Self::new(points)
    }
}

impl From<BasisPoints> for u16 {
    fn from(points: BasisPoints) -> Self {
        points.0
    }
}

impl fmt::Display for BasisPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: DeserializeError> Deserr<E> for BasisPoints {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let refused = |kind: ErrorKind<'_, V>| Err(deserr::take_cf_content(E::error(None, kind, location)));
        match value {
            Value::Integer(points) => {
                Self::new(points).or_else(|fault| refused(ErrorKind::Unexpected { msg: fault.to_string() }))
            }
            Value::NegativeInteger(_) | Value::Float(_) => {
                refused(ErrorKind::Unexpected { msg: "is not a whole number from 0 to 10000".to_owned() })
            }
            actual => refused(ErrorKind::IncorrectValueKind { actual, accepted: &[ValueKind::Integer] }),
        }
    }
}

impl utoipa::PartialSchema for BasisPoints {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::Integer)
            .minimum(Some(0))
            .maximum(Some(BUCKETS))
            .examples([serde_json::json!(2500)])
            .description(Some("A share of devices in basis points: 2500 is a quarter."))
            .into()
    }
}

impl utoipa::ToSchema for BasisPoints {}

/// What a device calls itself: 1 to 128 printable ASCII characters without spaces, stable for as long as it is installed.
///
/// It is hashed as bytes on both sides of the wire, so it admits nothing that has two encodings or that a URL, a log line
/// or a header could change on the way. Serial numbers, UUIDs and hashes all fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DeviceId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if !(1..=128).contains(&text.len()) {
            return Err(ParseError::new("is not 1 to 128 characters long"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(ParseError::new("contains something other than printable ASCII without spaces"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(DeviceId, format = "^[!-~]{1,128}$");

/// The bucket of a device in the rollout of a release, 0 to 9999.
///
/// A stable contract, which anyone can compute: SHA-256 over the release id's text, a zero byte, and the device id's text;
/// the first 8 bytes as a big-endian integer, modulo 10000. (The remainder favours low buckets by less than one part in
/// 10^15.) A device is in a rollout when its bucket is smaller than the rollout's basis points, so a rollout that grows
/// only adds devices, and the release id in the hash makes each release choose its early devices anew.
pub fn bucket(release: ReleaseId, device: &DeviceId) -> u16 {
    let digest = Sha256::of_parts(&[release.to_string().as_bytes(), &[0], device.0.as_bytes()]);
    let head = digest.as_bytes()[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    u16::try_from(head % u64::from(BUCKETS)).unwrap_or(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Faults;
    use proptest::prelude::*;
    use serde_json::json;
    use uuid::Uuid;

    fn release(bits: u128) -> ReleaseId {
        ReleaseId::from_uuid(Uuid::from_u128(bits))
    }

    fn device(text: &str) -> DeviceId {
        text.parse().unwrap()
    }

    /// Computed with Python's hashlib from the documented rule. A change here throws devices out of rollouts.
    const KNOWN: [(&str, u16); 4] = [("device-1", 5464), ("device-2", 5826), ("4f2a", 8806), ("!~", 5259)];
    const KNOWN_OF_NIL: u16 = 9527;

    #[test]
    fn the_contract_does_not_move() {
        let id: ReleaseId = "rel_01h455vb4pex5vsknk084sn02q".parse().unwrap();
        for (name, expected) in KNOWN {
            assert_eq!(bucket(id, &device(name)), expected, "{name}");
        }
        assert_eq!(bucket(release(0), &device("device-1")), KNOWN_OF_NIL);
    }

    #[test]
    fn basis_points_are_0_to_10000() {
        let read = |value| deserr::deserialize::<BasisPoints, _, Faults>(value);
        assert_eq!(read(json!(0)).unwrap(), BasisPoints::NONE);
        assert_eq!(read(json!(10_000)).unwrap(), BasisPoints::FULL);
        for value in [
            json!(10_001),
            json!(65_536 + 1),
            json!(-1),
            json!(0.5),
            json!("5"),
            json!(null),
            json!(u64::MAX),
        ] {
            assert_eq!(read(value.clone()).unwrap_err().0.len(), 1, "{value}");
            assert!(serde_json::from_value::<BasisPoints>(value).is_err());
        }
        assert!(!BasisPoints::NONE.covers(0));
        assert!(BasisPoints::FULL.covers(BUCKETS - 1));
    }

    #[test]
    fn device_ids_are_printable_ascii() {
        for text in ["a", "4f2a-77", "{guid}", "a#b", &"x".repeat(128)] {
            assert!(text.parse::<DeviceId>().is_ok(), "{text:?} was refused");
        }
        for text in ["", " ", "a b", "a\tb", "é", "a\u{0}", &"x".repeat(129)] {
            assert!(text.parse::<DeviceId>().is_err(), "{text:?} was accepted");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Chi-square over 100 cells with 99 degrees of freedom: mean 99, standard deviation 14. Beyond 200 lies less than
        /// one case in 10^8.
        #[test]
        fn devices_spread_evenly(bits: u128, prefix in "[a-z]{0,6}") {
            const DEVICES: u32 = 20_000;
            let mut cells = [0_u32; 100];
            for n in 0..DEVICES {
                cells[usize::from(bucket(release(bits), &device(&format!("{prefix}{n}"))) / 100)] += 1;
            }
            let expected = f64::from(DEVICES) / 100.0;
            let chi_square: f64 = cells.iter().map(|seen| (f64::from(*seen) - expected).powi(2) / expected).sum();
            prop_assert!(chi_square < 200.0, "chi-square {chi_square}");
        }

        /// Of two releases at half, a quarter of the devices is in both: 5000 ± 61 of 20000, six deviations allowed.
        #[test]
        fn releases_choose_independently(left: u128, right: u128) {
            prop_assume!(left != right);
            let in_both = (0..20_000).filter(|n| {
                let device = device(&n.to_string());
                bucket(release(left), &device) < 5000 && bucket(release(right), &device) < 5000
            });
            let count = in_both.count();
            prop_assert!((4630..=5370).contains(&count), "{count} devices are in both");
        }
    }

    proptest! {
        #[test]
        fn a_growing_rollout_never_takes_away(bits: u128, name in "[!-~]{1,128}", small in 0_u64..=10_000, more in 0_u64..=10_000) {
            let bucket = bucket(release(bits), &device(&name));
            prop_assert!(bucket < BUCKETS);
            let (before, after) = (BasisPoints::new(small.min(more)).unwrap(), BasisPoints::new(small.max(more)).unwrap());
            prop_assert!(!before.covers(bucket) || after.covers(bucket));
        }

        #[test]
        fn a_bucket_is_sticky(bits: u128, name in "[!-~]{1,128}") {
            prop_assert_eq!(bucket(release(bits), &device(&name)), bucket(release(bits), &device(&name)));
        }

        #[test]
        fn parsing_is_total(text in "\\PC{0,140}") {
            if let Ok(id) = text.parse::<DeviceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
