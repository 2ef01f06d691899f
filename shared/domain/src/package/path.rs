//! Paths of files within a package.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::is_nfc;

use crate::text::{ParseError, text_type};

/// Where a file lies in a package: relative, segments separated by `/`, at most 512 bytes of UTF-8 in NFC.
///
/// A package must unpack to the same tree everywhere and never outside it. So a path has no empty, `.` or `..` segment, no
/// leading slash, no backslash, no control or direction-changing character; and nothing that Windows cannot create or
/// would create under another name: `< > : " | ? *`, a segment that ends in a dot or space, or a device name such as
/// `aux.js`. It is refused rather than repaired, because the app looks its files up by the path it was built with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// The path's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which a file system that ignores case would store it.
    pub(super) fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Names that open a device in any directory of Windows, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

fn is_device_name(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let port = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    DEVICES.contains(&stem.as_str()) || port.is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']))
}

impl FromStr for FilePath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let refuse = |sentence| Err(ParseError::new(sentence));
        if text.is_empty() {
            return refuse("is empty");
        }
        if text.len() > 512 {
            return refuse("is longer than 512 bytes");
        }
        if text.starts_with('/') {
            return refuse("is absolute; paths are relative to the package");
        }
        if text.contains('\\') {
            return refuse("contains a backslash; segments are separated by /");
        }
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        {
            return refuse("contains a control character");
        }
        if text.contains(['<', '>', ':', '"', '|', '?', '*']) {
            return refuse("contains one of < > : \" | ? *, which not every device can store");
        }
        for segment in text.split('/') {
            match segment {
                "" => return refuse("contains an empty segment"),
                "." | ".." => return refuse("contains a segment . or .."),
                _ if segment.ends_with(['.', ' ']) => {
                    return refuse(
                        "contains a segment that ends in a dot or space, which not every device keeps",
                    );
                }
                _ if is_device_name(segment) => {
                    return refuse(
                        "contains a segment that names a device on Windows, such as con or aux.js",
                    );
                }
                _ => {}
            }
        }
        if !is_nfc(text) {
            return refuse("is not in Unicode normalisation form C");
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(FilePath, format = r#"^[^/\\<>:"|?*\u0000-\u001f\u007f][^\\<>:"|?*\u0000-\u001f\u007f]{0,511}$"#);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_bundles_pass() {
        for path in [
            "index.html",
            "assets/logo@2x.png",
            ".well-known/app.json",
            "app/[slug]/page~1.js",
            "ä/コロニー.js",
            "a b.txt",
            "...a",
            "console.js",
            "com10.js",
            "com/lpt/null.js",
            &format!("{}/x", "d".repeat(510)),
        ] {
            assert!(path.parse::<FilePath>().is_ok(), "{path:?} was refused");
        }
    }

    #[test]
    fn whatever_leaves_the_tree_or_differs_between_devices_is_refused() {
        for path in [
            "",
            "/etc/passwd",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "./a",
            "a\\b",
            "..\\x",
            "C:/x",
            "c:x",
            "a\u{0}",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "a\u{202e}gnp.exe",
            "what?.js",
            "a*",
            "file.",
            "dir /x",
            "aux.js",
            "a/CON/b",
            "nul",
            "Lpt1.txt",
            "com1 .x",
            "e\u{301}.js",
            &"x".repeat(513),
        ] {
            assert!(path.parse::<FilePath>().is_err(), "{path:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_below_its_root(text in "(\\PC|[./\\\\:a]){0,40}") {
            if let Ok(path) = text.parse::<FilePath>() {
                prop_assert_eq!(path.as_str(), &text);
                let below = std::path::Path::new(path.as_str());
                prop_assert!(below.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }
    }
}
