//! Under the real engines: each test brings one up in namespaces of its own, and runs a script
//! beside it. Nothing is started unless `STOPCTL_TEST_STATIC` asks for it; see .ci/run.

mod committed;
mod support;

#[path = "engines/beside.rs"]
mod beside;
#[path = "engines/containers.rs"]
mod containers;
#[path = "engines/failing.rs"]
mod failing;
#[path = "engines/package.rs"]
mod package;
#[path = "engines/slurm.rs"]
mod slurm;
#[path = "engines/systemd.rs"]
mod systemd;
#[path = "engines/wheels.rs"]
mod wheels;
