//! Tags in which the station speaks about its stores, with their alarms.

use super::drafts::TagDraft;
use super::problem::Problems;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Piece, Presentation, Priority, Subject, Template};
use crate::engine::SystemTags;
use crate::expression::TagKind;
use crate::tag::{TagDefinition, TagId};

/// The station's own part of a plan.
pub(super) struct SystemPart {
    /// How many tags stand before these.
    first: usize,
    pub(super) tags: Vec<TagDefinition>,
    /// What the values of each are.
    pub(super) kinds: Vec<TagKind>,
    pub(super) alarms: Vec<AlarmDefinition>,
    pub(super) system: SystemTags,
}

impl SystemPart {
    /// Everything that the station says about itself, behind `first` other tags.
    pub(super) fn new(first: usize, is_secure: bool, has_limit: bool, has_backups: bool) -> Self {
        let (tags, kinds, alarms) = (Vec::new(), Vec::new(), Vec::new());
        let mut own = Self { first, tags, kinds, alarms, system: SystemTags::default() };
        own.add_system(is_secure);
        own.add_certificate_alarm();
        own.add_space_alarm();
        own.add_store_tags();
        own.add_sound_tag();
        own.add_clock_tags();
        if has_limit {
            own.add_limit_tags();
        }
        if has_backups {
            own.add_backup_tags();
        }
        own
    }

    /// Slot and definition of each tag, with what its values are.
    pub(super) fn named(&self) -> impl Iterator<Item = (TagId, &TagDefinition, TagKind)> {
        let numbered = self.tags.iter().zip(&self.kinds).enumerate();
        numbered.map(|(place, (tag, kind))| (TagId((self.first + place) as u32), tag, *kind))
    }

    /// No tag of the file bears the name of one of these.
    pub(super) fn check_names(&self, drafts: &[TagDraft], problems: &mut Problems) {
        for draft in drafts.iter().filter(|draft| self.tags.iter().any(|own| own.key.as_str() == draft.key)) {
            let words = format!("the station itself speaks in the tag \"{}\"; give this one another name", draft.key);
            problems.error(&draft.place.at("name"), words);
        }
    }

    /// Whether the stores can be written, and how much room there is.
    fn add_system(&mut self, secure: bool) {
        self.system.records_writable = self.speaking(
            "records-writable",
            "Whether alarms, commands and audit entries can be written.",
            (
                0.0,
                Priority::Critical,
                "Records cannot be written",
                "Commands and acknowledgements are refused until they can. Check the disk of this computer.",
            ),
        );
        self.system.history_writable = self.speaking(
            "history-writable",
            "Whether samples can be written, and none are lost.",
            (
                0.0,
                Priority::High,
                "History cannot be written",
                "Live operation goes on; samples are being lost. Brokers whose messages are acknowledged when they are stored wait: their values may be \
                 old. Check the disk of this computer.",
            ),
        );
        let lost = self.station_tag("samples-lost", TagKind::Number, "Samples lost since the start.");
        self.system.samples_lost = Some(lost);
        if secure {
            let days = "Days until the first of our certificates ends.";
            self.system.certificate_days = Some(self.station_tag("certificate-days", TagKind::Number, days));
        }
        let days = "Days until the disk is full at the pace of history; 3650 when that is not in sight.";
        self.system.history_days = Some(self.station_tag("history-days", TagKind::Number, days));
        self.system.history_set_aside = self.speaking(
            "history-set-aside",
            "Whether a damaged file of samples was set aside.",
            (
                1.0,
                Priority::Medium,
                "A damaged history file was set aside",
                "It was kept in the folder history/ and a new one was begun. Call the engineer.",
            ),
        );
    }

