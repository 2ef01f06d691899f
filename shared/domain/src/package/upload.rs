//! Files that somebody wants to upload.

use std::collections::HashMap;

use super::{ContentType, FILES_PER_UPLOAD, FilePath, FileSize};
use crate::fault::Faults;
use crate::hash::Sha256;

/// A file that is to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where it will lie in its package.
    pub path: FilePath,
    /// How many bytes it has.
    pub size: FileSize,
    /// The SHA-256 of its bytes.
    pub sha256: Sha256,
    /// What it is served as.
    pub content_type: ContentType,
}

/// Checks a list of uploads as a whole, and names every fault by its place in `{"files": […]}`: there are 1 to
/// [`FILES_PER_UPLOAD`], no path comes twice, and no content has two sizes.
pub fn check_uploads(files: &[Upload]) -> Result<(), Faults> {
    if files.is_empty() {
        return Err(Faults::one("/files", "is empty"));
    }
    if files.len() > FILES_PER_UPLOAD {
        return Err(Faults::one("/files", format!("has more than {FILES_PER_UPLOAD} files")));
    }
    let mut faults = Faults::default();
    let mut paths: HashMap<&FilePath, usize> = HashMap::with_capacity(files.len());
    let mut sizes: HashMap<Sha256, (usize, FileSize)> = HashMap::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        let first = *paths.entry(&file.path).or_insert(at);
        if first != at {
            faults.push(format!("/files/{at}/path"), format!("is the same path as /files/{first}/path"));
        }
        let (first, size) = *sizes.entry(file.sha256).or_insert((at, file.size));
        if size != file.size {
            faults.push(
                format!("/files/{at}/size"),
                format!("is not the size of /files/{first}, which has the same SHA-256"),
            );
        }
    }
    faults.into_result()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(path: &str, size: u64, content: &[u8]) -> Upload {
        let path: FilePath = path.parse().unwrap();
        Upload {
            size: FileSize::new(size).unwrap(),
            sha256: Sha256::of(content),
            content_type: ContentType::of_path(&path),
            path,
        }
    }

    fn places(files: &[Upload]) -> Vec<String> {
        let faults = check_uploads(files).err().unwrap_or_default();
        faults.0.into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn one_content_at_two_paths_is_fine() {
        assert!(check_uploads(&[upload("a", 1, b"a"), upload("b", 1, b"a"), upload("c", 2, b"c")]).is_ok());
    }

    #[test]
    fn every_contradiction_is_named() {
        let files = [upload("a", 1, b"a"), upload("b", 2, b"a"), upload("a", 3, b"c"), upload("a", 4, b"c")];
        assert_eq!(places(&files), ["/files/1/size", "/files/2/path", "/files/3/path", "/files/3/size"]);
    }

    #[test]
    fn no_file_and_too_many_are_refused() {
        assert_eq!(places(&[]), ["/files"]);
        let many: Vec<Upload> = (0..=FILES_PER_UPLOAD).map(|n| upload(&format!("{n}"), 1, b"a")).collect();
        assert_eq!(places(&many), ["/files"]);
        assert!(check_uploads(&many[1..]).is_ok());
    }
}
