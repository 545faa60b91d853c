#!/bin/sh
# Makes the image without an engine: an OCI layout in dist/oci, the same bytes on every run.
set -eu
rm -rf dist
mkdir -p dist/root/bin dist/oci/blobs/sha256
cp busybox dist/root/bin/busybox
cp greet.sh dist/root/bin/greet
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C dist/root -cf dist/layer .

# store FILE: puts a file among the blobs; leaves its digest and size in $digest and $size.
store() {
    digest=$(sha256sum "$1" | cut -d ' ' -f 1)
    size=$(wc -c <"$1" | tr -d ' ')
    cp "$1" "dist/oci/blobs/sha256/$digest"
}

store dist/layer
layer='{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:'$digest'","size":'$size'}'
# The label says which commit the image is of: a later run knows it as its own by it.
labels='{"org.opencontainers.image.revision":"'$(git rev-parse HEAD)'"}'
printf '{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/bin/busybox","sh","/bin/greet"],"Labels":%s},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$labels" "$digest" >dist/config
store dist/config
config='{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:'$digest'","size":'$size'}'
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":%s,"layers":[%s]}' "$config" "$layer" >dist/manifest
store dist/manifest
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s}]}' "$digest" "$size" >dist/oci/index.json
printf '{"imageLayoutVersion":"1.0.0"}' >dist/oci/oci-layout
