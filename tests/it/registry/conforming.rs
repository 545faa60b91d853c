//! The suite against the test registry in all its personalities, so that faults are the only thing
//! in which it differs from a real one.

use super::{
    conformance, open,
    server::{Personality, Stale, TestRegistry},
    settings,
};

#[tokio::test]
async fn the_test_registry_conforms_in_every_personality() {
    for (name, personality) in Personality::all() {
        let registry = TestRegistry::start(Personality {
            // The suite looks right after it wrote; what lags has tests of its own.
            stale: Stale::Never,
            repositories_must_exist: false,
            ..personality
        });
        conformance::suite(&|part| open(&registry.repository(&format!("acme/{part}")), settings()))
            .await;
        assert_eq!(registry.state().store.open_uploads(), 0, "{name}");
    }
}
