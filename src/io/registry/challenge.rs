//! How a registry wants requests to be authenticated, as its challenges say.

use url::Url;

use crate::io::registry::{header::Challenge, origin::Origin};

/// How the registry wants requests to be authenticated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum AuthScheme {
    /// It has not asked for anything yet.
    #[default]
    Unknown,
    /// Name and password with each request.
    Basic,
    /// A token of a token service.
    Bearer {
        /// The token service.
        realm: Url,
        /// What the token service calls the registry.
        service: Option<String>,
    },
}

/// What follows from a 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Challenged {
    /// Another try can succeed.
    TryAgain,
    /// What was sent was refused.
    Refused,
    /// It does not say how to log in, or in no way that is supported.
    Nothing,
}

impl AuthScheme {
    /// The scheme that challenges ask for: a token where its service may be asked, else a password.
    /// The error is the rule that forbids the only service.
    pub(crate) fn asked_for(challenges: &[Challenge], origin: &Origin) -> Result<Self, String> {
        let find = |scheme: &str| challenges.iter().find(|c| c.scheme == scheme);
        let basic = find("basic").map(|_| Self::Basic);
        let Some(bearer) = find("bearer") else {
            return Ok(basic.unwrap_or_default());
        };
        let realm = bearer
            .parameters
            .get("realm")
            .ok_or_else(|| "it asks for a token and names no token service".to_owned())
            .and_then(|realm| origin.realm(realm));
        match (realm, basic) {
            (Ok(realm), _) => Ok(Self::Bearer {
                realm,
                service: bearer.parameters.get("service").cloned(),
            }),
            (Err(_), Some(basic)) => Ok(basic),
            (Err(rule), None) => Err(rule),
        }
    }
}

/// What a 401 asks for that is not supported, in words.
pub(crate) fn unsupported(challenges: &[Challenge]) -> String {
    let schemes: Vec<&str> = challenges.iter().map(|c| &*c.scheme).take(5).collect();
    if schemes.is_empty() {
        "the registry does not say how to log in, neither here nor at `/v2/`: no credentials were sent"
            .to_owned()
    } else {
        format!(
            "the registry asks for `{}`, and only `Basic` and `Bearer` are supported: no credentials \
             were sent",
            schemes.join("`, `")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::registry::header::challenges;

    #[test]
    fn a_token_comes_before_a_password_where_its_service_may_be_asked() {
        let origin = Origin {
            base: Url::parse("https://r.example.org/").expect("a URL"),
            token_host: None,
        };
        let scheme =
            |header: &str| AuthScheme::asked_for(&challenges([header].into_iter()), &origin);
        let bearer = |service: Option<&str>| {
            Ok(AuthScheme::Bearer {
                realm: Url::parse("https://r.example.org/token").expect("a URL"),
                service: service.map(ToOwned::to_owned),
            })
        };
        let near = r#"Bearer realm="https://r.example.org/token""#;
        assert_eq!(scheme(near), bearer(None));
        assert_eq!(scheme(&format!("{near},service=s")), bearer(Some("s")));
        assert_eq!(scheme(&format!("Basic realm=x, {near}")), bearer(None));
        assert_eq!(scheme("Basic"), Ok(AuthScheme::Basic));
        let far = r#"Bearer realm="http://core:8080/token""#;
        assert!(scheme(far).expect_err("it is far").contains("core:8080"));
        assert_eq!(
            scheme(&format!("{far}, Basic realm=x")),
            Ok(AuthScheme::Basic)
        );
        assert!(scheme("Bearer").is_err());
        for none in ["", "Negotiate", "Digest realm=x", "AWS4-HMAC-SHA256"] {
            assert_eq!(scheme(none), Ok(AuthScheme::Unknown), "{none}");
        }
        let words = unsupported(&challenges(["Negotiate, Digest realm=x"].into_iter()));
        assert!(words.contains("`negotiate`, `digest`"), "{words}");
    }
}
