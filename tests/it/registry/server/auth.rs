//! Who may do what: passwords, and tokens with scopes, lives and numbers of uses.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use hyper::Response;
use serde_json::json;

use super::{
    PASSWORD, State, USER,
    api::{self, Asked},
};

/// The service that tokens are for.
const SERVICE: &str = "test-registry";

/// How requests prove whose they are.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Not at all.
    Nobody,
    /// Name and password with every request.
    Basic,
    /// A token from `/token`, for name and password.
    Bearer(Tokens),
}

/// The rules of the token service.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Life in seconds; `None` leaves it out of the answer.
    pub life: Option<u64>,
    /// Requests that a token is good for.
    pub uses: Option<u32>,
    /// What is granted at most. More is silently left out.
    pub rights: Rights,
    /// Asking for more than is granted is refused with 403.
    pub refuses_more: bool,
    /// Where challenges send for a token, instead of here.
    pub realm: Option<String>,
    /// An identity token that is good for a token, too.
    pub identity: Option<String>,
    /// The whole answer, in which `TOKEN` stands for the token.
    pub form: Option<String>,
    /// Anybody may pull.
    pub anonymous_pull: bool,
}

/// What a user may do at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    Nothing,
    Pull,
    Push,
    Delete,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            life: Some(300),
            uses: None,
            rights: Rights::Delete,
            refuses_more: false,
            realm: None,
            identity: None,
            form: None,
            anonymous_pull: true,
        }
    }
}

/// Tokens that were given out.
#[derive(Default)]
pub struct Issued {
    next: u64,
    tokens: HashMap<String, Issue>,
}

struct Issue {
    /// Actions by repository.
    scopes: BTreeMap<String, Vec<String>>,
    until: Instant,
    uses: Option<u32>,
}

/// The action that a request needs, and on which repository.
pub struct Need<'a> {
    pub path: &'a str,
    pub action: &'static str,
}

/// `None`: go on. `Some`: the refusal.
pub fn check(state: &mut State, asked: &Asked, need: &Need<'_>) -> Option<Response<Bytes>> {
    let is_base = need.path.is_empty();
    let rules = &state.personality;
    if is_base && rules.open_base {
        return None;
    }
    if let Some(status) = rules.hides_from_anonymous
        && asked.authorization.is_none()
        && !is_base
        && need.action == "pull"
    {
        return Some(api::error(status, "NAME_UNKNOWN", "unknown", None));
    }
    let hides_challenge = rules.challenge_at_base_only && !is_base;
    let mut refusal = refusal(state, asked, need)?;
    if hides_challenge {
        refusal.headers_mut().remove("www-authenticate");
    }
    Some(refusal)
}

