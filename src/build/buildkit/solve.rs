//! One build: asks for it, follows its steps, waits for its end.

use std::{error::Error as _, pin::pin, sync::atomic::Ordering, time::Duration};

use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest};
use tonic::Status;

use crate::{
    build::{
        buildkit::control::BuildkitControl,
        engine::{
            error::{broken, build_failed},
            progress::Progress,
            watchdog::Activity,
        },
    },
    error::{Error, Result},
};

/// How long the end of the steps' output may take after the end of the build.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Carries out `request`. Dropped, the build is cancelled.
///
/// # Errors
/// The build's own reason why it failed.
pub(crate) async fn solve(
    control: &BuildkitControl,
    request: SolveRequest,
    progress: &mut Progress,
    activity: &Activity,
) -> Result<()> {
    let solved = {
        let mut client = control.client();
        let mut following = pin!(follow(control, &request.r#ref, progress, activity));
        let mut solving = pin!(client.solve(request.clone()));
        let (solved, followed) = tokio::select! {
            solved = &mut solving => (solved, false),
            () = &mut following => (solving.await, true),
        };
        if !followed {
            // What the failing step has printed last is worth waiting for.
            let _ = tokio::time::timeout(LAST_WORDS, following).await;
        }
        solved
    };
    match solved {
        Ok(_) => Ok(()),
        Err(status) => Err(why(&status, progress)),
    }
}

/// BuildKit's own reason; the transport's, where BuildKit gave none.
fn why(status: &Status, progress: &Progress) -> Error {
    match status.source() {
        Some(_) => broken(status),
        None => build_failed(&progress.harmless(status.message())),
    }
}

/// Passes on what the steps report, until the build has ended. A build goes on when it cannot be followed.
async fn follow(control: &BuildkitControl, id: &str, progress: &mut Progress, activity: &Activity) {
    let request = StatusRequest {
        r#ref: id.to_owned(),
    };
    let mut client = control.client();
    let Ok(answer) = client.status(request).await else {
        return;
    };
    let mut reports = answer.into_inner();
    while let Ok(Some(report)) = reports.message().await {
        activity.fetch_add(1, Ordering::Relaxed);
        progress.buildkit(report);
    }
}
