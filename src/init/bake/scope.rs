//! Variables of bake files, and the evaluation of expressions with them.

use std::{cell::Cell, collections::BTreeMap};

use hcl::{
    Expression, Template, Value,
    eval::{Context, Evaluate},
    expr::{BinaryOp, FuncCall, Operation, UnaryOp},
    template::Element,
};

use crate::init::bake::{
    definition::{Definition, Function},
    functions,
};

/// Expressions that call each other deeper than this are left.
const DEEPEST: usize = 60;

/// The variables and functions that expressions see.
#[derive(Debug, Clone, Default)]
pub(super) struct BakeScope {
    variables: BTreeMap<String, Value>,
    functions: BTreeMap<String, Function>,
    depth: Cell<usize>,
}

impl BakeScope {
    /// The variables of all files: from the environment, else their defaults, which may need each
    /// other in any order.
    pub(super) fn new(
        definition: &Definition,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let mut scope = Self {
            functions: definition.functions.clone(),
            ..Self::default()
        };
        let mut waiting: Vec<&(String, Option<Expression>)> = Vec::new();
        for entry in &definition.variables {
            match environment(&entry.0) {
                Some(text) => {
                    scope
                        .variables
                        .insert(entry.0.clone(), typed(text, entry.1.as_ref()));
                }
                None => waiting.push(entry),
            }
        }
        for _ in 0..=waiting.len() {
            let mut rest = Vec::new();
            for entry in waiting {
                let value = entry
                    .1
                    .as_ref()
                    .map_or(Ok(Value::Null), |default| scope.value(default));
                match value {
                    Ok(value) => {
                        scope.variables.insert(entry.0.clone(), value);
                    }
                    Err(_) => rest.push(entry),
                }
            }
            waiting = rest;
        }
        scope
    }

    /// The scope with further variables.
    pub(super) fn with(&self, variables: &[(String, Value)]) -> Self {
        let mut inner = self.clone();
        inner.variables.extend(variables.iter().cloned());
        inner
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// What is not known in it.
    pub(super) fn value(&self, expression: &Expression) -> Result<Value, String> {
        if self.depth.get() > DEEPEST {
            return Err("it is nested too deeply".into());
        }
        self.depth.set(self.depth.get() + 1);
        let value = self.inner(expression);
        self.depth.set(self.depth.get() - 1);
        value
    }

    fn inner(&self, expression: &Expression) -> Result<Value, String> {
        match expression {
            Expression::Array(items) => {
                let items: Result<Vec<Value>, String> =
                    items.iter().map(|item| self.value(item)).collect();
                Ok(Value::Array(items?))
            }
            Expression::Object(members) => {
                let mut object = hcl::Map::new();
                for (key, value) in members {
                    let key = match key {
                        hcl::expr::ObjectKey::Identifier(name) => name.to_string(),
                        hcl::expr::ObjectKey::Expression(key) => {
                            functions::text(&self.value(key)?).ok_or("a key is not a text")?
                        }
                        _ => return Err("a key is not known".into()),
                    };
                    object.insert(key, self.value(value)?);
                }
                Ok(Value::Object(object))
            }
            Expression::Parenthesis(inner) => self.value(inner),
            Expression::Conditional(conditional) => {
                let condition = self.value(&conditional.cond_expr)?;
                match functions::truth(&condition) {
                    Some(true) => self.value(&conditional.true_expr),
                    Some(false) => self.value(&conditional.false_expr),
                    None => Err("a condition is not known".into()),
                }
            }
            Expression::Variable(name) => match self.variables.get(name.as_str()) {
                Some(value) => Ok(value.clone()),
                None => Err(format!(
                    "the variable `{name}` is not known",
                    name = name.as_str()
                )),
            },
            Expression::TemplateExpr(template) => {
                let template =
                    Template::from_expr(template).map_err(|_| "a text is not valid".to_owned())?;
                self.template(&template)
            }
            Expression::FuncCall(call) => self.call(call),
            Expression::Operation(operation) => self.operation(operation),
            other => self.evaluated(other),
        }
    }

    fn template(&self, template: &Template) -> Result<Value, String> {
        let mut out = String::new();
        for element in template.elements() {
            match element {
                Element::Literal(text) => out.push_str(text),
                Element::Interpolation(interpolation) => {
                    let value = self.value(&interpolation.expr)?;
                    out.push_str(&functions::text(&value).ok_or("a list stands in a text")?);
                }
                Element::Directive(_) => return Err("a text has directives".into()),
            }
        }
        Ok(Value::from(out))
    }

    fn call(&self, call: &FuncCall) -> Result<Value, String> {
        let name = call.name.name.as_str();
        if name == "try" {
            let mut tried = call.args.iter().filter_map(|arg| self.value(arg).ok());
            return tried
                .next()
                .ok_or_else(|| "nothing that `try` tries is known".into());
        }
        let mut arguments: Vec<Value> = call
            .args
            .iter()
            .map(|arg| self.value(arg))
            .collect::<Result<_, _>>()?;
        if call.expand_final
            && let Some(Value::Array(last)) = arguments.pop()
        {
            arguments.extend(last);
        }
        if let Some(function) = self.functions.get(name) {
            let mut own: Vec<(String, Value)> = function
                .params
                .iter()
                .cloned()
                .zip(arguments.iter().cloned())
                .collect();
            if own.len() < function.params.len() {
                return Err(format!("`{name}` has too few arguments"));
            }
            if let Some(rest) = &function.variadic {
                let others = arguments.split_off(function.params.len());
                own.push((rest.clone(), Value::Array(others)));
            }
            let inner = self.with(&own);
            return inner.value(&function.result);
        }
        functions::call(name, &arguments)
            .ok_or_else(|| format!("the function `{name}` is not read"))
    }

    fn operation(&self, operation: &Operation) -> Result<Value, String> {
        let values = match operation {
            Operation::Unary(unary) => Operation::Unary(UnaryOp::new(
                unary.operator,
                Expression::from(self.value(&unary.expr)?),
            )),
            Operation::Binary(binary) => {
                let left = self.value(&binary.lhs_expr)?;
                let right = self.value(&binary.rhs_expr)?;
                Operation::Binary(BinaryOp::new(
                    Expression::from(left),
                    binary.operator,
                    Expression::from(right),
                ))
            }
        };
        values
            .evaluate(&Context::new())
            .map_err(|_| "an operation is not valid".to_owned())
    }

    /// All else, by the crate's own evaluation.
    fn evaluated(&self, expression: &Expression) -> Result<Value, String> {
        let mut context = Context::new();
        for (name, value) in &self.variables {
            context.declare_var(name.as_str(), value.clone());
        }
        expression
            .evaluate(&context)
            .map_err(|_| format!("`{expression}` is not read"))
    }
}

/// A variable of the environment has the type of its default.
fn typed(text: String, default: Option<&Expression>) -> Value {
    match default {
        Some(Expression::Bool(_)) => Value::Bool(matches!(&*text, "true" | "1" | "True" | "TRUE")),
        Some(Expression::Number(_)) => text
            .parse::<i64>()
            .map_or_else(|_| Value::from(text.clone()), Value::from),
        _ => Value::from(text),
    }
}