fn refusal(state: &mut State, asked: &Asked, need: &Need<'_>) -> Option<Response<Bytes>> {
    match state.personality.auth.clone() {
        Auth::Nobody => None,
        Auth::Basic if is_user(asked) => None,
        Auth::Basic => {
            let mut refusal = api::error(401, "UNAUTHORIZED", "authentication required", None);
            challenge(&mut refusal, format!(r#"Basic realm="{SERVICE}""#));
            Some(refusal)
        }
        Auth::Bearer(tokens) => bearer(state, asked, need, &tokens),
    }
}

fn bearer(
    state: &mut State,
    asked: &Asked,
    need: &Need<'_>,
    tokens: &Tokens,
) -> Option<Response<Bytes>> {
    let token = asked
        .authorization
        .as_deref()
        .and_then(|value| value.strip_prefix("Bearer "));
    let issue = token.and_then(|token| state.tokens.tokens.get_mut(token));
    let error = match issue {
        None => None,
        Some(issue) if Instant::now() >= issue.until || issue.uses == Some(0) => {
            Some("invalid_token")
        }
        Some(issue) => {
            if let Some(uses) = &mut issue.uses {
                *uses -= 1;
            }
            let granted = issue.scopes.get(need.path);
            if granted.is_some_and(|actions| actions.iter().any(|action| action == need.action)) {
                return None;
            }
            Some("insufficient_scope")
        }
    };
    let realm = tokens
        .realm
        .clone()
        .unwrap_or_else(|| format!("{}/token", state.own));
    let error = error
        .map(|error| format!(r#",error="{error}""#))
        .unwrap_or_default();
    let Need { path, action } = need;
    let mut refusal = api::error(401, "UNAUTHORIZED", "authentication required", None);
    challenge(
        &mut refusal,
        format!(
            r#"Bearer realm="{realm}",service="{SERVICE}",scope="repository:{path}:{action}"{error}"#
        ),
    );
    Some(refusal)
}

fn challenge(response: &mut Response<Bytes>, value: String) {
    response
        .headers_mut()
        .insert("www-authenticate", value.parse().unwrap());
}

/// `Authorization: Basic` of the one user.
pub fn is_user(asked: &Asked) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    asked.authorization.as_deref() == Some(&expected)
}

/// `GET /token` and `POST /token`.
pub fn token(state: &mut State, asked: &Asked, body: &[u8]) -> Response<Bytes> {
    let Auth::Bearer(tokens) = state.personality.auth.clone() else {
        return api::error(404, "UNSUPPORTED", "no token service", None);
    };
    let fields = if asked.method == "POST" {
        url::form_urlencoded::parse(body).into_owned().collect()
    } else {
        asked.query.clone()
    };
    let value = |name: &str| {
        fields
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.clone())
    };
    if value("service").as_deref() != Some(SERVICE) {
        return api::error(400, "BAD_REQUEST", "unknown service", None);
    }
    let is_known = if asked.method == "POST" {
        tokens.identity.is_some() && value("refresh_token") == tokens.identity
    } else {
        is_user(asked)
    };
    if !is_known
        && (asked.authorization.is_some() || asked.method == "POST" || !tokens.anonymous_pull)
    {
        let details = json!({"details": "incorrect username or password"}).to_string();
        return Response::builder()
            .status(401)
            .body(details.into())
            .unwrap();
    }
    let rights = if is_known {
        tokens.rights
    } else {
        tokens.rights.min(Rights::Pull)
    };
    let scopes = fields
        .iter()
        .filter(|(name, _)| name == "scope")
        .flat_map(|(_, s)| s.split(' '));
    let Some(scopes) = grant(scopes, rights, tokens.refuses_more) else {
        return api::error(
            403,
            "DENIED",
            "requested access to the resource is denied",
            None,
        );
    };
    issue(state, scopes, &tokens)
}

fn grant<'a>(
    scopes: impl Iterator<Item = &'a str>,
    rights: Rights,
    refuses_more: bool,
) -> Option<BTreeMap<String, Vec<String>>> {
    let mut granted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for scope in scopes {
        let Some((name, actions)) = scope
            .strip_prefix("repository:")
            .and_then(|rest| rest.rsplit_once(':'))
        else {
            continue;
        };
        for action in actions.split(',') {
            let needs = match action {
                "pull" => Rights::Pull,
                "push" => Rights::Push,
                _ => Rights::Delete,
            };
            if needs <= rights {
                granted
                    .entry(name.to_owned())
                    .or_default()
                    .push(action.to_owned());
            } else if refuses_more {
                return None;
            }
        }
    }
    Some(granted)
}

fn issue(
    state: &mut State,
    scopes: BTreeMap<String, Vec<String>>,
    tokens: &Tokens,
) -> Response<Bytes> {
    state.tokens.next += 1;
    // A JSON Web Token without a signature: it says what it allows.
    let access: Vec<_> = scopes
        .iter()
        .map(|(name, actions)| json!({"type": "repository", "name": name, "actions": actions}))
        .collect();
    let claims = URL_SAFE_NO_PAD.encode(json!({ "access": access }).to_string());
    let token = format!("token-{}.{claims}.none", state.tokens.next);
    let life = Duration::from_secs(tokens.life.unwrap_or(60));
    state.tokens.tokens.insert(
        token.clone(),
        Issue {
            scopes,
            until: Instant::now() + life,
            uses: tokens.uses,
        },
    );
    if let Some(form) = &tokens.form {
        let answer = form.replace("TOKEN", &token);
        return Response::builder().body(answer.into()).unwrap();
    }
    let mut answer = json!({"token": token});
    if let Some(life) = tokens.life {
        answer["expires_in"] = life.into();
    }
    Response::builder()
        .header("content-type", "application/json")
        .body(answer.to_string().into())
        .unwrap()
}
