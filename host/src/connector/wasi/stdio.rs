//! What a connector prints, line by line into its log: stdout as `info`, stderr as `warn`. Nothing
//! can be read from stdin.

use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource};

use super::{Nothing, Pollable, handle};
use crate::connector::log::{Level, Log};
use crate::connector::sandbox::Sandbox;

/// Bytes that a connector is told to write at once.
const AT_ONCE: u64 = 4096;
/// Bytes after which a line is taken to be one, though it goes on.
const LINE_BYTES: usize = 4096;

/// What handles of streams stand for.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// A stream to read from.
pub(super) struct Input;

/// A stream to write to.
pub(super) struct Output;

/// The last line that was begun.
#[derive(Default)]
pub(super) struct Lines(Vec<u8>);

/// The error of a stream; there is none here, only its type.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "the type has it, and nothing here fails")]
    LastOperationFailed(Resource<Nothing>),
    #[component(name = "closed")]
    #[expect(dead_code, reason = "the type has it, and what is written to is never closed")]
    Closed,
}

type Streamed<T> = (Result<T, StreamError>,);

/// Gives a function of the standard streams, where it is one.
pub(super) fn link(
    linked: &mut LinkerInstance<'_, Sandbox>,
    interface: &str,
    item: &str,
) -> wasmtime::Result<bool> {
    match (interface, item) {
        ("cli/stdin", "get-stdin") => {
            linked.func_wrap(item, |store, ()| handle::<Input>(store, 0))?;
        }
        ("cli/stdout", "get-stdout") => {
            linked.func_wrap(item, |store, ()| handle::<Output>(store, STDOUT))?;
        }
        ("cli/stderr", "get-stderr") => {
            linked.func_wrap(item, |store, ()| handle::<Output>(store, STDERR))?;
        }
        ("io/streams", method) => return link_method(linked, method),
        _ => return Ok(false),
    }
    Ok(true)
}

/// What is not here is closed: reading, and writing what is not there.
fn link_method(linked: &mut LinkerInstance<'_, Sandbox>, method: &str) -> wasmtime::Result<bool> {
    match method {
        "[method]output-stream.check-write" => {
            linked.func_wrap(method, |_, (_,): (Resource<Output>,)| -> wasmtime::Result<_> {
                let room: Streamed<u64> = (Ok(AT_ONCE),);
                Ok(room)
            })?;
        }
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            linked.func_wrap(method, |mut store, (to, bytes): (Resource<Output>, Vec<u8>)| {
                store.data_mut().print(to.rep(), &bytes);
                let written: Streamed<()> = (Ok(()),);
                Ok(written)
            })?;
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            linked.func_wrap(method, |_, (_,): (Resource<Output>,)| -> wasmtime::Result<_> {
                let flushed: Streamed<()> = (Ok(()),);
                Ok(flushed)
            })?;
        }
        "[method]input-stream.subscribe" => {
            linked.func_wrap(method, |store, (_,): (Resource<Input>,)| {
                handle::<Pollable>(store, 0)
            })?;
        }
        "[method]output-stream.subscribe" => {
            linked.func_wrap(method, |store, (_,): (Resource<Output>,)| {
                handle::<Pollable>(store, 0)
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

impl Sandbox {
    fn print(&mut self, to: u32, bytes: &[u8]) {
        let (lines, level) = match to {
            STDERR => (&mut self.wasi.stderr, Level::Warn),
            _ => (&mut self.wasi.stdout, Level::Info),
        };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            lines.0.extend(part);
            if lines.0.ends_with(b"\n") || lines.0.len() >= LINE_BYTES {
                lines.end(&mut self.log, level);
            }
        }
    }

    /// Logs what was printed last and not ended.
    pub(in crate::connector) fn end_lines(&mut self) {
        self.wasi.stdout.end(&mut self.log, Level::Info);
        self.wasi.stderr.end(&mut self.log, Level::Warn);
    }
}

impl Lines {
    /// Logs the line, unless nothing is in it.
    fn end(&mut self, log: &mut Log, level: Level) {
        let line = String::from_utf8_lossy(&self.0);
        let line = line.trim_end();
        // A panic in Rust recommends a variable that nobody can set here.
        if !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE=1`") {
            log.add(level, line.to_owned());
        }
        self.0.clear();
    }
}
