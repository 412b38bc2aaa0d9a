//! stub to be replaced in this session
pub fn run(_: &std::path::Path, _: Option<std::time::Duration>, _: Option<()>) -> anyhow::Result<()> {Ok(())}
