//! Tags in which the station speaks about its stores, with their alarms.

use super::compile::{Compiled, system_alarm};
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Piece, Presentation, Priority, Template};
use crate::tag::{TagDefinition, TagId};

impl Compiled {
    /// Damaged records, and files of history that are left out.
    pub(super) fn add_store_tags(&mut self) {
        let tag = self.station_tag("records-set-aside", "Whether damaged records were set aside.");
        self.system.records_set_aside = Some(tag);
        self.alarms.push(system_alarm(
            tag,
            "records-set-aside",
            1.0,
            Priority::High,
            "Damaged records were set aside",
            "They were kept in the folder of the station, and new ones were begun; commands go on. Look through the alarms that stand: \
             some may have come anew. Call the engineer: `polder verify` says what is missing.",
        ));
        let tag = self.station_tag("history-left-out", "Files of history that cannot be read and are left out.");
        self.system.history_left_out = Some(tag);
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/history-left-out", "high"),
            condition: Condition::High(1.0),
            ..system_alarm(
                tag,
                "history-left-out",
                0.0,
                Priority::Medium,
                "A file of history cannot be read and is left out",
                "Samples go on being kept; what is in that file does not show. Call the engineer: the line at the bottom of the window \
                 names it and says why.",
            )
        });
    }

    /// How near history is to the limit that the station file sets.
    pub(super) fn add_limit_tags(&mut self) {
        let share = "What history takes of \"most\" in the station file; beyond it the oldest samples go.";
        let percent = self.station_tag("history-percent", share);
        self.tags[percent.index()].unit = "%".into();
        self.system.history_percent = Some(percent);
        let near = "Whether history is about to reach \"most\" in the station file for the first time.";
        let tag = self.station_tag("history-near-limit", near);
        self.system.history_near_limit = Some(tag);
        self.alarms.push(system_alarm(
            tag,
            "history-near-limit",
            1.0,
            Priority::Low,
            "History is near its limit",
            "Beyond it the oldest samples go, as \"most\" in the station file says. Export or back up what must stay, or raise \"most\".",
        ));
    }

    /// How the backups go.
    pub(super) fn add_backup_tags(&mut self) {
        let age = self.station_tag("backup-age-hours", "Hours since the last good backup.");
        self.tags[age.index()].unit = "h".into();
        self.system.backup_age_hours = Some(age);
        let tag = self.station_tag("backup-working", "Whether the last backup was made and read back.");
        self.system.backup_working = Some(tag);
        self.alarms.push(system_alarm(
            tag,
            "backup-working",
            0.0,
            Priority::Medium,
            "A backup failed",
            "It is tried again every 10 minutes. The line at the bottom of the window says why: a folder that is not there or not \
             mounted, no room, or no permission.",
        ));
    }

    /// How the clock of this computer goes. Times in history and journal are only as good as that.
    pub(super) fn add_clock_tags(&mut self) {
        let step = self.station_tag("clock-step", "From when to when the clock of this computer was last stepped.");
        let tag =
            self.station_tag("clock-stepped", "Whether the clock of this computer was stepped within the last minute.");
        (self.system.clock_step, self.system.clock_stepped) = (Some(step), Some(tag));
        let pieces = [Piece::Words("The clock of this computer was stepped ".into()), Piece::Value(step)];
        let template = Template(pieces.into());
        let alarm = system_alarm(
            tag,
            "clock-stepped",
            1.0,
            Priority::Low,
            &template.without_values(),
            "Times before and after it in history, trends and the journal do not fit each other; the alarm ends by itself after a minute. Where \
             nobody set the clock and this computer did not sleep, call the engineer: its time service does not hold it.",
        );
        let presentation = Presentation { template: Some(template), ..Presentation::default() };
        self.alarms.push(AlarmDefinition { presentation, ..alarm });
    }

    /// A tag of the station itself.
    pub(super) fn station_tag(&mut self, name: &str, description: &str) -> TagId {
        let id = TagId(self.tags.len() as u32);
        let mut tag = TagDefinition::named(&format!("station/{name}"));
        tag.description = description.into();
        tag.area = Some("station".into());
        tag.decimals = 0;
        tag.address = "the station itself".into();
        self.tags.push(tag);
        id
    }
}
