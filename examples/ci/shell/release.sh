#!/bin/sh
# A release in any other service, or from a laptop: a clone with its whole history, git that may
# push, a login to the registry, and hoist.
#
# The registry's login: HOIST_REGISTRY_HOST, HOIST_REGISTRY_USERNAME and HOIST_REGISTRY_PASSWORD,
# or what `docker login` keeps.
set -eu

# History and tags decide the version, so a shallow clone is made whole.
if [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    git fetch --unshallow --tags
fi

# A service that checks out a commit and not a branch says which branch it is:
#   hoist release --yes --branch "$BRANCH"
#
# The lines go elsewhere than into the clone: hoist refuses files there that no commit holds.
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
status=0
hoist release --yes --json >"$lines" || status=$?

case $status in
0) ;;
5) echo "another release is in the way; it may still run: hoist status" >&2 ;;
7) echo "the release failed, and every tag is as it was" >&2 ;;
8) echo "manual action is needed: hoist status" >&2 ;;
2 | 3 | 4 | 6) echo "nothing moved" >&2 ;;
130) echo "interrupted: hoist resume finishes it, hoist rollback undoes it, from any clone" >&2 ;;
*) echo "hoist ended with $status, and what moved is not known: hoist status" >&2 ;;
esac
tail -n 1 "$lines"
exit "$status"
