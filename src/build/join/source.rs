//! Legs as an image source.

use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::build::join::read::LegInput;
use crate::{
    build::{
        errors::task_result,
        join::{
            belongs,
            content::LegContent,
            expected::Expected,
            index::{Joined, join},
            leg::Leg,
            read::{self, LegKind},
            refusal, staged,
        },
        source::{Description, ImageSource},
    },
    error::{Error, Result},
    event::Events,
    io::{
        layout::{Collection, Store, WantedImage},
        registry::RepositoryApi,
    },
    oci::{Image, ImageName},
};

/// The legs of one image.
pub(crate) struct LegsSource {
    /// All files, also those with legs of other images.
    pub(crate) inputs: Vec<LegInput>,
    /// The image that is wanted.
    pub(crate) image: ImageName,
    /// All images of the policy.
    pub(crate) all: Vec<ImageName>,
    /// What the legs have to agree with; nothing for a trial.
    pub(crate) expected: Option<Expected>,
    /// Names that decide between several images of a layout without descriptions.
    pub(crate) references: Vec<String>,
    /// Where staged content is looked for.
    pub(crate) repositories: Vec<Arc<dyn RepositoryApi>>,
}

#[async_trait]
impl ImageSource for LegsSource {
    async fn check(&self) -> Result<Description> {
        let inputs = read::each_once(&self.inputs);
        for input in &inputs {
            let kind = read::kind(input).map_err(|error| within_layout(error, input))?;
            if let LegKind::Staged(legs) = kind {
                self.descriptions(input, legs)?;
            }
        }
        let names: Vec<String> = inputs
            .iter()
            .map(|input| format!("`{}`", input.name))
            .collect();
        Ok(Description::new(format!("legs: {}", names.join(", "))))
    }

    async fn produce(
        &self,
        store: &Store,
        events: &Events,
        cancel: &CancellationToken,
    ) -> Result<Image> {
        let collection = Arc::new(Collection::begin(store, cancel)?);
        let mut legs = Vec::new();
        for input in read::each_once(&self.inputs) {
            match read::kind(&input).map_err(|error| within_layout(error, &input))? {
                LegKind::Layout => {
                    let (image, all) = (self.image.clone(), self.all.clone());
                    let (wanted, events) = (self.wanted(), events.clone());
                    let collection = Arc::clone(&collection);
                    let read = tokio::task::spawn_blocking(move || {
                        read::layout(&input, &image, &all, &wanted, &collection, &events)
                    });
                    legs.extend(task_result(read.await)?);
                }
                LegKind::Staged(described) => {
                    for leg in self.descriptions(&input, described)? {
                        let fetched =
                            staged::fetch(leg, &input.name, &self.repositories, &collection);
                        let fetched = tokio::select! {
                            biased;
                            () = cancel.cancelled() => return Err(crate::build::errors::interrupted()),
                            fetched = fetched => fetched,
                        };
                        legs.push(fetched?);
                    }
                }
            }
        }
        if legs.is_empty() {
            return Err(refusal::no_leg(&self.image.to_string()));
        }
        let count = legs.len();
        let joined = join(&legs, self.expected.as_ref())?;
        for note in legs.iter().filter_map(LegContent::of_uncommitted_files) {
            events.note(note);
        }
        for left_out in &joined.left_out {
            events.warning(left_out);
        }
        if count > 1 {
            events.note(format!("joined {count} legs"));
        }
        let finished = tokio::task::spawn_blocking(move || finish(collection, joined));
        task_result(finished.await)
    }
}

impl LegsSource {
    /// Nothing of this machine or this moment: the bytes depend on the legs alone.
    fn wanted(&self) -> WantedImage {
        WantedImage {
            references: self.references.clone(),
            ..WantedImage::default()
        }
    }

    /// The descriptions in `input` that are of this image, each compared with the release.
    fn descriptions(&self, input: &LegInput, legs: Vec<Leg>) -> Result<Vec<Leg>> {
        let claims: Vec<Option<&Leg>> = legs.iter().map(Some).collect();
        let are_ours = read::are_of(input, &claims, &self.image, &self.all)?;
        let all = legs.into_iter().zip(are_ours);
        let ours: Vec<Leg> = all.filter_map(|(leg, is)| is.then_some(leg)).collect();
        if let Some(expected) = &self.expected {
            for leg in &ours {
                belongs::check_description(leg, expected, &input.name)?;
            }
        }
        Ok(ours)
    }
}

fn finish(collection: Arc<Collection>, joined: Joined) -> Result<Image> {
    let collection = Arc::into_inner(collection)
        .ok_or_else(|| Error::bug("a task still reads a leg after all of them were read"))?;
    collection.finish(joined.manifest, joined.children, joined.blobs)
}

/// A pattern such as `dist/*` reaches into the layout where `dist` itself is one.
fn within_layout(error: Error, input: &LegInput) -> Error {
    if !read::is_inside_layout(&input.path) {
        return error;
    }
    let folder = input
        .name
        .rsplit_once('/')
        .map_or(".", |(folder, _)| folder);
    error.hint(format!("`{folder}` itself is a layout: name it instead"))
}
