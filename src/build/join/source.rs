//! Legs as an image source.

use std::sync::{Arc, Mutex, PoisonError};

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
    error::{Error, ErrorCode, Result},
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
    /// Which of them were built from uncommitted files, a line each, once they were read.
    pub(crate) uncommitted: Mutex<Vec<String>>,
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

    fn uncommitted(&self) -> Vec<String> {
        let told = self.uncommitted.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
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
                    let (wanted, events) = (self.wanted(&input), events.clone());
                    let expected = self.expected.clone();
                    let collection = Arc::clone(&collection);
                    let read = tokio::task::spawn_blocking(move || {
                        let images = (&image, &*all);
                        read::layout(
                            &input,
                            images,
                            expected.as_ref(),
                            &wanted,
                            &collection,
                            &events,
                        )
                    });
                    legs.extend(task_result(read.await)?);
                }
                LegKind::Staged(described) => {
                    for leg in self.descriptions(&input, described)? {
                        let again = refusal::stage_again(&leg, self.expected.as_ref());
                        let fetched =
                            staged::fetch(leg, &input.name, &self.repositories, &collection);
                        let fetched = tokio::select! {
                            biased;
                            () = cancel.cancelled() => return Err(crate::build::errors::interrupted()),
                            fetched = fetched => fetched,
                        };
                        legs.push(fetched.map_err(|error| match error.code() {
                            ErrorCode::LegGone => error.hint(again),
                            _ => error,
                        })?);
                    }
                }
            }
        }
        if legs.is_empty() {
            let looked_at: Vec<&str> = self.inputs.iter().map(|input| &*input.name).collect();
            let expected = self.expected.as_ref();
            return Err(refusal::no_leg(&self.image, &looked_at, expected));
        }
        let count = legs.len();
        let joined = join(&legs, self.expected.as_ref())?;
        let told = legs.iter().filter_map(LegContent::of_uncommitted_files);
        let told: Vec<String> = told.collect();
        told.iter().for_each(|line| events.note(line.clone()));
        *self
            .uncommitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = told;
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
    fn wanted(&self, input: &LegInput) -> WantedImage {
        WantedImage {
            leg: Some(input.name.clone()),
            references: self.references.clone(),
            ..WantedImage::default()
        }
    }

    /// The descriptions in `input` that are of this image, each compared with the release.
    fn descriptions(&self, input: &LegInput, legs: Vec<Leg>) -> Result<Vec<Leg>> {
        let claims: Vec<Option<&Leg>> = legs.iter().map(Some).collect();
        let (images, expected) = ((&self.image, &*self.all), self.expected.as_ref());
        let are_ours = read::are_of(input, &claims, images, expected)?;
        let all = legs.into_iter().zip(are_ours);
        let ours: Vec<Leg> = all.filter_map(|(leg, is)| is.then_some(leg)).collect();
        if let Some(expected) = expected {
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
