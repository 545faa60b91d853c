//! Tags by what their messages say.

use crate::{
    error::Result,
    io::git::read::{GitRepository, problem},
};

impl GitRepository {
    /// The annotated tags of this clone whose objects have one of `words` in them, with their messages. `is_wanted` tells by
    /// the name which tags are looked at. Each is read by its id: to look its name up again takes longer than the rest.
    ///
    /// # Errors
    /// Refused (exit 4) where the refs or the objects cannot be read.
    pub fn tags_that_say(
        &self,
        words: &[String],
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>> {
        let unreadable = |error: &git2::Error| problem("cannot read the tags", error);
        let references = self.git.references_glob("refs/tags/*");
        let references = references.map_err(|error| unreadable(&error))?;
        let odb = self.git.odb().map_err(|error| unreadable(&error))?;
        let mut found = Vec::new();
        for reference in references.flatten() {
            let name = reference.name().ok();
            let name = name.and_then(|name| name.strip_prefix("refs/tags/"));
            let (Some(name), Some(id)) = (name, reference.target()) else {
                continue;
            };
            // A clone can lack what a tag names.
            let Some(object) = is_wanted(name).then(|| odb.read(id).ok()).flatten() else {
                continue;
            };
            if object.kind() != git2::ObjectType::Tag {
                continue;
            }
            let text = String::from_utf8_lossy(object.data());
            if words.iter().any(|word| text.contains(word)) {
                let message = self.tag_message(name)?;
                found.extend(message.map(|message| (name.to_owned(), message)));
            }
        }
        Ok(found)
    }
}
