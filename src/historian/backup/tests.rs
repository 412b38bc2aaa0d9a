//! Copies while somebody writes.

use super::*;

#[test]
fn a_copy_that_cannot_be_made_in_time_is_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let [from, to] = ["from.sqlite", "to.sqlite"].map(|name| folder.path().join(name));
    let writer = Connection::open(&from).unwrap();
    writer.execute_batch("CREATE TABLE t(x); INSERT INTO t VALUES (1); BEGIN EXCLUSIVE").unwrap();
    let wait = |deadline| copy_within(&from, &to, deadline).unwrap_err().to_string();
    assert!(wait(Duration::ZERO).contains("locked"), "{}", wait(Duration::ZERO));
    writer.execute_batch("COMMIT").unwrap();
    assert!(copy_within(&from, &to, Duration::ZERO).unwrap() > 0);
    let copied = Connection::open(&to).unwrap();
    assert_eq!(copied.query_row("SELECT x FROM t", [], |row| row.get::<_, i64>(0)), Ok(1));
}
