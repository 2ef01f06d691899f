//! Which function answers a route, and which binary it is in: as template.yaml has it.

use std::collections::HashMap;
use std::path::Path;

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::Failure;

/// One function of the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The binary, of which each area has one.
    pub(crate) area: &'static str,
    /// What the binary is told to be.
    pub(crate) handler: &'static str,
}

/// The functions of the bundle.
#[derive(Debug)]
pub(crate) struct Bundle {
    routes: HashMap<String, Place>,
    handlers: HashMap<&'static str, Place>,
}

impl Bundle {
    /// Reads the template.
    pub(crate) fn read(template: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(template)?;
        let documents = Yaml::load_from_str(&text)?;
        let resources = documents.first().and_then(|root| root.as_mapping_get("Resources"));
        let resources = resources.and_then(Yaml::as_mapping).ok_or("the template has no resources")?;
        let mut bundle = Self { routes: HashMap::new(), handlers: HashMap::new() };
        for function in resources.values() {
            let properties = function.as_mapping_get("Properties");
            let binary = at(function, &["Metadata", "BuildProperties", "Binary"]);
            let handler = at(function, &["Properties", "Handler"]);
            let (Some(binary), Some(handler)) = (binary, handler) else { continue };
            // They live as long as the program, and there are as many as functions.
            let place = Place { area: binary.to_owned().leak(), handler: handler.to_owned().leak() };
            bundle.handlers.insert(place.handler, place);
            let events = properties.and_then(|properties| properties.as_mapping_get("Events"));
            for event in events.and_then(Yaml::as_mapping).into_iter().flat_map(|events| events.values()) {
                if let Some(path) = at(event, &["Properties", "Path"]) {
                    bundle.routes.insert(path.to_owned(), place);
                }
            }
        }
        Ok(bundle)
    }

    /// The function that answers a route.
    pub(crate) fn of_route(&self, route: &str) -> Result<Place, Failure> {
        self.routes.get(route).copied().ok_or_else(|| format!("no function answers {route}").into())
    }

    /// The function of a name.
    pub(crate) fn of_handler(&self, handler: &str) -> Result<Place, Failure> {
        self.handlers.get(handler).copied().ok_or_else(|| format!("there is no function {handler}").into())
    }
}

fn at<'a>(node: &'a Yaml<'_>, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(node, |node, name| node.as_mapping_get(name))?.as_str()
}
