//! The archive: everything below one folder, with the same bytes for the same files.

use flate2::{Compression, GzBuilder};

use super::Packed;
use crate::Result;

/// `name` is the folder inside the archive.
pub fn pack(name: &str, files: &[Packed], compression: Compression) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new().write(Vec::new(), compression);
    let mut tar = tar::Builder::new(gzip);
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        tar.append_data(&mut header, format!("{name}/{}", file.path), &*file.content)?;
    }
    Ok(tar.into_inner()?.finish()?)
}
