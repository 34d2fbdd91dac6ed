//! The start of a function: from the process to its first request for an event, and what that takes.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};

use crate::process;
use crate::progress::Progress;
use crate::table::median;

/// How often each function is started, with its binary in memory and without.
const STARTS: usize = 30;

/// One start of a function.
struct Start {
    time: Duration,
    peak: u64,
}

/// Measures the functions whose binaries these are.
pub(crate) fn start(binaries: &[&str]) -> Result<()> {
    let progress = Progress::new(binaries.len());
    let mut lines = vec!["function\tstart_ms\tevicted_ms\tpeak_mb\tbinary_mb".to_owned()];
    for binary in binaries.iter().map(Path::new) {
        let name = binary.file_name().context("a binary has a name")?.display();
        progress.begin(&name.to_string());
        let warm = (0..=STARTS)
            .map(|_| started(binary))
            .collect::<Result<Vec<_>>>()?;
        let cold = (0..STARTS)
            .map(|_| evict(binary).and_then(|()| started(binary)))
            .collect::<Result<Vec<_>>>()?;
        let time =
            |starts: &[Start]| median(starts.iter().map(|start| start.time.as_secs_f64() * 1000.0));
        // The first start brought the binary into memory.
        let (warm, cold, peak) = (
            time(&warm[1..]),
            time(&cold),
            median(warm.iter().map(|start| start.peak as f64)) / 1e6,
        );
        let size = fs::metadata(binary)?.len() as f64 / 1e6;
        lines.push(format!(
            "{name}\t{warm:.1}\t{cold:.1}\t{peak:.1}\t{size:.1}"
        ));
        progress.advance();
    }
    progress.end();
    println!("{}", lines.join("\n"));
    Ok(())
}

/// Starts a function against a runtime API that has no event for it.
fn started(binary: &Path) -> Result<Start> {
    let runtime = TcpListener::bind("127.0.0.1:0")?;
    let begun = Instant::now();
    let mut function = Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.local_addr()?.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "pillarbox-function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "nobody")
        .env("AWS_SECRET_ACCESS_KEY", "nothing")
        .env("PILLARBOX_STACK", "pillarbox")
        .env("PILLARBOX_TABLE", "pillarbox")
        .env("PILLARBOX_BUCKET", "pillarbox")
        .env("PILLARBOX_PUBLIC_URL", "https://mail.contoso.com")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // It says there that it was interrupted.
        .stderr(Stdio::null())
        .spawn()?;
    let start = first_request(&runtime, &mut function, begun);
    function.kill()?;
    function.wait()?;
    start
}

fn first_request(runtime: &TcpListener, function: &mut Child, begun: Instant) -> Result<Start> {
    runtime.set_nonblocking(true)?;
    let mut stream = loop {
        match runtime.accept() {
            Ok((stream, _)) => break stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let ended = function.try_wait()?;
        ensure!(ended.is_none(), "the function does not start: {ended:?}");
        std::thread::yield_now();
    };
    stream.set_nonblocking(false)?;
    let mut request = [0; 4096];
    let count = stream.read(&mut request)?;
    let time = begun.elapsed();
    let request = String::from_utf8_lossy(&request[..count]);
    ensure!(
        request.starts_with("GET /2018-06-01/runtime/invocation/next"),
        "{request}"
    );
    let status = fs::read_to_string(format!("/proc/{}/status", function.id()))?;
    Ok(Start {
        time,
        peak: process::peak(&status)?,
    })
}

/// Has a file read from the disk again by its next reader.
fn evict(binary: &Path) -> Result<()> {
    let file = File::open(binary)?;
    file.sync_all()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}
