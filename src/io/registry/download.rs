//! Writes a blob from an answer into a file, and checks its digest.

use std::path::Path;

use tokio::io::AsyncWriteExt as _;

use crate::{
    io::{
        http::Response,
        registry::{RegistryError, RegistryErrorKind, response},
    },
    oci::{Descriptor, Hasher},
};

/// Writes the body of `answer` to the file `to`, which is removed again where that fails.
pub(super) async fn save(
    answer: Response,
    blob: &Descriptor,
    to: &Path,
    name: String,
) -> Result<(), RegistryError> {
    let done = write(answer, blob, to, name).await;
    if done.is_err() {
        // A part of the blob is of no use, and the file may not even exist.
        let _ = tokio::fs::remove_file(to).await;
    }
    done
}

async fn write(
    mut answer: Response,
    blob: &Descriptor,
    to: &Path,
    name: String,
) -> Result<(), RegistryError> {
    let local = |error: std::io::Error| RegistryError {
        kind: RegistryErrorKind::File,
        request: name.clone(),
        status: None,
        codes: Vec::new(),
        detail: Some(format!("`{}`: {error}", to.display())),
    };
    let mut file = tokio::fs::File::create(to).await.map_err(local)?;
    let mut hasher = Hasher::default();
    let mut size = 0;
    while let Some(piece) = answer
        .piece()
        .await
        .map_err(|failure| response::failed(name.clone(), failure))?
    {
        size += piece.len() as u64;
        if size > blob.size {
            return Err(response::bad(
                name,
                200,
                format!("more than the {} bytes of the blob", blob.size),
            ));
        }
        hasher.update(&piece);
        file.write_all(&piece).await.map_err(local)?;
    }
    file.flush().await.map_err(local)?;
    let found = hasher.finish();
    if found != blob.digest {
        return Err(response::bad(
            name,
            200,
            format!("expected `{}`, the content is `{found}`", blob.digest),
        ));
    }
    Ok(())
}
