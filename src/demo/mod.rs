//! stub to be replaced in this session
pub struct Demo;
pub struct Faults;
impl Demo { pub fn start(_: &std::path::Path, _: u64) -> anyhow::Result<Self> { Ok(Self) } pub fn faults(&self)->Faults{Faults} }
pub fn run_broker(_: u16)->anyhow::Result<()> {Ok(())}