    /// A certificate is to be renewed a month before it ends.
    fn add_certificate_alarm(&mut self) {
        let Some(tag) = self.system.certificate_days else { return };
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/certificate-days", "low"),
            condition: Condition::Low(30.0),
            ..system_alarm(
                tag,
                "certificate-days",
                0.0,
                Priority::Medium,
                "A certificate of this station ends soon",
                "Renew it and put the new files in place of the old ones: they are read at the next connection.",
            )
        });
    }

    /// Two weeks before the disk is full, somebody should hear of it.
    fn add_space_alarm(&mut self) {
        let Some(tag) = self.system.history_days else { return };
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/history-days", "low"),
            condition: Condition::Low(14.0),
            ..system_alarm(
                tag,
                "history-days",
                0.0,
                Priority::Medium,
                "The disk for history is full soon",
                "Make room on the disk of this computer, or keep less: \"keep\" in the station file says how much.",
            )
        });
    }

    /// Damaged records, and files of history that are left out.
    pub(super) fn add_store_tags(&mut self) {
        let tag = self.station_tag("records-set-aside", TagKind::Boolean, "Whether damaged records were set aside.");
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
        let tag = self.station_tag(
            "history-left-out",
            TagKind::Number,
            "Files of history that cannot be read and are left out.",
        );
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
        let percent = self.station_tag("history-percent", TagKind::Number, share);
        self.definition(percent).into_iter().for_each(|tag| tag.unit = "%".into());
        self.system.history_percent = Some(percent);
        let near = "Whether history is about to reach \"most\" in the station file for the first time.";
        let tag = self.station_tag("history-near-limit", TagKind::Boolean, near);
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
        let age = self.station_tag("backup-age-hours", TagKind::Number, "Hours since the last good backup.");
        self.definition(age).into_iter().for_each(|tag| tag.unit = "h".into());
        self.system.backup_age_hours = Some(age);
        let tag =
            self.station_tag("backup-working", TagKind::Boolean, "Whether the last backup was made and read back.");
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
        let step = self.station_tag(
            "clock-step",
            TagKind::Text,
            "From when to when the clock of this computer was last stepped.",
        );
        let tag = self.station_tag(
            "clock-stepped",
            TagKind::Boolean,
            "Whether the clock of this computer was stepped within the last minute.",
        );
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

    /// A tag that says whether something is so, with its alarm: state, priority, message, guidance.
    fn speaking(&mut self, name: &str, description: &str, alarm: (f64, Priority, &str, &str)) -> Option<TagId> {
        let id = self.station_tag(name, TagKind::Boolean, description);
        let (state, priority, message, guidance) = alarm;
        self.alarms.push(system_alarm(id, name, state, priority, message, guidance));
        Some(id)
    }

    /// The definition of one of these.
    pub(super) fn definition(&mut self, tag: TagId) -> Option<&mut TagDefinition> {
        self.tags.get_mut(tag.index().checked_sub(self.first)?)
    }

    /// One of these tags, to say more of it.
    pub(super) fn tag(&mut self, tag: TagId) -> &mut TagDefinition {
        &mut self.tags[tag.index() - self.first]
    }

    /// A tag of the station itself.
    pub(super) fn station_tag(&mut self, name: &str, kind: TagKind, description: &str) -> TagId {
        let id = TagId((self.first + self.tags.len()) as u32);
        self.kinds.push(kind);
        let mut tag = TagDefinition::named(&format!("station/{name}"));
        tag.description = description.into();
        tag.area = Some("station".into());
        tag.decimals = 0;
        tag.address = "the station itself".into();
        self.tags.push(tag);
        id
    }
}

pub(super) fn system_alarm(
    tag: TagId,
    name: &str,
    state: f64,
    priority: Priority,
    message: &str,
    guidance: &str,
) -> AlarmDefinition {
    let key = AlarmKey::new(&format!("station/{name}"), "digital");
    AlarmDefinition {
        priority,
        message: message.into(),
        guidance: guidance.into(),
        area: Some("station".into()),
        ..AlarmDefinition::plain(key, Subject::Tag(tag), Condition::Digital(state))
    }
}
