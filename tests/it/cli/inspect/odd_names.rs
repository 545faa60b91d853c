//! An image whose files have names that nobody expects.

use super::recipe::{Item, Recipe, content, file, layer, recipe, whiteout};

pub fn image() -> Recipe {
    let long = format!("{}/{}/file", "d".repeat(120), "e".repeat(120));
    recipe(
        "odd names",
        vec![
            layer(
                "COPY . .",
                vec![
                    Item::File(b"a/\xff\xfe".to_vec(), b"not UTF-8".to_vec()),
                    Item::File(b"a/\xff\xfd".to_vec(), b"not UTF-8 either".to_vec()),
                    content("a/<script>alert('x')<", "1"),
                    content("a/with space \"and\" quotes", "22"),
                    content("a/\u{202e}gpj.exe", "333"),
                    content("a/back\\slash", "4444"),
                    content("./b/./c", "55555"),
                    file(&long, 5_000, "long"),
                    Item::Pipe("run/pipe".into()),
                    content("empty", ""),
                ],
            ),
            layer("RUN rm", vec![whiteout(&long)]),
        ],
    )
}
