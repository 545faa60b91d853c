//! Content once more, while a transaction is under way: all of it before a resumed commit goes on,
//! or one image's where a registry has lost it.

use crate::{
    oci::{Digest, Image},
    publish::{
        attached,
        deadline::Deadline,
        destination::{Destination, StageError},
        protocol::{
            journal::{Prepared, TagRecord},
            observation::{ContentSeen, ForgeSeen},
            state::TagProgress,
        },
        remarks::Remarks,
        run::{Position, Run},
        steps::{
            forge::take_draft,
            stage::{Staging, stage},
            unlisted::ReferrersToList,
        },
    },
};

/// The images that a journal names.
fn images(prepared: &Prepared) -> Vec<Image> {
    let document = |digest: &Digest| {
        prepared
            .document(digest)
            .expect("a journal without its images' manifests is refused when it is read")
            .clone()
    };
    let images = prepared.images.iter().map(|record| Image {
        dir: record.dir.clone(),
        manifest: document(&record.manifest),
        children: record.children.iter().map(document).collect(),
        blobs: record.blobs.clone(),
        listed: std::collections::BTreeMap::new(),
        of_layout: std::collections::BTreeMap::new(),
    });
    images.collect()
}

fn destinations<'a>(run: &'a Run, images: &'a [Image]) -> Vec<Destination<'a>> {
    let is_wanted = |place: usize, image: usize| {
        let uses = |tag: &TagRecord| tag.repository == place && tag.image == image;
        run.prepared.tags.iter().any(uses)
    };
    let places = run.apis.iter().enumerate();
    let destinations = places.map(|(place, api)| Destination {
        api: &**api,
        images: (0..images.len())
            .filter(|&image| is_wanted(place, image))
            .map(|image| &images[image])
            .collect(),
        // The journal begins when they are in place, and does not hold what they say.
        referrers: Vec::new(),
    });
    destinations.collect()
}

/// Makes the content present again before a resumed commit goes on. Before the first tag moves, the draft of somebody
/// else is taken, too.
pub(in crate::publish) async fn restage(at: Position<'_>) -> (ContentSeen, Remarks) {
    let run = at.run;
    let (seen, mut remarks) = content(run).await;
    if seen != ContentSeen::Ready || at.txn.progress.contains(&TagProgress::Ours) {
        return (seen, remarks);
    }
    let (draft, new) = take_draft(at).await;
    remarks.absorb(new);
    let seen = match draft {
        // The next look at the lock tells.
        ForgeSeen::Done | ForgeSeen::LockLost | ForgeSeen::LockUnknown => ContentSeen::Ready,
        ForgeSeen::Refused => ContentSeen::Gone,
        ForgeSeen::Unreachable => ContentSeen::Failed,
    };
    (seen, remarks)
}

async fn content(run: &Run) -> (ContentSeen, Remarks) {
    let mut remarks = Remarks::default();
    let images = images(&run.prepared);
    let staging = Staging {
        transfers: &run.transfers,
        destinations: &destinations(run, &images),
    };
    let work = async {
        stage(staging).await?;
        // Without it the images are not what was proven, so no tag goes on to them.
        Ok(attached::lost(&run.apis, &run.prepared).await?)
    };
    let seen = match run.limits.forward().run(work).await {
        Some(Ok(None)) => ContentSeen::Ready,
        Some(Ok(Some(lost))) => {
            remarks.failed(lost);
            ContentSeen::Gone
        }
        Some(Err(error)) => {
            remarks.failed(&error);
            match error {
                StageError::Gone(_) => ContentSeen::Gone,
                StageError::Registry(_) | StageError::NoDigests(_) | StageError::Directory(..) => {
                    ContentSeen::Failed
                }
            }
        }
        None => ContentSeen::Failed,
    };
    (seen, remarks)
}

/// Sends an image's content to one repository in the middle of the commit. Whether that helped, the
/// next PUT shows.
pub(in crate::publish) async fn resend_image(
    run: &Run,
    repository: usize,
    image: usize,
    limit: &Deadline,
    remarks: &mut Remarks,
) {
    let images = images(&run.prepared);
    let staging = Staging {
        transfers: &run.transfers,
        destinations: &destinations(run, &images),
    };
    let work = async {
        staging.resend(repository, &images[image], &[]).await?;
        let mut unlisted = ReferrersToList::default();
        staging
            .put_manifests(repository, &images[image], &mut unlisted)
            .await
    };
    if let Some(Err(error)) = limit.run(work).await {
        remarks.failed(error);
    }
}
