//! A drawing as a list of things to draw, in points from its left upper corner. The window paints it, a file keeps it as SVG; neither knows
//! what it shows.

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

impl Area {
    pub(super) const fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { left, top, right, bottom }
    }

    pub(super) fn width(&self) -> f32 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f32 {
        self.bottom - self.top
    }

    pub(super) fn contains(&self, [x, y]: [f32; 2]) -> bool {
        (self.left..=self.right).contains(&x) && (self.top..=self.bottom).contains(&y)
    }
}

/// A colour by what it means; the palette of the day or the night says which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Text,
    Muted,
    Faint,
    Rule,
    Panel,
    Focus,
    Select,
    /// A pen, by the number of its style.
    Pen(usize),
    /// An alarm of this priority, from 0.
    Priority(usize),
    /// What is written on one.
    OnPriority(usize),
}

/// How a line is broken, so that colour alone tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    /// In strokes.
    Long,
    /// In dots.
    Short,
    /// In strokes and dots by turns.
    Mixed,
}

impl Dash {
    /// Lengths of strokes and spaces, in turn, in points.
    pub(super) const fn lengths(self) -> &'static [f32] {
        match self {
            Self::Solid => &[],
            Self::Long => &[9.0, 4.0],
            Self::Short => &[2.0, 3.5],
            Self::Mixed => &[9.0, 3.5, 2.0, 3.5],
        }
    }
}

/// Where words stand beside their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    LeftCentre,
    RightCentre,
    Centre,
    CentreTop,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// A line through these points.
    Line { points: Vec<[f32; 2]>, ink: Ink, width: f32, dash: Dash, opacity: f32 },
    /// A filled rectangle.
    Fill { area: Area, ink: Ink, opacity: f32 },
    /// A filled shape without dents.
    Shape { points: Vec<[f32; 2]>, ink: Ink },
    /// Slanted lines.
    Hatch { area: Area, ink: Ink, opacity: f32 },
    /// Dots of two points.
    Dots { points: Vec<[f32; 2]>, ink: Ink, opacity: f32 },
    /// Words, with "..." where they have no room.
    Words { at: [f32; 2], anchor: Anchor, words: String, size: f32, is_strong: bool, ink: Ink, room: f32 },
    /// What comes is cut off outside of this, until the next one.
    Clip(Option<Area>),
}

/// A drawing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sheet {
    pub(super) size: [f32; 2],
    pub(super) items: Vec<Item>,
}

impl Sheet {
    pub(super) fn new(size: [f32; 2]) -> Self {
        Self { size, items: Vec::new() }
    }

    pub(super) fn line(&mut self, points: Vec<[f32; 2]>, ink: Ink, width: f32, dash: Dash) {
        if points.len() > 1 {
            self.items.push(Item::Line { points, ink, width, dash, opacity: 1.0 });
        }
    }

    pub(super) fn rule(&mut self, from: [f32; 2], to: [f32; 2], ink: Ink) {
        self.line(vec![from, to], ink, 1.0, Dash::Solid);
    }

    pub(super) fn frame(&mut self, area: Area, ink: Ink) {
        let Area { left, top, right, bottom } = area;
        self.line(vec![[left, top], [right, top], [right, bottom], [left, bottom], [left, top]], ink, 1.0, Dash::Solid);
    }

    pub(super) fn fill(&mut self, area: Area, ink: Ink, opacity: f32) {
        self.items.push(Item::Fill { area, ink, opacity });
    }

    pub(super) fn words(&mut self, at: [f32; 2], anchor: Anchor, words: impl Into<String>, ink: Ink) -> &mut Self {
        self.items.push(Item::Words {
            at,
            anchor,
            words: words.into(),
            size: 12.0,
            is_strong: false,
            ink,
            room: f32::INFINITY,
        });
        self
    }

    /// How the last words look, and how much room they have.
    pub(super) fn as_in(&mut self, type_size: f32, strong: bool, space: f32) {
        if let Some(Item::Words { size, is_strong, room, .. }) = self.items.last_mut() {
            (*size, *is_strong, *room) = (type_size, strong, space);
        }
    }

    pub(super) fn clip(&mut self, area: Option<Area>) {
        self.items.push(Item::Clip(area));
    }
}

/// Cuts a line into its strokes. Strokes outside of what is drawn cost nothing because they are never made.
pub(super) fn strokes(points: &[[f32; 2]], lengths: &[f32]) -> Vec<Vec<[f32; 2]>> {
    if lengths.is_empty() {
        return vec![points.to_vec()];
    }
    let (mut all, mut stroke) = (Vec::new(), Vec::new());
    let (mut place, mut left) = (0, lengths[0]);
    for pair in points.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        let length = (to[0] - from[0]).hypot(to[1] - from[1]);
        let along = |done: f32| {
            let share = done / length;
            [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]
        };
        let mut done = 0.0;
        if place % 2 == 0 && stroke.is_empty() {
            stroke.push(from);
        }
        while length - done >= left {
            done += left;
            if place % 2 == 0 {
                stroke.push(along(done));
                all.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![along(done)];
            }
            place = (place + 1) % lengths.len();
            left = lengths[place];
        }
        left -= length - done;
        if place % 2 == 0 && stroke.last() != Some(&to) {
            stroke.push(to);
        }
    }
    if stroke.len() > 1 {
        all.push(stroke);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_goes_round_corners_and_keeps_its_lengths() {
        let line = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]];
        let found = strokes(&line, &[4.0, 2.0]);
        assert_eq!(found[0], [[0.0, 0.0], [4.0, 0.0]]);
        assert_eq!(found[1], [[6.0, 0.0], [10.0, 0.0]]);
        assert_eq!(found[2], [[10.0, 2.0], [10.0, 6.0]]);
        assert_eq!(found[3], [[10.0, 8.0], [10.0, 10.0]]);
        let length = |stroke: &Vec<[f32; 2]>| {
            stroke.windows(2).map(|pair| (pair[1][0] - pair[0][0]).hypot(pair[1][1] - pair[0][1])).sum::<f32>()
        };
        assert!(found.iter().all(|stroke| length(stroke) <= 4.0 + 1e-3));
        assert_eq!(strokes(&line, &[]), [line.to_vec()]);
    }
}
