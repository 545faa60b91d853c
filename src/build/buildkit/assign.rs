//! Which node of a builder builds which platform. Pure.

use crate::{build::join::same_platform, oci::Platform};

/// What a node can build.
#[derive(Debug, Clone, Default)]
pub(super) struct NodePlatforms {
    /// As its owner has said; empty: whatever it can.
    pub(super) named: Vec<Platform>,
    /// As it says itself: its own first, then those that it has an emulator for.
    pub(super) found: Vec<Platform>,
}

/// The platforms for each node that has something to build, nodes and platforms in their order: a platform is for
/// the node that it was named for, else for the one whose own it is, else for one that says it can, else for the
/// first one, which may be told by the Dockerfile to cross-compile. Without platforms the first node builds its own.
pub(super) fn assign(wanted: &[Platform], nodes: &[NodePlatforms]) -> Vec<(usize, Vec<Platform>)> {
    if wanted.is_empty() {
        return vec![(0, Vec::new())];
    }
    let mut assigned: Vec<(usize, Vec<Platform>)> = Vec::new();
    for platform in wanted {
        let has = |all: &[Platform]| all.iter().any(|one| same_platform(one, platform));
        let find = |test: &dyn Fn(&NodePlatforms) -> bool| nodes.iter().position(test);
        let node = find(&|node| has(&node.named))
            .or_else(|| {
                find(&|node| node.named.is_empty() && has(&node.found[..node.found.len().min(1)]))
            })
            .or_else(|| find(&|node| node.named.is_empty() && has(&node.found)))
            .unwrap_or(0);
        match assigned.iter_mut().find(|(known, _)| *known == node) {
            Some((_, platforms)) => platforms.push(platform.clone()),
            None => assigned.push((node, vec![platform.clone()])),
        }
    }
    assigned
}

/// Which nodes have to answer before anything is built, by what their owner says they are for: the first one that a
/// wanted platform was named for; for a platform that was named for none, each that nothing was named for.
pub(super) fn needed(wanted: &[Platform], named: &[&[Platform]]) -> Vec<usize> {
    let mut needed = Vec::new();
    for platform in wanted {
        let is_it = |one: &Platform| same_platform(one, platform);
        match named.iter().position(|named| named.iter().any(is_it)) {
            Some(node) => needed.push(node),
            None => needed.extend((0..named.len()).filter(|&node| named[node].is_empty())),
        }
    }
    needed.sort_unstable();
    needed.dedup();
    if needed.is_empty() {
        needed.push(0);
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(text: &str) -> Vec<Platform> {
        let all = text.split_whitespace();
        all.map(|one| one.parse().expect("a platform")).collect()
    }

    fn node(named: &str, found: &str) -> NodePlatforms {
        NodePlatforms {
            named: platforms(named),
            found: platforms(found),
        }
    }

    fn assigned(wanted: &str, nodes: &[NodePlatforms]) -> Vec<String> {
        let assigned = assign(&platforms(wanted), nodes);
        let shown = |(node, platforms): (usize, Vec<Platform>)| {
            let platforms: Vec<_> = platforms.iter().map(ToString::to_string).collect();
            format!("{node}: {}", platforms.join(" "))
        };
        assigned.into_iter().map(shown).collect()
    }

    #[test]
    fn each_platform_is_for_the_node_that_has_it() {
        let emulating = node("", "linux/amd64 linux/arm64 linux/386");
        let native = node("", "linux/arm64 linux/arm/v7");
        let both = [emulating, native];
        for (wanted, expected) in [
            (
                "linux/amd64 linux/arm64",
                &["0: linux/amd64", "1: linux/arm64"][..],
            ),
            (
                "linux/arm64/v8 linux/amd64",
                &["1: linux/arm64/v8", "0: linux/amd64"],
            ),
            (
                "linux/386 linux/arm/v7",
                &["0: linux/386", "1: linux/arm/v7"],
            ),
            ("linux/amd64 linux/386", &["0: linux/amd64 linux/386"]),
            ("linux/s390x", &["0: linux/s390x"]),
            ("", &["0: "]),
        ] {
            assert_eq!(assigned(wanted, &both), expected, "{wanted}");
        }
    }

    #[test]
    fn a_node_that_builds_nothing_need_not_answer() {
        let amd64 = platforms("linux/amd64");
        let arm64 = platforms("linux/arm64/v8");
        let named: [&[Platform]; 4] = [&amd64, &arm64, &amd64, &[]];
        for (wanted, expected) in [
            ("", &[0][..]),
            ("linux/amd64", &[0]),
            ("linux/arm64", &[1]),
            ("linux/arm64 linux/amd64", &[0, 1]),
            ("linux/arm64 linux/s390x", &[1, 3]),
        ] {
            assert_eq!(needed(&platforms(wanted), &named), expected, "{wanted}");
        }
        let none = needed(&platforms("linux/s390x"), &named[..3]);
        assert_eq!(none, [0]);
    }

    #[test]
    fn what_the_owner_says_comes_first_and_narrows() {
        let all = "linux/amd64 linux/arm64";
        let nodes = [node("linux/amd64", all), node("linux/arm64", all)];
        assert_eq!(assigned(all, &nodes), ["0: linux/amd64", "1: linux/arm64"]);
        let nodes = [node("linux/s390x", all), node("", all)];
        assert_eq!(assigned(all, &nodes), ["1: linux/amd64 linux/arm64"]);
    }
}
