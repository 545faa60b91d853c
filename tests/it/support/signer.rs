//! A signer for tests, in bash alone: it puts a signature beside an image as cosign does.

use hoist::oci::{Digest, Manifest};
use serde_json::Value;

/// The type of its signatures.
pub const SIGNATURE: &str = "application/x.signature";

/// The script. The image is its only argument; with `LOGIN` (`user:password` in base64) it logs in. The proof is
/// made of [`KEY`] and the digest, and no argument of a program.
pub const SIGNER: &str = r#"
image=$1
host=${image%%/*}; rest=${image#*/}; path=${rest%@*}; digest=${rest#*@}
login=${LOGIN:+Authorization: Basic $LOGIN$'\r\n'}
ask() { # method, path, body
  exec 3<>"/dev/tcp/${host%:*}/${host#*:}"
  printf '%s %s HTTP/1.1\r\nHost: %s\r\n%sConnection: close\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: %s\r\n\r\n%s' \
    "$1" "$2" "$host" "$login" "${#3}" "$3" >&3
  cat <&3
  exec 3>&-
}
proof=$(printf 'the key %s' "$digest" | sha256sum | cut -d' ' -f1)
empty='{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}'
body='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/x.signature","config":'$empty',"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$digest'","size":1},"annotations":{"proof":"'$proof'"}}'
own=sha256:$(printf %s "$body" | sha256sum | cut -d' ' -f1)
ask PUT "/v2/$path/manifests/$own" "$body" | grep -q '^HTTP/1.1 201'
echo "signed $digest"
"#;

/// What proofs are made with.
const KEY: &str = "the key";

/// Whether a manifest is a signature of the image that proves something.
pub fn proves(signature: &Manifest, image: &Digest) -> bool {
    let document: Value = serde_json::from_slice(&signature.bytes).unwrap_or_default();
    let proof = Digest::of(format!("{KEY} {image}").as_bytes());
    document["artifactType"] == SIGNATURE
        && document["subject"]["digest"] == image.as_str()
        && document["annotations"]["proof"] == proof.hex()
}
