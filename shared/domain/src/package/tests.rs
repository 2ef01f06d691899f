use super::*;
use crate::fault::{Faults, JsonObject};
use crate::hash::Sha256;
use crate::id::AppId;
use crate::properties::Metadata;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn path(text: &str) -> FilePath {
    text.parse().unwrap()
}

fn file(name: &str, split: Split) -> ManifestFile {
    ManifestFile {
        path: path(name),
        sha256: Sha256::of(name.as_bytes()),
        size: FileSize::new(1234).unwrap(),
        split,
    }
}

fn metadata(value: Value) -> Metadata {
    deserr::deserialize::<_, _, Faults>(value).unwrap()
}

fn manifest(files: Vec<ManifestFile>, about: Value) -> Result<Manifest, Faults> {
    let app = AppId::from_uuid(Uuid::nil());
    Manifest::new(app, "1.2.3+ci.7".parse().unwrap(), path("index.html"), files, metadata(about))
}

fn pointers(files: &[(&str, Split)]) -> Vec<String> {
    let paths: Vec<(FilePath, Split)> = files.iter().map(|(name, split)| (path(name), *split)).collect();
    let listed: Vec<_> = paths.iter().map(|(path, split)| (path, *split)).collect();
    check(&path("index.html"), &listed)
        .map_or_else(|faults| faults.0, |()| Vec::new())
        .into_iter()
        .map(|fault| fault.pointer)
        .collect()
}

/// The bytes are signed. A change here makes every signed manifest of the world unreadable.
#[test]
fn the_canonical_form_does_not_move() {
    let files = vec![
        file("ä.js", Split::Lazy),
        file("index.html", Split::Important),
        file("B.css", Split::Important),
    ];
    let manifest = manifest(files, json!({"z": 1.0, "a": {"\u{20ac}": null}})).unwrap();
    let text = std::str::from_utf8(manifest.bytes()).unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(
        manifest.sha256().to_string(),
        "1aa7b7d0fc398c99b3216e330833ef2b3b3fb5b4316a2c30dd204d9fd3cc307f"
    );
}

/// RFC 8785, section 3.2.2 to 3.2.4 and appendix B.
#[test]
fn the_examples_of_rfc_8785_hold() {
    let input = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
        "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#
        .to_owned()
        + r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    let canonical = |text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        String::from_utf8(serde_json_canonicalizer::to_vec(&value).unwrap()).unwrap()
    };
    assert_eq!(canonical(input), expected);
    // Members are sorted by UTF-16 code units: the emoji's surrogates come before U+FB33.
    let input = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let keys: Vec<String> = serde_json::from_str::<serde_json::Map<String, Value>>(&canonical(input))
        .unwrap()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, ["\r", "1", "\u{80}", "\u{f6}", "\u{20ac}", "\u{1f600}", "\u{fb33}"]);
    for (bits, expected) in [
        (0x8000_0000_0000_0000_u64, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
    ] {
        let written = serde_json_canonicalizer::to_string(&f64::from_bits(bits)).unwrap();
        assert_eq!(written, expected, "{bits:016x}");
    }
}

#[test]
fn files_are_checked_against_each_other() {
    use Split::{Important, Lazy};
    assert!(pointers(&[("index.html", Important), ("a/b.js", Lazy), ("a/c.js", Lazy)]).is_empty());
    assert_eq!(pointers(&[]), ["/files", "/index"]);
    assert_eq!(pointers(&[("index.html", Lazy)]), ["/index"]);
    assert_eq!(pointers(&[("a", Important)]), ["/index"]);
    let twice =
        [("index.html", Important), ("a.js", Lazy), ("a.js", Lazy), ("A.js", Lazy), ("Ä", Lazy), ("ä", Lazy)];
    assert_eq!(pointers(&twice), ["/files/2/path", "/files/3/path", "/files/5/path"]);
    let below =
        [("index.html", Important), ("x/y/z", Lazy), ("X/y", Lazy), ("x", Lazy), ("index.html/b", Lazy)];
    assert_eq!(pointers(&below), ["/files/1/path", "/files/1/path", "/files/2/path", "/files/4/path"]);
    let many: Vec<String> = (0..=FILES_PER_PACKAGE).map(|n| n.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), Lazy)).collect();
    assert_eq!(pointers(&many), ["/files"]);
}

#[test]
fn a_manifest_has_a_largest_size() {
    let files = |count: usize, padding: usize| {
        let named = |n| file(&format!("{n:04}/{}", "x".repeat(padding)), Split::Lazy);
        let mut files: Vec<_> = (1..count).map(named).collect();
        files.push(file("index.html", Split::Important));
        files
    };
    let largest = manifest(files(FILES_PER_PACKAGE, 1), json!({})).unwrap();
    assert!(largest.bytes().len() < MANIFEST_BYTES);
    let error = manifest(files(FILES_PER_PACKAGE, 100), json!({})).unwrap_err();
    assert_eq!(error.0[0].pointer, "/files");
}

