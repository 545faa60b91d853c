//! What kind of failure it is, and which one: what a program decides by.

use serde::Serialize;

use crate::exit;

/// Why a run did not end well. Each kind has one exit code ([`ErrorKind::exit_code`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// A bug in hoist.
    Bug,
    /// The command line or `release.toml`.
    Usage,
    /// Nothing to release, where a release was required.
    NothingToRelease,
    /// The facts were read and say no: policy, tree, tags, the registry's state.
    Refused,
    /// Locked, or an unfinished release is in the way.
    Busy,
    /// A request, credential, engine, build or stage failed, or another writer was seen, before
    /// any tag moved.
    Failed,
    /// The release failed, and everything was put back.
    RolledBack,
    /// Manual action is needed, or policy holds the release: the outcome lists what is where.
    NeedsHuman,
    /// Tags disagree.
    Disagree,
    /// A signal ended the run; nothing is half done, or the journal says what.
    Interrupted,
}

impl ErrorKind {
    /// The exit code of the program for this kind: one of [`exit`].
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Bug => exit::BUG,
            Self::Usage => exit::USAGE,
            Self::NothingToRelease => exit::NOTHING,
            Self::Refused => exit::REFUSED,
            Self::Busy => exit::BUSY,
            Self::Failed => exit::FAILED,
            Self::RolledBack => exit::ROLLED_BACK,
            Self::NeedsHuman => exit::NEEDS_HUMAN,
            Self::Disagree => exit::DISAGREE,
            Self::Interrupted => exit::INTERRUPTED,
        }
    }

    /// The code of an error of which nothing closer is known.
    pub(super) const fn code(self) -> ErrorCode {
        match self {
            Self::Bug => ErrorCode::Bug,
            Self::Usage => ErrorCode::Usage,
            Self::NothingToRelease => ErrorCode::NothingToRelease,
            Self::Refused => ErrorCode::Refused,
            Self::Busy => ErrorCode::Busy,
            Self::Failed => ErrorCode::Failed,
            Self::RolledBack => ErrorCode::RolledBack,
            Self::NeedsHuman => ErrorCode::NeedsHuman,
            Self::Disagree => ErrorCode::TagsDisagree,
            Self::Interrupted => ErrorCode::Interrupted,
        }
    }
}

/// Which failure it is, for programs: one for each that a program would decide by. Codes are
/// stable, in JSON as `"code": "version-taken"`; texts are not. More can be added, so that an error
/// which has the code of its kind today can have a closer one tomorrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// A bug in hoist.
    Bug,

    /// The command line asks for something that cannot be, or names something that is not there.
    Usage,
    /// `release.toml` cannot be read, or is not a valid policy.
    InvalidPolicy,
    /// The policy file belongs to another tool that uses the same name.
    PolicyOfOtherTool,
    /// Nothing says to which repository a release goes.
    NoRepository,
    /// A question needs an answer, and standard input is not a terminal.
    NotATerminal,

    /// There is nothing to release, where a release was required.
    NothingToRelease,

    /// The facts say no, and nothing closer is known.
    Refused,
    /// There is no git repository that hoist can read.
    NotAGitRepository,
    /// The repository has no commit yet.
    NoCommits,
    /// The clone does not have the part of the history that the answer needs.
    ShallowClone,
    /// A commit message breaks the policy's rule for commit messages.
    UnconventionalCommits,
    /// HEAD belongs to a pull request.
    PullRequest,
    /// The policy does not release from this branch.
    BranchNotReleased,
    /// The policy file in use is not the one that HEAD has.
    PolicyNotCommitted,
    /// The working tree has changes that would be part of the image, and no commit holds them.
    DirtyTree,
    /// The git remote does not have the commit that is to be released, or not its git tag.
    NotPushed,
    /// A git tag of the same name points at something else here than on the remote.
    GitTagDiffers,
    /// The version is another commit's, by its git tag.
    VersionTaken,
    /// The version was taken back.
    Withdrawn,
    /// The version is published already, as an image that is not this release's.
    PublishedFromElsewhere,
    /// The version is published already, and no repository has the image that its git tag records.
    ImageGone,
    /// A fixed tag shows another image.
    TagTaken,
    /// The registry does not let a tag move.
    TagImmutable,
    /// The registry does not let its list of tags be read, and nothing else says what is published.
    TagsUnlisted,
    /// The version, release or image that was named is not there.
    NotReleased,
    /// HEAD, the policy, a tag or an image has changed since the plan was made.
    PlanOutOfDate,
    /// The image in the layout was built from another commit, by its revision label.
    ImageOfOtherCommit,
    /// The image in the layout was made for another version, by its version label.
    ImageOfOtherVersion,
    /// An image in the layout is listed for another platform than its configuration names.
    ImageOfOtherPlatform,
    /// The image in the layout is the one that another release published.
    SameImage,
    /// Somebody else's draft on the forge has the git tag of this release.
    ForgeTaken,
    /// The gate (`hooks.after-stage`) has refused the image.
    GateRefused,
    /// A signature that was to be there is not, or is not proven.
    NotSigned,
    /// What is about an image is more than is copied with it.
    TooManyReferrers,
    /// A leg does not belong to this release, is not whole, or the legs do not fit together.
    LegUnfit,
    /// The image is over `[image.budget]`.
    OverBudget,

    /// Another release is in the way, and nothing closer is known.
    Busy,
    /// An unfinished release is in the way.
    UnfinishedRelease,
    /// Another process holds the lock, or may still be running.
    Locked,
    /// A lock or a journal exists that cannot be read.
    JournalUnreadable,
    /// A journal that came from a lock says what the policy would not do.
    JournalUnfit,

    /// Something failed before any tag moved, and nothing closer is known.
    Failed,
    /// The registry does not know the credentials, or there are none.
    Unauthorized,
    /// The credentials lack a right.
    Denied,
    /// The registry does not have the repository.
    RepositoryUnknown,
    /// The registry does not answer.
    RegistryUnreachable,
    /// The registry asks for fewer requests.
    RateLimited,
    /// The git remote does not answer, or refuses.
    GitRemote,
    /// The engine that would build does not answer.
    EngineUnreachable,
    /// The build failed.
    BuildFailed,
    /// The image cannot be read or used.
    ImageUnusable,
    /// A file that is to be attached cannot be read, or is about nothing in the image.
    AttachmentUnusable,
    /// A hook failed, could not be run, or took too long.
    HookFailed,
    /// The release on the forge could not be prepared, or the token may not do that.
    ForgeFailed,
    /// The program that signs failed, could not be run, or took too long.
    SignFailed,
    /// The content of a staged leg is in none of the repositories.
    LegGone,
    /// The content could not be sent to a registry.
    StageFailed,
    /// Another writer changed a tag while the release was running.
    OtherWriter,

    /// The release failed, and everything was put back.
    RolledBack,
    /// Manual action is needed, or policy holds the release.
    NeedsHuman,
    /// The release is published, and its page on the forge is not public.
    ForgeHidden,
    /// Tags disagree.
    TagsDisagree,
    /// A signal ended the run.
    Interrupted,
    /// The answer to a question was no.
    Declined,
}
