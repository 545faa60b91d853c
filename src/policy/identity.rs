//! What a policy says, as one digest: a stored plan is carried out only under the policy that it was
//! made with.

use serde_json::Value;

use crate::{oci::Digest, policy::release_toml::Policy};

impl Policy {
    /// The digest of the policy's canonical JSON.
    ///
    /// The JSON has the keys of `release.toml`, each with its value or its default, and `null` where
    /// a key has neither. Patterns, templates and platforms are their text, durations are
    /// milliseconds (`"60000ms"`). The keys of each object are sorted by their bytes, and there is no
    /// white space. A key that came after
    /// the first release of hoist is left out where it has its default. So the order of keys, comments and spelling of a file do not count, and a default
    /// that changes between two versions of hoist does.
    #[must_use]
    pub fn identity(&self) -> Digest {
        Digest::of(canonical_json(self).as_bytes())
    }
}

fn canonical_json(policy: &Policy) -> String {
    let mut value =
        serde_json::to_value(policy).expect("the keys of a policy are text, and its values JSON");
    sort_keys(&mut value);
    value.to_string()
}

fn sort_keys(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.sort_keys();
            object.values_mut().for_each(sort_keys);
        }
        Value::Array(values) => values.iter_mut().for_each(sort_keys),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::identity::*;

    fn identity(text: &str) -> Digest {
        let policy = Policy::parse(text, "release.toml").expect("a good policy");
        policy.identity()
    }

    #[test]
    fn the_same_policy_in_other_words_has_the_same_identity() {
        let one = "[image]\nrepository = \"acme/api\"\n[image.labels]\na = \"1\"\nb = \"2\"\n\
                   [publish]\ndeadline = \"10m\"\ngrace = \"2s\"\n\
                   [[version.rules]]\ntype = \"perf\"\nbump = \"minor\"\n";
        let other = "# a comment\nversion.rules = [{ bump = \"minor\", type = 'perf' }]\n\n\
                     [publish]\ngrace   =   \"2000ms\"\n\
                     [image]\nlabels = { b = \"2\", a = \"1\" }\nrepository = \"docker.io/acme/api\"\n";
        assert_eq!(identity(one), identity(other));
    }

    #[test]
    fn another_value_is_another_identity() {
        let mut seen = vec![identity("")];
        for text in [
            "[image]\nrepository = \"acme/api\"",
            "[image.build]\ncontext = \"api\"",
            "[image.build]\nplatforms = [\"linux/amd64\"]",
            "[image.build]\nsource = \"worktree\"",
            "[image.build]\nlayout = \"dist\"",
            "[image.build]\nlayout = \"dist\"\ncommand = [\"make\"]",
            "[image.build]\nlayout = \"dist\"\ncommand = [\"make\", \"image\"]",
            "[image.build]\nsecrets = [{ id = \"a\", env = \"b\" }]",
            "[image.build]\nsecrets = [{ id = \"a\", file = \"b\" }]",
            "[image.build]\nssh = [\"default\"]",
            "[version]\npaths = [\"a\"]",
            "[version]\npaths = [\"!a\"]",
            "[version]\nfiles = [{ path = \"VERSION\" }]",
            "[version]\nfiles = [{ path = \"VERSION\", pattern = \"(.*)\" }]",
            "[[version.rules]]\nmatch = \"x\"\nbump = \"none\"",
            "[branches]\nmaintenance = []",
            "[tags]\nfixed = [\"v{version}\"]",
            "[tags]\nguard = \"git\"",
            "[image.build]\nlayout = \"dist\"\nsame-image = \"allow\"",
            "[image.budget]\nmax = \"120MB\"",
            "[image.budget]\nmax = \"121MB\"",
            "[image.budget]\ndeny = [\"root-user\"]",
            "[variants.alpine]",
            "[variants.alpine]\nlatest-suffix = false",
            "[publish]\ndeadline = \"9m\"",
            "[hooks]\nafter-stage = [{ run = [\"a\"] }]",
            "[hooks]\nafter-stage = [{ run = [\"a\"], timeout = \"1m\" }]",
            "[[announce]]\nurl = { env = \"A\" }\ntemplate = \"a\"",
            "[forge]",
            "[forge]\nassets = [\"a\"]",
            "[git]\nlock-refs = \"refs/heads/hoist\"",
            "[registry.\"r.example.org\"]\nplain-http = true",
        ] {
            let identity = identity(text);
            assert!(!seen.contains(&identity), "{text}");
            seen.push(identity);
        }
    }

    /// A stored plan outlives the names inside this crate: whoever changes this digest makes every
    /// reviewed plan out of date.
    #[test]
    fn the_defaults_have_the_identity_that_they_always_had() {
        let json = canonical_json(&Policy::default());
        assert!(
            json.starts_with(r#"{"branches":{"maintenance":["{major}.x","#),
            "{json}"
        );
        assert_eq!(
            Policy::default().identity().to_string(),
            "sha256:88f6e9bfddf681bdce0eee527ce91c92d5d3ce82bbed922604d4bdc22dde280a",
            "{json}"
        );
    }
}
