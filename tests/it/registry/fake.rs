//! The suite against the in-memory stand-in that the transaction is tested with, so that what is
//! proven of the transaction there holds elsewhere.

use std::sync::Arc;

use hoist::testing::{FakeRegistry, Faults, MultiTag, Personality, Referrers};

use super::conformance;

async fn conforms(personality: Personality) {
    let registry = FakeRegistry::new(&Faults::default(), personality);
    let name = |part: &str| format!("registry.example.org/acme/{part}").parse().unwrap();
    conformance::suite(&|part| Arc::new(registry.repository(&name(part)))).await;
}

#[tokio::test]
async fn the_fake_conforms() {
    for referrers in [Referrers::Ignored, Referrers::Listed, Referrers::Strict] {
        conforms(Personality {
            referrers,
            ..Personality::default()
        })
        .await;
    }
}

#[tokio::test]
async fn the_fake_with_every_form_of_deletion_and_of_tagging_conforms() {
    for multi_tag in [MultiTag::Ignored, MultiTag::Whole, MultiTag::First(2)] {
        for (delete_tags, delete_digests) in [(false, false), (true, true), (false, true)] {
            conforms(Personality {
                multi_tag,
                delete_tags,
                delete_digests,
                ..Personality::default()
            })
            .await;
        }
    }
}
