//! Codes of an authenticator (TOTP, RFC 6238): six digits that change every thirty seconds.
//!
//! SHA-1, six digits and thirty seconds are what every authenticator knows; many ignore what else a link says.

use std::fmt::Write as _;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use jiff::Timestamp;
use qrcode::{Color, EcLevel, QrCode};

/// How many bytes a secret has: those of the hash (RFC 4226, section 4).
pub const SECRET_LENGTH: usize = 20;
/// For how many seconds a code is the current one.
const STEP_SECONDS: i64 = 30;
/// How many steps a clock may be wrong, either way.
const LEEWAY: u64 = 1;
/// How many digits a code has.
const DIGITS: usize = 6;

/// The number of the step that an instant is in.
fn step(at: Timestamp) -> u64 {
    u64::try_from(at.as_second() / STEP_SECONDS).unwrap_or_default()
}

/// The code of a step.
pub fn code(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    // RFC 4226, section 5.3: the last four bits say where the number begins.
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let number = tag.iter().skip(offset).take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// The code at an instant.
pub fn code_at(secret: &[u8], at: Timestamp) -> String {
    code(secret, step(at))
}

/// The step whose code somebody presents: the current one or a neighbour, and later than the last one that was used, so that no code is
/// good twice. Blanks are of no account: authenticators write `123 456`.
pub fn accept(secret: &[u8], presented: &str, now: Timestamp, last_used: Option<u64>) -> Option<u64> {
    let presented: String = presented.chars().filter(|c| !c.is_whitespace()).take(DIGITS + 1).collect();
    let current = step(now);
    let mut accepted = None;
    // All are looked at, so that the time tells nothing of which one it was.
    for step in current.saturating_sub(LEEWAY)..=current + LEEWAY {
        let equal = verify_slices_are_equal(code(secret, step).as_bytes(), presented.as_bytes()).is_ok();
        if equal && last_used.is_none_or(|last| step > last) && accepted.is_none() {
            accepted = Some(step);
        }
    }
    accepted
}

/// Bytes in the base32 of RFC 4648 without padding, as authenticators read secrets.
pub fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut padded = [0; 8];
        padded[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(padded);
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let digit = bits >> (35 - 5 * place) & 31;
            text.push(char::from(ALPHABET[usize::try_from(digit).unwrap_or_default()]));
        }
    }
    text
}

/// The link that an authenticator reads from a QR code.
pub fn link(secret: &[u8], issuer: &str, account: &str) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
        base32(secret)
    )
}

/// Everything but the unreserved characters of RFC 3986 as `%xx`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// A link as a QR code in SVG: black on white, four modules of quiet zone (ISO/IEC 18004), one path. `None` for a link that no QR code
/// holds.
pub fn qr_svg(link: &str) -> Option<String> {
    const QUIET: usize = 4;
    let code = QrCode::with_error_correction_level(link, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        }
    }
    let side = width + 2 * QUIET;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" role=\"img\" \
         aria-label=\"QR code\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_vectors_of_the_standard_hold() {
        // RFC 6238, appendix B, the last six of eight digits.
        let secret = b"12345678901234567890";
        for (second, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(secret, at(second)), expected);
        }
        // RFC 4226, appendix D.
        let counted: Vec<String> = (0..4).map(|count| code(secret, count)).collect();
        assert_eq!(counted, ["755224", "287082", "359152", "969429"]);
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        // RFC 4648, section 10, without padding.
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_its_neighbours_and_once() {
        let (secret, now) = ([7; SECRET_LENGTH], at(1_767_258_000));
        let current = step(now);
        for (offset, good) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = code(&secret, current.checked_add_signed(offset).unwrap());
            assert_eq!(accept(&secret, &code, now, None).is_some(), good, "{offset}");
        }
        let code = code_at(&secret, now);
        assert_eq!(accept(&secret, &code, now, Some(current - 1)), Some(current));
        assert_eq!(accept(&secret, &code, now, Some(current)), None);
        assert_eq!(accept(&secret, &code, now, Some(current + 1)), None);
        let spaced = format!(" {} {}", &code[..3], &code[3..]);
        assert_eq!(accept(&secret, &spaced, now, None), Some(current));
        for wrong in ["", "12345", &format!("{code}0"), &format!("{code} 0"), "１２３４５６"] {
            assert_eq!(accept(&secret, wrong, now, None), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_says_whose_it_is_whatever_the_name() {
        let link = link(&[0; 5], "The \"Rookery\" & Co", "zoë+ci@bücher.example");
        assert_eq!(
            link,
            "otpauth://totp/The%20%22Rookery%22%20%26%20Co:zo%C3%AB%2Bci%40b%C3%BCcher.example?secret=AAAAAAAA\
             &issuer=The%20%22Rookery%22%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
        let svg = qr_svg(&link).unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>") && !svg.contains("otpauth"));
        assert!(qr_svg(&"x".repeat(5000)).is_none());
    }

    proptest! {
        #[test]
        fn reading_a_code_never_panics(text in "\\PC{0,40}", second in 0_i64..4_000_000_000) {
            let _ = accept(&[7; SECRET_LENGTH], &text, at(second), None);
        }
    }
}
