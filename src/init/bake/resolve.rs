//! Which targets are built, and what each inherits.

use hcl::{Expression, Value};

use crate::init::bake::{
    definition::{Attributes, Definition, put},
    functions,
    inputs::BakeInputs,
    scope::BakeScope,
};

impl Definition {
    /// A target with a matrix is a group of targets, one a combination.
    pub(super) fn expand_matrices(&mut self, scope: &BakeScope, most: usize) {
        let mut expanded: Vec<(String, Attributes)> = Vec::new();
        for (name, attributes) in std::mem::take(&mut self.targets) {
            let get = |key: &str| {
                attributes
                    .iter()
                    .find(|(name, _)| name == key)
                    .map(|(_, value)| value)
            };
            let matrix = get("matrix").and_then(|matrix| scope.value(matrix).ok());
            let Some(Value::Object(axes)) = matrix else {
                expanded.push((name, attributes));
                continue;
            };
            let mut combinations: Vec<Vec<(String, Value)>> = vec![Vec::new()];
            for (axis, values) in &axes {
                let Value::Array(values) = values else {
                    continue;
                };
                let with = |known: &Vec<(String, Value)>| {
                    let each = values.iter().map(|value| {
                        let mut one = known.clone();
                        one.push((axis.clone(), value.clone()));
                        one
                    });
                    each.collect::<Vec<_>>()
                };
                combinations = combinations.iter().flat_map(with).take(most).collect();
            }
            let mut names = Vec::new();
            for (at, combination) in combinations.iter().enumerate() {
                let inner = scope.with(combination);
                let own = get("name").and_then(|name| functions::text(&inner.value(name).ok()?));
                let own = own.unwrap_or_else(|| format!("{name}-{at}"));
                let values = attributes
                    .iter()
                    .filter(|(key, _)| key != "matrix" && key != "name")
                    .map(|(key, value)| {
                        let value = inner
                            .value(value)
                            .map_or_else(|_| value.clone(), Expression::from);
                        (key.clone(), value)
                    });
                names.push(Expression::from(own.clone()));
                expanded.push((own, values.collect()));
            }
            put(
                &mut self.groups,
                name,
                vec![("targets".into(), Expression::Array(names))],
            );
        }
        self.targets = expanded;
    }

    /// The targets that a name stands for.
    pub(super) fn resolve(
        &self,
        name: &str,
        scope: &BakeScope,
        names: &mut Vec<String>,
        depth: usize,
    ) {
        let group = self.groups.iter().find(|(known, _)| known == name);
        let members = group.and_then(|(_, attributes)| {
            let (_, targets) = attributes.iter().find(|(key, _)| key == "targets")?;
            scope.value(targets).ok()
        });
        if let Some(Value::Array(members)) = members.filter(|_| depth < 8) {
            for member in members.iter().filter_map(functions::text) {
                if member != name {
                    self.resolve(&member, scope, names, depth + 1);
                } else if self.targets.iter().any(|(known, _)| *known == member)
                    && !names.contains(&member)
                {
                    names.push(member);
                }
            }
        } else if self.targets.iter().any(|(known, _)| known == name)
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }

    /// Fills the inputs of a target: what it inherits first, then its own.
    pub(super) fn inherit(
        &self,
        name: &str,
        scope: &BakeScope,
        inputs: &mut BakeInputs,
        left_out: &mut Vec<String>,
        depth: usize,
    ) {
        let Some((_, attributes)) = self.targets.iter().find(|(known, _)| known == name) else {
            return;
        };
        if let Some((_, parents)) = attributes.iter().find(|(key, _)| key == "inherits")
            && let Ok(Value::Array(parents)) = scope.value(parents)
            && depth < 8
        {
            for parent in parents.iter().filter_map(functions::text) {
                self.inherit(&parent, scope, inputs, left_out, depth + 1);
            }
        }
        for (key, expression) in attributes {
            if matches!(&**key, "inherits" | "description") {
                continue;
            }
            match scope.value(expression) {
                Ok(value) => inputs.set(key, value),
                Err(why) if key == "tags" => {
                    inputs.has_unread_tags = true;
                    // Those that can be read are taken.
                    let known: Vec<Value> = match expression {
                        Expression::Array(items) => items
                            .iter()
                            .filter_map(|item| scope.value(item).ok())
                            .collect(),
                        _ => Vec::new(),
                    };
                    let which = if known.is_empty() {
                        "the tags"
                    } else {
                        "a tag"
                    };
                    left_out.push(format!("{which} of bake target `{name}`: {why}"));
                    if !known.is_empty() {
                        inputs.set(key, Value::Array(known));
                    }
                }
                Err(_) => inputs.unread.push(key.clone()),
            }
        }
    }
}
