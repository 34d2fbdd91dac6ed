//! The consent flow against a provider, a mail server and stores in memory.

mod approving;
mod connecting;
mod hostile;
mod person;
mod refusing;
mod secrecy;
mod status;
mod stopping;
mod world;

use self::person::Person;
use self::world::World;
