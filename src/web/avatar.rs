//! The look of a reader's avatar: initials on one of eight tones in one of four weaves, drawn by our style sheet.
//!
//! Which one is a keyed hash of the reader's number with the site's own key: a random value for each person that needs
//! no column, says nothing of their address, and is another one on another site (goal sheet R50).

use crate::core::ids::ReaderId;
use crate::core::secret::Secret;

const TONES: u8 = 8;
const WEAVES: u8 = 4;

/// One of the looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Look {
    /// 0 to 7: `avatar--t0`…
    pub tone: u8,
    /// 0 to 3: `avatar--w0`…
    pub weave: u8,
}

/// The look of a reader who proved their address.
#[must_use]
pub fn of(secret: &Secret, reader: ReaderId) -> Look {
    let [first, second, ..] = secret.mac("avatar", &reader.0.to_le_bytes());
    Look { tone: first % TONES, weave: second % WEAVES }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_person_has_one_look_a_site_and_people_differ() {
        let (one, other) = (Secret::new([1; 32]), Secret::new([2; 32]));
        assert_eq!(of(&one, ReaderId(7)), of(&one, ReaderId(7)));
        let looks = |secret: &Secret| (1..400).map(|id| of(secret, ReaderId(id))).collect::<Vec<_>>();
        assert_ne!(looks(&one), looks(&other), "another site, another picture");
        assert_eq!(looks(&one).into_iter().collect::<HashSet<_>>().len(), usize::from(TONES * WEAVES));
    }

    /// sRGB luminance of an oklch colour (CSS Color 4, section 9), clipped to the gamut.
    fn luminance(lightness: f64, chroma: f64, hue: f64) -> f64 {
        let (a, b) = (chroma * hue.to_radians().cos(), chroma * hue.to_radians().sin());
        let cone = |x: f64, y: f64| (lightness + x * a + y * b).powi(3);
        let long = cone(0.396_337_777_4, 0.215_803_757_3);
        let medium = cone(-0.105_561_345_8, -0.063_854_172_8);
        let short = cone(-0.089_484_177_5, -1.291_485_548);
        let red = 4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short;
        let green = -1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short;
        let blue = -0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701 * short;
        0.2126 * red.clamp(0.0, 1.0) + 0.7152 * green.clamp(0.0, 1.0) + 0.0722 * blue.clamp(0.0, 1.0)
    }

    fn contrast(one: f64, other: f64) -> f64 {
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn initials_can_be_read_on_every_tone_and_weave_in_light_and_dark() {
        let css = include_str!("../../static/css/base.css");
        // `--tone: light-dark(oklch(.93 .045 var(--h)), oklch(.31 .04 var(--h)))`
        let pair = |name: &str| -> [(f64, f64); 2] {
            let line = css.split(&format!("{name}: light-dark(")).nth(1).expect(name);
            let mut colours = line.split("oklch(").skip(1).map(|rest| {
                let mut numbers = rest.split_whitespace().map(str::parse::<f64>);
                (numbers.next().unwrap().unwrap(), numbers.next().unwrap().unwrap())
            });
            [colours.next().unwrap(), colours.next().unwrap()]
        };
        let (ground, weave, ink) = (pair("--tone"), pair("--weave"), pair("--letter"));
        let hues: Vec<f64> = css
            .split("{ --h: ")
            .skip(1)
            .map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(hues.len(), usize::from(TONES));
        for hue in hues {
            for theme in [0, 1] {
                let colour = |(lightness, chroma): (f64, f64)| luminance(lightness, chroma, hue);
                for under in [ground[theme], weave[theme]] {
                    let found = contrast(colour(ink[theme]), colour(under));
                    assert!(found >= 4.5, "hue {hue}, theme {theme}: {found:.2}");
                }
            }
        }
    }
}
