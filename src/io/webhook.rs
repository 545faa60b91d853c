//! Sends a message to an address that is a secret: chat rooms give out such addresses, and whoever has
//! one can write there. It is part of no error and no trace.

use std::time::Duration;

use tokio::time::timeout;
use url::{Host, Url};

use crate::{
    io::{
        environment::Environment,
        http::{
            Body, HeaderMap, HeaderValue, Method, Request, TlsConfig, Transport, TransportError,
            header,
        },
        lease::Permit,
        mask::Mask,
        proxy::Proxies,
    },
    text::sanitize_line,
};

/// How long a message may take in all.
const LIMIT: Duration = Duration::from_secs(30);
/// How much of an answer is read, in bytes.
const READ: usize = 8 * 1024;
/// How much of it is shown, in characters.
const SHOWN: usize = 300;

/// An address that messages are sent to.
pub(crate) struct Webhook {
    url: Url,
    host: String,
    is_loopback: bool,
    mask: Mask,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookError {
    /// The address is none that a message can be sent to.
    #[error("it is not an address that starts with `https://`")]
    NotAnAddress,
    /// The service did not take it.
    #[error("{0}")]
    Refused(String),
    /// There was no answer.
    #[error("{0}")]
    NoAnswer(String),
}

impl Webhook {
    /// Without TLS only this machine is spoken to.
    ///
    /// # Errors
    /// The text is no such address. The error does not repeat it.
    pub(crate) fn new(address: &str) -> Result<Self, WebhookError> {
        let url = Url::parse(address.trim()).map_err(|_| WebhookError::NotAnAddress)?;
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(WebhookError::NotAnAddress),
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return Err(WebhookError::NotAnAddress),
        }
        Ok(Self {
            mask: Mask::of_address(&url),
            url,
            host,
            is_loopback,
        })
    }

    /// The host, which can be shown.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Sends the message, once.
    ///
    /// # Errors
    /// It was not taken, or that is not known.
    pub(crate) async fn send(
        &self,
        message: String,
        environment: &Environment,
    ) -> Result<(), WebhookError> {
        let sent = timeout(LIMIT, self.exchange(message, environment));
        let no_answer =
            || WebhookError::NoAnswer(format!("no answer within {} s", LIMIT.as_secs()));
        sent.await.unwrap_or_else(|_| Err(no_answer()))
    }

    async fn exchange(
        &self,
        message: String,
        environment: &Environment,
    ) -> Result<(), WebhookError> {
        let transport = Transport::new(LIMIT, Proxies::new(environment)).with_secret_paths();
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        let request = Request {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body: Body::Bytes(message.into()),
        };
        let tls = TlsConfig {
            ca_file: None,
            loopback: self.is_loopback,
        };
        let answer = transport.send(&tls, request, Permit::always()).await;
        let answer = answer.map_err(|failure| WebhookError::NoAnswer(self.words(failure)))?;
        let status = answer.status();
        if (200..300).contains(&status) {
            return Ok(());
        }
        let body = answer.beginning(READ).await;
        let body = self.without_secret(&String::from_utf8_lossy(&body));
        Err(WebhookError::Refused(match body.is_empty() {
            true => format!("answered {status}"),
            false => format!("answered {status}: {body}"),
        }))
    }

    fn words(&self, failure: TransportError) -> String {
        let text = match failure {
            TransportError::Unreachable { detail, .. }
            | TransportError::Proxy { detail, .. }
            | TransportError::Lost(detail)
            | TransportError::Setup(detail)
            | TransportError::ProxySetting(detail)
            | TransportError::File(detail) => detail,
            TransportError::TooLarge(_) => "the answer is too large".to_owned(),
            TransportError::NotPermitted(ended) => ended.to_string(),
        };
        self.without_secret(&text)
    }

    /// A text from outside without what the address keeps secret.
    fn without_secret(&self, text: &str) -> String {
        sanitize_line(self.mask.hide(text).trim(), SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use crate::io::webhook::*;

    #[test]
    fn only_addresses_with_tls_are_spoken_to_but_on_this_machine() {
        for good in [
            "https://hooks.slack.com/services/T/B/x",
            " https://discord.com/api/webhooks/1/x\n",
            "http://127.0.0.1:8080/x",
            "http://localhost/x",
            "http://[::1]:1/x",
        ] {
            assert!(Webhook::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "hooks.slack.com/x",
            "http://10.0.0.1/x",
            "file:///x",
            "mailto:a@b",
        ] {
            let error = Webhook::new(bad).err().expect(bad);
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{bad}");
        }
    }

    #[test]
    fn what_an_answer_repeats_of_the_address_is_not_shown() {
        let hook = Webhook::new("https://u:passw0rd@h.example.org/services/s3cret?key=tok3n");
        let hook = hook.expect("an address");
        assert_eq!(hook.host(), "h.example.org");
        for text in [
            "no /services/s3cret with key=tok3n for passw0rd\u{1b}[0m",
            "no %2fservices%2Fs3cret with \"tok3n\" for cGFzc3cwcmQ=",
            "no \\/services\\/s3cret, dTpwYXNzdzByZA==",
        ] {
            let shown = hook.without_secret(text);
            for secret in ["s3cret", "tok3n", "passw", "cGFzc3", "dTpwYXNz", "\u{1b}"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        // What is cut off behind the end of what is shown is no reason to show its beginning.
        let long = format!("{}s3cret", "x".repeat(SHOWN - 3));
        assert!(!hook.without_secret(&long).contains("s3c"));
    }
}
