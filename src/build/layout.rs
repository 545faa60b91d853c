//! An image that needs no engine: a layout or archive that is there already, or that a program of
//! the project makes.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{
    build::{
        command,
        errors::task_result,
        join::{self, LegInput, LegsSource},
        paths,
        request::BuildRequest,
        source::{Description, ImageSource},
    },
    error::{Error, ErrorCode, Result},
    event::Events,
    io::layout::{self, ImageAtHand, Store, WantedImage},
    oci::Image,
    policy::ProgramLine,
};

/// `image.build.layout`, after `image.build.command` where there is one.
pub(crate) struct LayoutSource<'a> {
    pub(crate) request: &'a BuildRequest,
    /// Relative to the repository's working directory.
    pub(crate) layout: &'a str,
    /// The program that makes the layout, if any.
    pub(crate) command: Option<&'a ProgramLine>,
    /// Where programs are looked for: the value of `PATH`.
    pub(crate) search_path: Option<&'a str>,
    pub(crate) wanted: WantedImage,
    /// What legs in place of one layout say of uncommitted files, once they were read.
    pub(crate) uncommitted: Mutex<Vec<String>>,
}

#[async_trait]
impl ImageSource for LayoutSource<'_> {
    async fn check(&self) -> Result<Description> {
        let directory = &self.request.repository;
        Ok(Description::new(match self.command {
            Some(command) => {
                command::find(&command.program, directory, self.search_path)?;
                format!("`{}` makes `{}`", command.program, self.layout)
            }
            None => match &*self.places()? {
                [] => return Err(no_match(self.layout)),
                [one] => {
                    find_layout(&directory.join(one))?;
                    format!("`{one}`")
                }
                several => return self.legs(several).check().await,
            },
        }))
    }

    async fn at_hand(&self) -> Result<Option<ImageAtHand>> {
        let places = match self.command {
            Some(_) => return Ok(None),
            None => self.places()?,
        };
        let [one] = &*places else {
            return Ok(None);
        };
        let (path, wanted) = (self.request.repository.join(one), self.wanted.clone());
        let glance = tokio::task::spawn_blocking(move || layout::glance(&path, &wanted));
        let found = task_result(glance.await)?;
        if let (Some(found), Some(expected)) = (&found, &self.request.expected) {
            join::judge_listed(&found.listed, one, expected)?;
        }
        Ok(found)
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
        let request = self.request;
        if let Some(command) = self.command {
            command::run(
                command,
                &request.repository,
                &request.variables,
                events,
                cancel,
            )
            .await?;
        }
        let one = match &*self.places()? {
            [] => return Err(no_match(self.layout)),
            [one] => one.clone(),
            several => {
                let legs = self.legs(several);
                let made = legs.produce(store, events, cancel).await;
                self.tell_uncommitted(legs.uncommitted());
                return made;
            }
        };
        let (path, place) = (request.repository.join(&one), one.clone());
        let (store, wanted) = (store.clone(), self.wanted.clone());
        let (shown, cancel) = (events.clone(), cancel.clone());
        let expected = request.expected.clone();
        let adopted = tokio::task::spawn_blocking(move || {
            let image = layout::adopt(&path, &store, &wanted, &shown, &cancel)?;
            let judged = expected.map(|expected| join::judge(&image, &place, &expected));
            Ok((image, judged.transpose()?.flatten()))
        });
        let adopted = task_result(adopted.await);
        let (image, told) = adopted.map_err(|error| self.matched_alone(error, &one))?;
        if let Some(note) = &told {
            events.note(note.clone());
        }
        self.tell_uncommitted(told.into_iter().collect());
        Ok(image)
    }
}

impl LayoutSource<'_> {
    /// What `image.build.layout` names: one layout, or the legs of several machines.
    fn places(&self) -> Result<Vec<String>> {
        paths::expand(self.layout, &self.request.repository)
    }

    fn tell_uncommitted(&self, told: Vec<String>) {
        let before = self.uncommitted.lock();
        *before.unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Says what the pattern has matched, where it is one, and whose it is.
    fn matched_alone(&self, error: Error, place: &str) -> Error {
        if place == self.layout {
            return error;
        }
        let expected = self.request.expected.as_ref();
        let whose = expected.map_or_else(String::new, |it| format!(" of the image `{}`", it.image));
        error.cause(format!(
            "the pattern `{}` of `image.build.layout`{whose} matches `{place}` alone",
            self.layout
        ))
    }

    fn legs(&self, places: &[String]) -> LegsSource {
        let mut expected = self.request.expected.clone();
        if let Some(expected) = &mut expected {
            expected.layouts = Some(self.layout.to_owned());
        }
        let image = expected.as_ref().map(|expected| expected.image.clone());
        let image = image.unwrap_or_default();
        let input = |place: &String| LegInput {
            path: self.request.repository.join(place),
            name: place.clone(),
            image: Some(image.clone()),
        };
        LegsSource {
            inputs: places.iter().map(input).collect(),
            all: vec![image.clone()],
            image,
            expected,
            references: self.wanted.references.clone(),
            repositories: Vec::new(),
            uncommitted: Mutex::default(),
        }
    }
}

/// Nothing lies where the policy says that the images are.
fn no_match(pattern: &str) -> Error {
    Error::failed(format!("there is no image at `{pattern}`"))
        .with_code(ErrorCode::ImageUnusable)
        .cause("the pattern matches nothing")
        .state("nothing was published")
        .hint("`image.build.layout` names OCI layouts or archives; `image.build.command` is the program that makes them")
}

/// Makes sure that something lies where the policy says that the image is.
fn find_layout(path: &Path) -> Result<()> {
    let problem = match fs::metadata(path) {
        Ok(found) if found.is_file() => return Ok(()),
        Ok(found) if !found.is_dir() => "it is neither a directory nor a file".to_owned(),
        Ok(_) if path.join("index.json").is_file() || path.join("manifest.json").is_file() => {
            return Ok(());
        }
        Ok(_) => "the directory has no `index.json`".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(
        Error::failed(format!("there is no image at `{}`", path.display()))
            .with_code(ErrorCode::ImageUnusable)
            .cause(problem)
            .state("nothing was published")
            .hint("`image.build.layout` names an OCI layout or a `docker save` archive; `image.build.command` is the program that makes it"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::build::layout::find_layout;

    #[test]
    fn a_layout_that_is_not_there_is_said_before_the_release() {
        let dir = tempfile::tempdir().expect("a directory");
        let place = |name: &str| dir.path().join(name);
        fs::create_dir(place("empty")).expect("a directory");
        fs::create_dir(place("oci")).expect("a directory");
        fs::write(place("oci/index.json"), "{}").expect("it is written");
        fs::write(place("image.tar"), "").expect("it is written");
        for good in ["oci", "image.tar"] {
            find_layout(&place(good)).expect(good);
        }
        for (bad, cause) in [
            ("none", "No such file"),
            ("empty", "no `index.json`"),
            ("image.tar/x", "Not a directory"),
        ] {
            let error = find_layout(&place(bad)).expect_err(bad);
            assert!(error.causes()[0].contains(cause), "{error:?}");
            assert!(error.first_hint().is_some());
        }
    }
}