#[test]
fn only_the_canonical_form_is_read() {
    let manifest = manifest(vec![file("index.html", Split::Important)], json!({"n": 1})).unwrap();
    assert_eq!(Manifest::parse(manifest.bytes()).unwrap(), manifest);
    let text = std::str::from_utf8(manifest.bytes()).unwrap();
    let spaced = text.replacen(':', ": ", 1);
    assert!(matches!(Manifest::parse(spaced.as_bytes()), Err(ManifestError::NotCanonical)));
    let newer = text.replace(FORMAT, "rookery-manifest-2");
    assert!(matches!(Manifest::parse(newer.as_bytes()), Err(ManifestError::Format(_))));
    let extended = text.replacen('{', "{\"a\":1,", 1);
    assert!(matches!(Manifest::parse(extended.as_bytes()), Err(ManifestError::Shape(_))));
    let without_index = text.replace("\"index\":\"index.html\"", "\"index\":\"main.html\"");
    assert!(matches!(Manifest::parse(without_index.as_bytes()), Err(ManifestError::Rules(_))));
}

#[test]
fn sizes_are_1_byte_to_5_gib() {
    let read = |value| deserr::deserialize::<FileSize, _, Faults>(value);
    assert_eq!(read(json!(1)).unwrap().bytes(), 1);
    assert_eq!(read(json!(5_368_709_120_u64)).unwrap().bytes(), FILE_BYTES);
    for value in [json!(0), json!(5_368_709_121_u64), json!(-1), json!(1.5), json!("1"), json!(u64::MAX)] {
        assert!(read(value.clone()).is_err(), "{value} was accepted");
    }
}

#[test]
fn versions_are_plain() {
    for version in ["1", "2026.11.21-rc.1+build_7", &"x".repeat(64)] {
        assert!(version.parse::<PackageVersion>().is_ok(), "{version:?} was refused");
    }
    for version in ["", "a b", "1/2", "é", "1\n", &"x".repeat(65)] {
        assert!(version.parse::<PackageVersion>().is_err(), "{version:?} was accepted");
    }
}

#[test]
fn content_types_are_media_types() {
    for (text, stored) in [
        ("Text/HTML;charset=utf-8", "text/html; charset=utf-8"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        ("multipart/mixed; boundary=\"a b\"", "multipart/mixed; boundary=\"a b\""),
    ] {
        assert_eq!(text.parse::<ContentType>().unwrap().as_str(), stored);
    }
    for text in [
        "",
        "text",
        "text/",
        "/html",
        "text/html;",
        "te xt/html",
        "text/html\r\nX: y",
        "text/html; a=\u{e9}",
        &format!("a/{}", "b".repeat(126)),
    ] {
        assert!(text.parse::<ContentType>().is_err(), "{text:?} was accepted");
    }
    for (name, expected) in [
        ("a/Index.HTML", "text/html; charset=utf-8"),
        ("x.tar.gz", "application/gzip"),
        ("a.b/c", "application/octet-stream"),
        (".bin", "application/octet-stream"),
    ] {
        assert_eq!(ContentType::of_path(&path(name)).as_str(), expected, "{name}");
    }
    for (_, listed) in TYPES {
        assert_eq!(listed.parse::<ContentType>().unwrap().as_str(), listed);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinity", |n| n.is_finite()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map("\\PC{0,6}", inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn the_order_of_files_does_not_matter(names in proptest::collection::hash_set("_[a-z]{1,6}", 0..20), turn in any::<prop::sample::Index>()) {
        let mut files: Vec<_> = names.iter().map(|name| file(name, Split::Lazy)).collect();
        files.push(file("index.html", Split::Important));
        let one = manifest(files.clone(), json!({})).unwrap();
        let turns = turn.index(files.len());
        files.rotate_left(turns);
        files.reverse();
        prop_assert_eq!(manifest(files, json!({})).unwrap(), one);
    }

    #[test]
    fn manifests_read_back(about in proptest::collection::hash_map("\\PC{0,8}", any_json(), 0..4)) {
        if let Ok(about) = Metadata::new(JsonObject(about.into_iter().collect())) {
            let files = vec![file("index.html", Split::Important)];
            let made = Manifest::new(AppId::from_uuid(Uuid::nil()), "1".parse().unwrap(), path("index.html"), files, about).unwrap();
            let read = Manifest::parse(made.bytes()).unwrap();
            prop_assert_eq!(read.bytes(), made.bytes());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        let _ = Manifest::parse(&bytes);
        if let Ok(content_type) = text.parse::<ContentType>() {
            prop_assert_eq!(content_type.to_string().parse::<ContentType>().unwrap(), content_type);
        }
        if let Ok(version) = text.parse::<PackageVersion>() {
            prop_assert_eq!(version.to_string(), text);
        }
    }
}
