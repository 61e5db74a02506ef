//! QEMU's machine protocol: what happens to the guest's hardware while it runs.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::export::Export;

/// How long QEMU may take to let go of what was plugged in.
const LETTING_GO: Duration = Duration::from_secs(5);

/// A connection to a running QEMU.
pub struct Qmp {
    commands: UnixStream,
    answers: BufReader<UnixStream>,
    /// What is added when something that was not built in is plugged in, by its id.
    pluggable: HashMap<String, Pluggable>,
}

/// Something USB, in the socket or not.
struct Pluggable {
    devices: Vec<Value>,
    /// What serves it.
    export: Option<Export>,
}

impl Qmp {
    /// Connects to the socket of a QEMU that is just being started.
    pub fn connect(socket: &Path) -> Result<Self, Box<dyn Error>> {
        let mut tries = 0;
        let commands = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if tries == 500 => return Err(format!("QEMU did not start: {error}").into()),
                Err(_) => sleep(Duration::from_millis(20)),
            }
            tries += 1;
        };
        let answers = BufReader::new(commands.try_clone()?);
        let mut qmp = Self { commands, answers, pluggable: HashMap::new() };
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Does what a script asks for with `host VERB ID …`; a file's name counts from `folder`.
    pub fn act(&mut self, request: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
        let words: Vec<&str> = request.split_whitespace().collect();
        match words[..] {
            ["eject", id] => self.execute("eject", json!({"id": id, "force": true})),
            ["insert", id, file] => {
                let file = folder.join(file);
                self.execute("blockdev-change-medium", json!({"id": id, "filename": file, "format": "raw", "force": true}))
            }
            ["tray-open", id] => self.execute("blockdev-open-tray", json!({"id": id, "force": true})),
            ["tray-close", id] => self.execute("blockdev-close-tray", json!({"id": id})),
            ["unplug", id] if self.pluggable.contains_key(id) => self.pull_out(id),
            ["unplug", id] => self.attach(id, false),
            ["plug", id] => self.plug(id),
            _ => Err(format!("no such request: {request}").into()),
        }
    }

    /// Something USB that `plug` adds; the first device is `ID-usb`.
    pub fn can_plug(&mut self, id: &str, devices: Vec<Value>, export: Option<Export>) {
        self.pluggable.insert(id.to_owned(), Pluggable { devices, export });
    }

    /// The stick has no power once no request is under way any more.
    fn pull_out(&mut self, id: &str) -> Result<(), Box<dyn Error>> {
        self.execute("device_del", json!({"id": format!("{id}-usb")}))?;
        self.let_go(id)?;
        if let Some(export) = self.pluggable.get(id).and_then(|stick| stick.export.as_ref()) {
            export.lose_power();
        }
        Ok(())
    }

    /// Waits until nothing in QEMU has the block nodes `ID-…`. A device whose plug is out is only gone some time after device_del has
    /// answered, be it asked for by a script or by a stick that left the bus.
    fn let_go(&mut self, id: &str) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + LETTING_GO;
        let is_its =
            |user: &Value| user["inserted"]["node-name"].as_str().is_some_and(|node| node.starts_with(&format!("{id}-")));
        while self.query("query-block", json!({}))?.as_array().is_some_and(|users| users.iter().any(is_its)) {
            if Instant::now() > end {
                return Err(format!("{id} is still in its socket").into());
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Puts the plug of something USB in.
    pub fn plug(&mut self, id: &str) -> Result<(), Box<dyn Error>> {
        if self.pluggable.contains_key(id) {
            self.let_go(id)?;
        }
        let devices = self.pluggable.get(id).map(|stick| stick.devices.clone()).unwrap_or_default();
        let is_complete = devices.len() == 1;
        for device in devices {
            self.execute("device_add", device)?;
        }
        // QEMU's bridges from USB to SCSI wait to be told that all is there that hangs on them.
        if is_complete { Ok(()) } else { self.attach(id, true) }
    }

    fn attach(&mut self, id: &str, attached: bool) -> Result<(), Box<dyn Error>> {
        let path = format!("/machine/peripheral/{id}-usb");
        self.execute("qom-set", json!({"path": path, "property": "attached", "value": attached}))
    }

    /// Gives one of QEMU's own commands.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<(), Box<dyn Error>> {
        self.query(command, arguments).map(drop)
    }

    /// What it answers.
    fn query(&mut self, command: &str, arguments: Value) -> Result<Value, Box<dyn Error>> {
        writeln!(self.commands, "{}", json!({"execute": command, "arguments": arguments}))?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err("QEMU is gone".into());
            }
            let mut answer: Value = serde_json::from_str(&line)?;
            if let Some(error) = answer.get("error") {
                return Err(format!("{command}: {}", error["desc"]).into());
            }
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take()); // all else is the greeting, or an event
            }
        }
    }
}
