//! The blocks of bake files, merged.

use std::collections::BTreeMap;

use hcl::{Body, Expression, Value, expr::TemplateExpr};
use serde_json::Value as Json;

use crate::init::bake::compose::is_compose;

/// Attributes by their names.
pub(super) type Attributes = Vec<(String, Expression)>;

/// A function that a bake file defines.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) params: Vec<String>,
    pub(super) variadic: Option<String>,
    pub(super) result: Expression,
}

/// What bake files define.
#[derive(Debug, Clone, Default)]
pub(super) struct Definition {
    /// Variables with their defaults, and attributes of the top, which are variables too.
    pub(super) variables: Vec<(String, Option<Expression>)>,
    pub(super) functions: BTreeMap<String, Function>,
    pub(super) groups: Vec<(String, Attributes)>,
    pub(super) targets: Vec<(String, Attributes)>,
}

impl Definition {
    /// Reads a file: JSON where its name or its first character says so, else HCL.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, String> {
        if path.ends_with(".json") || text.trim_start().starts_with('{') {
            let json: Json =
                serde_json::from_str(text).map_err(|_| "it is not valid JSON".to_owned())?;
            return Ok(Self::of_json(&json));
        }
        if is_compose(path) {
            return Ok(Self::of_compose(text));
        }
        let body: Body = hcl::parse(text).map_err(|_| "it is not valid HCL".to_owned())?;
        Ok(Self::of_hcl(&body))
    }

    fn of_hcl(body: &Body) -> Self {
        let mut definition = Self::default();
        for attribute in body.attributes() {
            definition
                .variables
                .push((attribute.key.to_string(), Some(attribute.expr.clone())));
        }
        for block in body.blocks() {
            let name = block
                .labels
                .first()
                .map_or("", |label| label.as_str())
                .to_owned();
            let attributes: Attributes = block
                .body
                .attributes()
                .map(|attribute| (attribute.key.to_string(), attribute.expr.clone()))
                .collect();
            definition.add(block.identifier(), name, attributes);
        }
        definition
    }

    fn of_json(json: &Json) -> Self {
        let mut definition = Self::default();
        for (kind, blocks) in json.as_object().into_iter().flatten() {
            let is_block = matches!(&**kind, "target" | "group" | "variable" | "function");
            let Some(blocks) = blocks.as_object().filter(|_| is_block) else {
                definition
                    .variables
                    .push((kind.clone(), Some(expression(blocks))));
                continue;
            };
            for (name, block) in blocks {
                let attributes = block.as_object().into_iter().flatten();
                let attributes = attributes
                    .map(|(key, value)| (key.clone(), expression(value)))
                    .collect();
                definition.add(kind, name.clone(), attributes);
            }
        }
        definition
    }

    /// The services of a compose file that are built.
    fn of_compose(text: &str) -> Self {
        let mut definition = Self::default();
        let Some(file) = crate::init::yaml::parse(text) else {
            return definition;
        };
        let mut all = Vec::new();
        for (name, service) in file["services"].as_object().into_iter().flatten() {
            let Some(build) = service.get("build") else {
                continue;
            };
            let mut target = serde_json::Map::new();
            match build {
                Json::String(context) => {
                    target.insert("context".into(), context.clone().into());
                }
                Json::Object(settings) => {
                    for key in [
                        "context",
                        "dockerfile",
                        "target",
                        "args",
                        "labels",
                        "platforms",
                    ] {
                        target.extend(
                            settings
                                .get(key)
                                .map(|value| (key.to_owned(), value.clone())),
                        );
                    }
                }
                _ => {}
            }
            if let Some(image) = service["image"].as_str() {
                target.insert("tags".into(), vec![image.to_owned()].into());
            }
            all.push(Json::String(name.clone()));
            let attributes = target
                .iter()
                .map(|(key, value)| (key.clone(), Expression::from(plain(value))))
                .collect();
            definition.add("target", name.clone(), attributes);
        }
        definition.add(
            "group",
            "default".into(),
            vec![("targets".into(), Expression::from(plain(&Json::Array(all))))],
        );
        definition
    }

    fn add(&mut self, kind: &str, name: String, attributes: Attributes) {
        let get = |key: &str| {
            attributes
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        match kind {
            "variable" => self.variables.push((name, get("default"))),
            "function" => {
                let names = |key: &str| match get(key) {
                    Some(Expression::Array(items)) => {
                        items.iter().filter_map(variable_name).collect()
                    }
                    Some(one) => variable_name(&one).into_iter().collect(),
                    None => Vec::new(),
                };
                if let Some(result) = get("result") {
                    let function = Function {
                        params: names("params"),
                        variadic: names("variadic_params").pop(),
                        result,
                    };
                    self.functions.insert(name, function);
                }
            }
            "group" => put(&mut self.groups, name, attributes),
            "target" => put(&mut self.targets, name, attributes),
            _ => {}
        }
    }

    /// Puts another file over this one.
    pub(super) fn merge(&mut self, other: Self) {
        for (name, default) in other.variables {
            self.variables.retain(|(known, _)| *known != name);
            self.variables.push((name, default));
        }
        self.functions.extend(other.functions);
        for (name, attributes) in other.groups {
            put(&mut self.groups, name, attributes);
        }
        for (name, attributes) in other.targets {
            put(&mut self.targets, name, attributes);
        }
    }
}

pub(super) fn put(all: &mut Vec<(String, Attributes)>, name: String, attributes: Attributes) {
    match all.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => {
            for (key, value) in attributes {
                known.retain(|(own, _)| *own != key);
                known.push((key, value));
            }
        }
        None => all.push((name, attributes)),
    }
}

fn variable_name(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Variable(name) => Some(name.to_string()),
        Expression::String(name) => Some(name.clone()),
        _ => None,
    }
}

/// A value of JSON, whose texts are templates.
fn expression(json: &Json) -> Expression {
    match json {
        Json::String(text) if text.contains("${") => {
            Expression::TemplateExpr(Box::new(TemplateExpr::QuotedString(text.clone())))
        }
        Json::Array(items) => Expression::Array(items.iter().map(expression).collect()),
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(key, value)| (key.clone().into(), expression(value)));
            Expression::Object(members.collect())
        }
        other => Expression::from(plain(other)),
    }
}

/// A value of JSON as it is.
fn plain(json: &Json) -> Value {
    hcl::to_value(json).unwrap_or_default()
}
