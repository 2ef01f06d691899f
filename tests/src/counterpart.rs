//! Programs of others that meet the deployed stack: the scripts in `counterparts`, which Python or Node.js runs with packages that are
//! pinned, and the browser.
//!
//! A script reads one line of JSON, what it has to know, and writes a line of JSON for each thing that it saw. It fails where anything is
//! not as it should be; that nothing was left out is for the test to see by the lines.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

/// Where the browser is called what, in the order of preference.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

fn scripts() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/counterparts"))
}

fn installed(variable: &str, default: &str) -> PathBuf {
    let local = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/local").join(default);
    let path = std::env::var_os(variable).map_or_else(local, PathBuf::from);
    assert!(path.exists(), "there is no {}; `cargo xtask test` makes it", path.display());
    path
}

/// A script, with the Python that has the packages of `infra/local/requirements-tests.txt`.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(installed("ROOKERY_TEST_PYTHON", "counterparts/bin/python"));
    // Its own folder is the scripts', where nothing is to be left behind.
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts().join(script));
    command
}

/// A script, with the packages of `counterparts/package-lock.json`.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    let packages = installed("ROOKERY_TEST_NODE", "counterparts-node");
    command.env("ROOKERY_TEST_NODE", packages).arg(scripts().join(script));
    command
}

/// The browser. Where there is none this says so, and there is nothing to be tested; unless nothing is to be
/// left out, as in continuous integration.
pub fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("ROOKERY_TEST_BROWSER").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let known = BROWSERS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let found = named.into_iter().chain(known).find(|path| path.exists());
    if found.is_none() {
        let may_be = std::env::var_os("ROOKERY_LEAVE_NOTHING_OUT").is_none();
        assert!(may_be, "there is no Chromium, and nothing is to be left out");
        eprintln!("skipped, no page was looked at: install Chromium (Debian: `apt install chromium`)");
    }
    found
}

/// Runs a script to its end, and answers what it saw.
pub fn run(mut command: Command, given: &Value) -> Vec<Value> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    tell(&mut child.stdin.take().expect("an input"), given);
    let output = child.wait_with_output().expect("an end");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "it ended with {}, after {text}", output.status);
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The steps that a script says it took.
pub fn steps(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["step"].as_str().expect("a step")).collect()
}

fn tell(input: &mut ChildStdin, given: &Value) {
    // A script that ended too early says itself why.
    let _ = writeln!(input, "{given}");
}

/// A script that goes on until it is not needed any more.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The script ends when nobody holds this.
    input: Option<ChildStdin>,
    /// The first line that it wrote, which says that it is ready.
    pub ready: Value,
}

impl Running {
    /// Starts a script, and waits until it is ready.
    pub fn start(mut command: Command, given: &Value) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut input = child.stdin.take().expect("an input");
        tell(&mut input, given);
        let mut line = String::new();
        let output = child.stdout.take().expect("an output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it is not ready: {line:?}"));
        Self { child, input: Some(input), ready }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        if std::thread::panicking() {
            // There is nobody left to be told that it does not end.
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}
