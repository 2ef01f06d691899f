//! The stack as its templates describe it, and the rules that it keeps. A rule is a function from the stack to the faults it
//! finds, each beginning with whose fault it is.

pub mod access;
pub mod operation;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rookery_domain::hash::Sha256;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// What a rule finds; nothing where the rule is kept.
pub type Faults = Vec<String>;

/// The root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_path_buf()
}

/// A template as JSON: short forms such as `!Ref x` become `{"Ref": "x"}`, as AWS reads them.
pub fn parse(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|fault| fault.to_string())?;
    match documents.as_slice() {
        [document] => json(document),
        documents => Err(format!("one document expected, found {}", documents.len())),
    }
}

fn json(node: &Yaml<'_>) -> Result<Value, String> {
    Ok(match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(nodes) => Value::Array(nodes.iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Mapping(nodes) => {
            let mut map = Map::new();
            for (key, value) in nodes {
                let key = key.as_str().ok_or_else(|| format!("a key that is no text: {key:?}"))?;
                map.insert(key.to_owned(), json(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tag, node) => {
            let function = match tag.suffix.as_str() {
                name @ ("Ref" | "Condition") => name.to_owned(),
                name => format!("Fn::{name}"),
            };
            json!({ function: json(node)? })
        }
        other => return Err(format!("neither value nor collection: {other:?}")),
    })
}

/// Everything that describes the stack. Its fields are plain JSON, so that a test can spoil a copy and see who notices.
#[derive(Debug, Clone)]
pub struct Stack {
    /// `template.yaml`.
    pub root: Value,
    /// The nested templates by the logical id of their stack, such as `Data`.
    pub nested: BTreeMap<String, Value>,
    /// The sample events by the name of their file without its ending.
    pub events: BTreeMap<String, Value>,
    /// The binaries that crates under `functions/` build.
    pub binaries: BTreeSet<String>,
}

impl Stack {
    /// Reads the repository's templates and sample events.
    pub fn read() -> Result<Self, String> {
        let repository = repository();
        let root = template(&repository.join("template.yaml"))?;
        let mut nested = BTreeMap::new();
        for (id, resource) in resources(&root, "AWS::Serverless::Application") {
            let location = text(&resource["Properties"]["Location"]);
            nested.insert(id.to_owned(), template(&repository.join(location))?);
        }
        let mut events = BTreeMap::new();
        for path in files(&repository.join("events"))? {
            let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let event = serde_json::from_str(&contents(&path)?)
                .map_err(|fault| format!("{}: {fault}", path.display()))?;
            events.insert(name, event);
        }
        let mut binaries = BTreeSet::new();
        for path in files(&repository.join("functions"))? {
            let manifest = contents(&path.join("Cargo.toml"))?;
            let sections = manifest.split("[[bin]]").skip(1);
            let names = sections.filter_map(|section| section.split('"').nth(1));
            binaries.extend(names.map(str::to_owned));
        }
        Ok(Self { root, nested, events, binaries })
    }

    /// The functions, in the order of the template.
    pub fn functions(&self) -> Vec<Function<'_>> {
        let globals = &self.root["Globals"]["Function"];
        resources(&self.root, "AWS::Serverless::Function")
            .map(|(id, resource)| Function { id, resource, properties: &resource["Properties"], globals })
            .collect()
    }

    /// A resource of the root template.
    pub fn resource(&self, id: &str) -> &Value {
        &self.root["Resources"][id]
    }

    /// The statements by which a function's role allows something: its own, and those of the managed policies of this template.
    pub fn statements(&self, function: &Function<'_>) -> Vec<&Value> {
        let all = self.all_statements(function).into_iter();
        all.filter(|statement| statement["Effect"] != "Deny").collect()
    }

    /// All statements of a function's role, those that deny included.
    pub fn all_statements(&self, function: &Function<'_>) -> Vec<&Value> {
        let role = &self.resource(function.role().unwrap_or_default())["Properties"];
        let own = items(&role["Policies"]).map(|policy| &policy["PolicyDocument"]["Statement"]);
        let managed = items(&role["ManagedPolicyArns"])
            .map(|policy| &self.resource(text(&policy["Ref"]))["Properties"]["PolicyDocument"]["Statement"]);
        own.chain(managed).flat_map(items).collect()
    }

    /// What `{"Fn::GetAtt": "Data.Outputs.TableArn"}` stands for: the nested template, and the output's value in it.
    pub fn output(&self, value: &Value) -> Option<(&Value, &Value)> {
        let (stack, output) = text(&value["Fn::GetAtt"]).split_once(".Outputs.")?;
        let template = self.nested.get(stack)?;
        Some((template, &template["Outputs"][output]["Value"]))
    }
}

/// A function of the root template.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    /// Its logical id.
    pub id: &'a str,
    /// The resource.
    pub resource: &'a Value,
    /// The resource's properties.
    pub properties: &'a Value,
    globals: &'a Value,
}

impl<'a> Function<'a> {
    /// The handler, which names the route or worker.
    pub fn handler(&self) -> &'a str {
        text(&self.properties["Handler"])
    }

    /// The logical id of its role.
    pub fn role(&self) -> Option<&'a str> {
        text(&self.properties["Role"]["Fn::GetAtt"]).strip_suffix(".Arn")
    }

    /// A property of the function, or what all functions have.
    pub fn property(&self, name: &str) -> &'a Value {
        match &self.properties[name] {
            Value::Null => &self.globals[name],
            value => value,
        }
    }

    /// The events of one type that start the function.
    pub fn sources(&self, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let kind = kind.to_owned();
        values(&self.properties["Events"])
            .filter(move |event| event["Type"] == kind.as_str())
            .map(|event| &event["Properties"])
    }

    /// The paths that it serves.
    pub fn paths(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.sources("HttpApi").map(|event| text(&event["Path"]))
    }

    /// Whether it serves any path.
    pub fn is_served(&self) -> bool {
        self.paths().next().is_some()
    }

    /// The names of its environment variables.
    pub fn variables(&self) -> impl Iterator<Item = &'a str> {
        let variables = self.properties["Environment"]["Variables"].as_object();
        variables.into_iter().flat_map(Map::keys).map(String::as_str)
    }
}

