//! How long content may take.

use std::time::Duration;

/// The fewest bytes a second at which content may arrive or go: a peer that keeps a connection alive
/// with a byte now and then must not hold a release for ever.
const SLOWEST: u64 = 16 * 1024;
/// How many times as long as usual a piece of content may take beside that.
const SILENCES_PER_CONTENT: u32 = 5;

/// How long content of `size` bytes may take in all.
pub(in crate::io) fn longest(size: u64, silence: Duration) -> Duration {
    silence * SILENCES_PER_CONTENT + Duration::from_secs(size / SLOWEST)
}
