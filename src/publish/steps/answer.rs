//! What kind of answer a failed request for a tag is.

use crate::{
    io::registry::{RegistryError, RegistryErrorKind},
    publish::protocol::verdict::Answered,
};

/// What kind of answer a failed PUT of a tag is.
pub(in crate::publish) fn answered(error: &RegistryError) -> Answered {
    match &error.kind {
        RegistryErrorKind::Server | RegistryErrorKind::Lost => Answered::Ambiguous,
        RegistryErrorKind::TooManyRequests(_)
        | RegistryErrorKind::Unreachable
        | RegistryErrorKind::ProxyUnreachable
        | RegistryErrorKind::NotPermitted => Answered::Later,
        RegistryErrorKind::Unauthorized
        | RegistryErrorKind::NoCredentials(_)
        | RegistryErrorKind::Denied
        | RegistryErrorKind::NotFound
        | RegistryErrorKind::NameUnknown
        | RegistryErrorKind::BlobsMissing(_)
        | RegistryErrorKind::TooLarge
        | RegistryErrorKind::NoChallenge
        | RegistryErrorKind::ProxyRefused
        | RegistryErrorKind::Unclear
        | RegistryErrorKind::Setup
        | RegistryErrorKind::Refused
        | RegistryErrorKind::BadAnswer
        | RegistryErrorKind::Credentials(_)
        | RegistryErrorKind::File => Answered::Refused,
    }
}
