//! The suite against the test registry in all its personalities, so that faults are the only thing
//! in which it differs from a real one.

use super::{
    conformance, open,
    server::{Personality, Stale, TestRegistry},
    settings,
};

async fn conforms(name: &str) {
    let all = Personality::all();
    let (_, personality) = all.into_iter().find(|(known, _)| *known == name).unwrap();
    let registry = TestRegistry::start(Personality {
        // The suite looks right after it wrote; what lags has tests of its own.
        stale: Stale::Never,
        repositories_must_exist: false,
        ..personality
    });
    let place = |part: &str| registry.repository(&format!("acme/{part}"));
    conformance::suite(&|part| open(&place(part), settings())).await;
    assert_eq!(registry.state().store.open_uploads(), 0);
}

macro_rules! personalities {
    ($($function:ident $name:literal)*) => {
        $(#[tokio::test]
        async fn $function() {
            conforms($name).await;
        })*

        #[test]
        fn no_personality_is_left_out() {
            let names = Personality::all().map(|(name, _)| name);
            assert_eq!(names, [$($name),*]);
        }
    };
}

personalities! {
    a_plain_registry_conforms "plain"
    distribution_conforms "distribution"
    docker_hub_conforms "docker hub"
    ghcr_conforms "ghcr"
    ecr_conforms "ecr"
    harbor_conforms "harbor"
    zot_conforms "zot"
    gitlab_conforms "gitlab"
    a_careless_registry_conforms "careless"
    a_silent_registry_conforms "silent"
}
