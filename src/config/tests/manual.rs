//! Tags whose values people enter.

use super::*;

#[test]
fn what_people_enter_is_read_from_nowhere_and_begins_within_its_bounds() {
    check(&with_tags(r#"{"name": "limit", "manual": 3.2, "range": [2.5, 3.5]}"#), &[]);
    check(&with_tags(r#"{"name": "mode", "manual": "winter"}, {"name": "free", "manual": true}"#), &[]);
    check(
        &with_tags(r#"{"name": "limit", "manual": 9, "range": [2.5, 3.5], "topic": "a/b", "stale_after": "5s"}"#),
        &[
            "tags/0/topic: a tag with \"manual\" is read from no device",
            "tags/0/stale_after: a tag with \"manual\" is read from no device",
            "tags/0/manual: 9 is above the highest allowed value 3.5",
        ],
    );
    check(
        &with_tags(r#"{"name": "limit"}"#),
        &["tags/0: the tag \"limit\" needs a \"device\" that it is read from, or a value to begin with as \"manual\""],
    );
    check(
        &with_tags(r#"{"name": "limit", "manual": 1, "device": "d", "register": "input:0"}"#),
        &[
            "tags/0/device: a tag with \"manual\" is read from no device",
            "tags/0/register: a tag with \"manual\" is read from no device",
        ],
    );
}
