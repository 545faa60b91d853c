#!/bin/sh
# Installs hoist from its release archives: finds the archive for this machine, checks its SHA-256
# and puts the program, its completions and its manual page below a folder.
#
#   curl -fsSL https://github.com/hoist-rs/hoist/releases/latest/download/install.sh | sh
#
# Settings, all optional:
#   HOIST_INSTALL_VERSION   the version, such as 1.2.3   (default: the latest release)
#   HOIST_INSTALL_PREFIX    the folder                   (default: $HOME/.local)
#   HOIST_INSTALL_URL       where the archives lie       (default: the release on GitHub)
#   HOIST_INSTALL_SHA256    the archive's checksum, where it is known from elsewhere
set -eu

fail() {
    echo "error: $1" >&2
    [ $# -lt 2 ] || echo "hint: $2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The file at URL $1 becomes the file $2.
fetch() {
    if has curl; then
        curl --fail --silent --show-error --location --retry 3 --output "$2" "$1"
    elif has wget; then
        wget -q -O "$2" "$1"
    else
        fail "neither curl nor wget is installed"
    fi || fail "cannot fetch $1"
}

checksum() {
    if has sha256sum; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif has shasum; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    else
        fail "neither sha256sum nor shasum is installed, so the archive cannot be checked"
    fi
}

target() {
    [ "$(uname -s)" = Linux ] ||
        fail "there are archives for Linux only" "build it: cargo install --locked hoist"
    # The programs are static, so they run with any C library.
    case $(uname -m) in
    x86_64 | amd64) echo x86_64-unknown-linux-musl ;;
    aarch64 | arm64) echo aarch64-unknown-linux-musl ;;
    *) fail "there is no archive for $(uname -m)" "build it: cargo install --locked hoist" ;;
    esac
}

main() {
    [ -n "${HOIST_INSTALL_PREFIX:-}${HOME:-}" ] || fail "HOME is not set" "set HOIST_INSTALL_PREFIX"
    prefix=${HOIST_INSTALL_PREFIX:-${HOME:-}/.local}
    target=$(target)
    releases=https://github.com/hoist-rs/hoist/releases
    version=${HOIST_INSTALL_VERSION:-}
    version=${version#v}
    if [ -n "${HOIST_INSTALL_URL:-}" ]; then
        base=${HOIST_INSTALL_URL%/}
    elif [ -n "$version" ]; then
        base=$releases/download/v$version
    else
        base=$releases/latest/download
    fi

    # The archive's folder becomes the working one, so a relative prefix is made whole before.
    case $prefix in
    /*) ;;
    *) prefix=$PWD/$prefix ;;
    esac
    [ ! -d "$prefix/bin/hoist" ] || fail "$prefix/bin/hoist is a folder" "move it away, or set HOIST_INSTALL_PREFIX"
    has tar || fail "tar is not installed"

    folder=$(mktemp -d) || fail "cannot make a temporary folder" "set TMPDIR to a folder that takes files"
    trap 'rm -rf "$folder" "$prefix/bin/.hoist.$$"' EXIT
    trap 'exit 130' INT TERM
    fetch "$base/SHA256SUMS" "$folder/SHA256SUMS"
    if [ -z "$version" ]; then
        version=$(sed -n "s/^[0-9a-f]\{64\}  hoist-\([0-9][0-9A-Za-z.+-]*\)-$target\.tar\.gz\$/\1/p" \
            "$folder/SHA256SUMS" | head -n 1)
        [ -n "$version" ] || fail "$base/SHA256SUMS names no archive for $target"
    fi
    name=hoist-$version-$target
    expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $name\.tar\.gz\$/\1/p" "$folder/SHA256SUMS")
    [ -n "$expected" ] || fail "$base/SHA256SUMS does not name $name.tar.gz"

    fetch "$base/$name.tar.gz" "$folder/archive"
    found=$(checksum "$folder/archive")
    given=$(echo "${HOIST_INSTALL_SHA256:-$expected}" | sed y/ABCDEF/abcdef/)
    for wanted in "$expected" "$given"; do
        [ "$found" = "$wanted" ] ||
            fail "$name.tar.gz is not the file that was released: expected $wanted, found $found" \
                "nothing was installed"
    done

    tar -xzf "$folder/archive" -C "$folder"
    cd "$folder/$name"
    # The program is put in place by a rename, so that one which runs goes on.
    mkdir -p "$prefix/bin"
    cp bin/hoist "$prefix/bin/.hoist.$$"
    chmod 755 "$prefix/bin/.hoist.$$"
    mv -f "$prefix/bin/.hoist.$$" "$prefix/bin/hoist"
    find share -type f | while read -r file; do
        mkdir -p "$prefix/$(dirname "$file")"
        cp "$file" "$prefix/$file"
    done

    echo "installed hoist $version as $prefix/bin/hoist" >&2
    case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) echo "note: $prefix/bin is not in PATH" >&2 ;;
    esac
    has git || echo "note: hoist needs git, which is not installed" >&2
}

# The whole file was read before anything runs.
main
