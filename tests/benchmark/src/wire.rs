//! The wire between a client and the server: two network namespaces, a TCP stack of the kernel in each.
//!
//! The benchmark itself lives in the server's namespace. Without delay the two are joined directly, by a veth pair. With
//! delay each has a TUN device, and threads here carry the packets across, each when its time has come: nothing is
//! lost and bandwidth has no limit, so what shows is round trips, Nagle's algorithm, delayed acknowledgments and slow
//! start. Whatever is made here is gone with the process, because the namespaces are.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tun_rs::{DeviceBuilder, SyncDevice};

use crate::tally::Tally;

/// The server's end. The network is the one that RFC 2544 sets aside for benchmarks.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The client's end.
const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// As many packets wait at a device as a large window has, so that none is dropped.
const QUEUE: &str = "10000";

/// A wire that is up.
pub(crate) struct Wire {
    /// The time from the client to the server and back.
    pub(crate) round_trip: Duration,
    /// What passes, counted; nothing is counted on a wire without delay.
    pub(crate) tally: Arc<Tally>,
    /// Keeps the client's namespace. It ends with its input, so with this process too.
    keeper: Child,
}

impl Wire {
    /// Joins a new namespace to this one.
    pub(crate) fn new(round_trip: Duration) -> Result<Self> {
        let mut keeper = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo; cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("unshare (util-linux)")?;
        let output = keeper.stdout.take().context("no output")?;
        ensure!(
            BufReader::new(output).read_line(&mut String::new())? == 1,
            "there is no second network namespace"
        );
        let wire = Self {
            round_trip,
            tally: Arc::default(),
            keeper,
        };
        let there = wire.keeper.id().to_string();
        if round_trip.is_zero() {
            ip(&[
                "link", "add", "server0", "type", "veth", "peer", "name", "client0", "netns",
                &there,
            ])?;
        } else {
            let (server, client) = (device("server0")?, device("client0")?);
            ip(&["link", "set", "client0", "netns", &there])?;
            let (to_server, to_client) = (Arc::clone(&wire.tally), Arc::clone(&wire.tally));
            carry(
                &client,
                &server,
                round_trip / 2,
                move |packet| to_server.left_client(packet),
                |_| {},
            );
            carry(
                &server,
                &client,
                round_trip / 2,
                |_| {},
                move |packet| to_client.reached_client(packet),
            );
        }
        let (server, client) = (SERVER.to_string(), CLIENT.to_string());
        ip(&["addr", "add", &server, "peer", &client, "dev", "server0"])?;
        ip(&["link", "set", "server0", "up", "txqueuelen", QUEUE])?;
        wire.at_client(&[
            "ip", "addr", "add", &client, "peer", &server, "dev", "client0",
        ])?;
        wire.at_client(&["ip", "link", "set", "client0", "up", "txqueuelen", QUEUE])?;
        Ok(wire)
    }

    /// A command that runs at the client's end.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.keeper.id()))
            .arg(program);
        command
    }

    fn at_client(&self, words: &[&str]) -> Result<()> {
        run(self.client(words[0]).args(&words[1..]))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // What is left of the wire ends with the process at the latest.
        let _ = ip(&["link", "del", "server0"]);
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn device(name: &str) -> Result<Arc<SyncDevice>> {
    let device = DeviceBuilder::new().name(name).build_sync();
    Ok(Arc::new(
        device.context("a TUN device; is there /dev/net/tun?")?,
    ))
}

/// Carries packets from one device to the other, as long as there are both.
fn carry(
    from: &Arc<SyncDevice>,
    to: &Arc<SyncDevice>,
    delay: Duration,
    taken: impl Fn(&[u8]) + Send + 'static,
    given: impl Fn(&[u8]) + Send + 'static,
) {
    let (from, to) = (Arc::clone(from), Arc::clone(to));
    let (put, take) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(length) = from.recv(&mut buffer) {
            let due = Instant::now() + delay;
            taken(&buffer[..length]);
            if put.send((due, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, packet) in take {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            given(&packet);
            // A device that is not up yet has no use for it, and TCP sends it again.
            let _ = to.send(&packet);
        }
    });
}

fn ip(words: &[&str]) -> Result<()> {
    run(Command::new("ip").args(words))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