/// The resources of one type in a template.
pub fn resources<'a>(template: &'a Value, kind: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let all = template["Resources"].as_object().into_iter().flatten();
    all.filter(move |(_, resource)| resource["Type"] == kind).map(|(id, resource)| (id.as_str(), resource))
}

/// The text of a value; empty if it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a list; the value itself where a single one stands for a list of one.
pub fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(items) => items.iter(),
        Value::Null => [].iter(),
        single => std::slice::from_ref(single).iter(),
    }
}

/// The values of a mapping.
pub fn values(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flat_map(Map::values)
}

/// What reads templates, this file: when it changes, what was kept is read anew.
const READER: &str = include_str!("template.rs");

/// Reads a template. Every test is a process of its own, and parsing one takes a good part of what a test takes: so what it says is kept
/// beside the tests, under the hash of its text.
fn template(path: &Path) -> Result<Value, String> {
    let text = contents(path)?;
    let here = std::env::current_exe().map_err(|fault| fault.to_string())?;
    let kept =
        here.with_file_name(format!("template-{}.json", Sha256::of([&text, READER].concat().as_bytes())));
    if let Some(known) = fs::read(&kept).ok().and_then(|known| serde_json::from_slice(&known).ok()) {
        return Ok(known);
    }
    let parsed = parse(&text).map_err(|fault| format!("{}: {fault}", path.display()))?;
    // Others may do the same at this moment, and nobody may see half of it.
    let own = kept.with_extension(std::process::id().to_string());
    fs::write(&own, parsed.to_string()).map_err(|fault| format!("{}: {fault}", own.display()))?;
    fs::rename(&own, &kept).map_err(|fault| format!("{}: {fault}", kept.display()))?;
    Ok(parsed)
}

fn contents(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|fault| format!("{}: {fault}", folder.display()))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|fault| fault.to_string())).collect()
}
