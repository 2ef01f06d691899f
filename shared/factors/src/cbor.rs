//! CBOR (RFC 8949), as much of it as authenticators write (CTAP 2.1, section 8): no indefinite lengths, no tags, and not deep. Whatever
//! is read comes from strangers, so that every length is checked and every nesting is bounded.

/// How deep values may be nested. Attestations of today need five levels.
const DEPTH: u32 = 8;
/// Most members of one array or map.
const MEMBERS: u64 = 64;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    /// An integer.
    Int(i64),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Text.
    Text(&'a str),
    /// A list.
    Array(Vec<Self>),
    /// Pairs, no two of the same key.
    Map(Vec<(Self, Self)>),
    /// What nothing here looks at: booleans, null, numbers that are no integers.
    Other,
}

/// The bytes are no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

impl<'a> Value<'a> {
    /// Reads one value from the front of bytes, and leaves the rest of them.
    pub(crate) fn read(bytes: &mut &'a [u8]) -> Result<Self, Malformed> {
        read(bytes, DEPTH)
    }

    /// Reads bytes that are one value and nothing else.
    pub(crate) fn whole(mut bytes: &'a [u8]) -> Result<Self, Malformed> {
        let value = Self::read(&mut bytes)?;
        if bytes.is_empty() { Ok(value) } else { Err(Malformed) }
    }

    /// What a map says of a text.
    pub(crate) fn named(&self, name: &str) -> Option<&Self> {
        self.get(|key| matches!(key, Self::Text(text) if *text == name))
    }

    /// What a map says of a number.
    pub(crate) fn numbered(&self, number: i64) -> Option<&Self> {
        self.get(|key| *key == Self::Int(number))
    }

    fn get(&self, is: impl Fn(&Self) -> bool) -> Option<&Self> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(key, _)| is(key)).map(|(_, value)| value)
    }

    /// The integer that it is.
    pub(crate) const fn int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The bytes that it is.
    pub(crate) const fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The text that it is.
    pub(crate) const fn text(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(Malformed)?;
    *bytes = rest;
    Ok(taken)
}

/// The number that follows the head of a value.
fn argument(bytes: &mut &[u8], short: u8) -> Result<u64, Malformed> {
    let length = match short {
        0..=23 => return Ok(u64::from(short)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return Err(Malformed),
    };
    Ok(take(bytes, length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn read<'a>(bytes: &mut &'a [u8], depth: u32) -> Result<Value<'a>, Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let head = *take(bytes, 1)?.first().ok_or(Malformed)?;
    let number = argument(bytes, head & 0x1f)?;
    let length = |limit: u64| usize::try_from(number).ok().filter(|_| number <= limit).ok_or(Malformed);
    Ok(match head >> 5 {
        0 => Value::Int(i64::try_from(number).map_err(|_| Malformed)?),
        1 => Value::Int(-1 - i64::try_from(number).map_err(|_| Malformed)?),
        2 => Value::Bytes(take(bytes, length(u64::MAX)?)?),
        3 => Value::Text(std::str::from_utf8(take(bytes, length(u64::MAX)?)?).map_err(|_| Malformed)?),
        4 => {
            let mut items = Vec::new();
            for _ in 0..length(MEMBERS)? {
                items.push(read(bytes, depth)?);
            }
            Value::Array(items)
        }
        5 => {
            let mut pairs: Vec<(Value<'_>, Value<'_>)> = Vec::new();
            for _ in 0..length(MEMBERS)? {
                let (key, value) = (read(bytes, depth)?, read(bytes, depth)?);
                if !matches!(key, Value::Int(_) | Value::Text(_))
                    || pairs.iter().any(|(known, _)| *known == key)
                {
                    return Err(Malformed);
                }
                pairs.push((key, value));
            }
            Value::Map(pairs)
        }
        7 => Value::Other,
        _ => return Err(Malformed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // RFC 8949, appendix A.
        for (hex, expected) in [
            ("00", Value::Int(0)),
            ("17", Value::Int(23)),
            ("1818", Value::Int(24)),
            ("1903e8", Value::Int(1000)),
            ("1b000000e8d4a51000", Value::Int(1_000_000_000_000)),
            ("20", Value::Int(-1)),
            ("3903e7", Value::Int(-1000)),
            ("4401020304", Value::Bytes(&[1, 2, 3, 4])),
            ("6449455446", Value::Text("IETF")),
            ("62c3bc", Value::Text("ü")),
            ("f5", Value::Other),
            ("fb3ff199999999999a", Value::Other),
            (
                "8201820203",
                Value::Array(vec![Value::Int(1), Value::Array(vec![Value::Int(2), Value::Int(3)])]),
            ),
            ("a201020304", Value::Map(vec![(Value::Int(1), Value::Int(2)), (Value::Int(3), Value::Int(4))])),
        ] {
            assert_eq!(Value::whole(&bytes(hex)).as_ref(), Ok(&expected), "{hex}");
        }
        let bytes = bytes("a26161016162820203");
        let map = Value::whole(&bytes).unwrap();
        assert_eq!(map.named("a"), Some(&Value::Int(1)));
        assert_eq!((map.named("c"), map.numbered(1)), (None, None));
    }

    #[test]
    fn what_authenticators_do_not_write_is_refused() {
        for (what, hex) in [
            ("nothing", ""),
            ("a head without its number", "19 03"),
            ("bytes that end too early", "44 010203"),
            ("a length beyond memory", "5b ffffffffffffffff"),
            ("a list of more than there is", "9b 7fffffffffffffff"),
            ("text that is none", "61 ff"),
            ("an indefinite length", "5f 42 0102 43 030405 ff"),
            ("an indefinite map", "bf 61 61 01 ff"),
            ("a tag", "c0 61 61"),
            ("a key twice", "a2 01 02 01 03"),
            ("a list as a key", "a1 80 01"),
            ("something behind it", "00 00"),
            ("a number beyond 63 bits", "1b ffffffffffffffff"),
        ] {
            assert_eq!(Value::whole(&bytes(hex)), Err(Malformed), "{what}");
        }
        let deep = |levels: usize| [vec![0x81; levels], vec![0]].concat();
        assert!(Value::whole(&deep(7)).is_ok());
        for levels in [8, 100, 100_000] {
            assert_eq!(Value::whole(&deep(levels)), Err(Malformed));
        }
        let wide = [vec![0x98, 65], vec![0; 65]].concat();
        assert_eq!(Value::whole(&wide), Err(Malformed));
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_takes_no_more_than_there_is(bytes: Vec<u8>) {
            let mut rest = bytes.as_slice();
            let _ = Value::read(&mut rest);
            prop_assert!(bytes.ends_with(rest));
        }
    }
}
