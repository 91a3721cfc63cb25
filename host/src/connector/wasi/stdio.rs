//! The standard streams of WASI. Each line that a connector prints goes into its log: stdout as
//! `info`, stderr as `warn`. stdin is empty.

use wasmtime::component::{ComponentType, LinkerInstance, Lower, Resource};

use super::{Pollable, Unavailable, handle};
use crate::connector::log::{DecisionLog, Level};
use crate::connector::sandbox::Sandbox;

/// Bytes that a connector may write at once.
const WRITE_BYTES: u64 = 4096;
/// Bytes after which a longer line is split.
const LINE_BYTES: usize = 4096;

/// What the handles of streams refer to.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// A stream to read from.
pub(super) struct Input;

/// A stream to write to.
pub(super) struct Output;

/// The current line, up to its end.
#[derive(Default)]
pub(super) struct LineBuffer(Vec<u8>);

/// The error type of streams. No function here returns one.
#[derive(ComponentType, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    #[expect(dead_code, reason = "part of the type; nothing here fails")]
    LastOperationFailed(Resource<Unavailable>),
    #[component(name = "closed")]
    #[expect(dead_code, reason = "part of the type; output is never closed")]
    Closed,
}

type Streamed<T> = (Result<T, StreamError>,);

/// Links a function of the standard streams. False if the item is not one.
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

/// Links a method of streams. The other methods, such as reading, are unavailable and report a
/// closed stream.
fn link_method(linked: &mut LinkerInstance<'_, Sandbox>, method: &str) -> wasmtime::Result<bool> {
    match method {
        "[method]output-stream.check-write" => {
            linked.func_wrap(method, |_, (_,): (Resource<Output>,)| -> wasmtime::Result<_> {
                let room: Streamed<u64> = (Ok(WRITE_BYTES),);
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

    /// Logs the last lines, which have no line end.
    pub(in crate::connector) fn flush_lines(&mut self) {
        self.wasi.stdout.end(&mut self.log, Level::Info);
        self.wasi.stderr.end(&mut self.log, Level::Warn);
    }
}

impl LineBuffer {
    /// Logs the line unless it is empty.
    fn end(&mut self, log: &mut DecisionLog, level: Level) {
        let line = String::from_utf8_lossy(&self.0);
        let line = line.trim_end();
        // A panic in Rust recommends an environment variable that cannot be set here.
        if !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE=1`") {
            log.add(level, line.to_owned());
        }
        self.0.clear();
    }
}
