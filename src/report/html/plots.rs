//! The plots, drawn as SVG by plotters. Colours are the light theme's; the page's style sheet swaps each for its dark counterpart
//! by its very value. No text but numbers and short labels, so that a plot reads the same in every language.

use std::fmt::Display;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::Error;
use crate::report::words::{as_float, thousands};

const INK: RGBColor = RGBColor(0x3d, 0x45, 0x50);
const AXIS: RGBColor = RGBColor(0x8a, 0x94, 0xa3);
const GRID: RGBColor = RGBColor(0xdd, 0xe3, 0xea);
pub(super) const BAR: RGBColor = RGBColor(0x2f, 0x6f, 0xb0);
pub(super) const LIMIT: RGBColor = RGBColor(0xa3, 0x21, 0x3c);

// One colour a status.
pub(super) const CREATED: RGBColor = RGBColor(0x1a, 0x7f, 0x4b);
pub(super) const ALREADY_CREATED: RGBColor = RGBColor(0x5b, 0xa5, 0x7e);
pub(super) const DUPLICATE: RGBColor = RGBColor(0x6e, 0x77, 0x81);
pub(super) const INVALID: RGBColor = RGBColor(0xb4, 0x45, 0x1f);
pub(super) const REJECTED: RGBColor = RGBColor(0x8c, 0x2a, 0x5b);
pub(super) const FAILED: RGBColor = RGBColor(0xc9, 0x82, 0x2b);
pub(super) const UNCERTAIN: RGBColor = RGBColor(0xb8, 0x9a, 0x00);
pub(super) const PENDING: RGBColor = RGBColor(0x4a, 0x8f, 0xd0);

/// Every drawing's width; on the page it is scaled.
const WIDTH: u32 = 600;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One bar of a bar plot: its label, and its parts from the bottom up.
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) parts: Vec<(RGBColor, f64)>,
}

/// Parts of one whole, side by side; the smallest still wide enough to be seen.
pub(super) fn shares(parts: &[(RGBColor, u64)]) -> Result<String, Error> {
    const HEIGHT: i32 = 36;
    const SEEN: f64 = 4.0;
    drawn(36, |area| {
        let parts: Vec<_> = parts.iter().filter(|(_, count)| *count > 0).collect();
        let total: u64 = parts.iter().map(|(_, count)| count).sum();
        let shared = f64::from(WIDTH) - SEEN * as_float(parts.len() as u64);
        let mut from = 0.0;
        for &&(colour, count) in &parts {
            let to = from + SEEN + shared * as_float(count) / as_float(total);
            let corners = [(pixel(from), 0), (pixel(to) - 1, HEIGHT)];
            area.draw(&Rectangle::new(corners, colour.filled()))
                .map_err(failed)?;
            from = to;
        }
        Ok(())
    })
}

/// Values along equal steps that make up `span`, on an axis that goes on to `end`; with a line at the limit.
pub(super) fn over_time(
    values: &[u64],
    span: f64,
    end: f64,
    limit: Option<u32>,
) -> Result<String, Error> {
    drawn(230, |area| {
        let highest = values.iter().copied().max().unwrap_or(0);
        let top = as_float(highest.max(limit.unwrap_or(0).into()).max(1)) * 1.12;
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(30)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..end, 0.0..top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .y_labels(5)
            .label_style(("sans-serif", 16).into_font().color(&INK))
            .x_label_formatter(&|x| short(*x))
            .y_label_formatter(&|y| short(*y))
            .draw()
            .map_err(failed)?;
        let step = span / as_float(values.len().max(1) as u64);
        let gap = step * 0.08;
        let bars = values.iter().enumerate().map(|(place, &value)| {
            let from = as_float(place as u64) * step;
            Rectangle::new(
                [(from + gap, 0.0), (from + step - gap, as_float(value))],
                BAR.filled(),
            )
        });
        chart.draw_series(bars).map_err(failed)?;
        if let Some(limit) = limit {
            let line = [(0.0, f64::from(limit)), (end, f64::from(limit))];
            chart
                .draw_series(DashedLineSeries::new(line, 7, 4, LIMIT.stroke_width(2)))
                .map_err(failed)?;
        }
        Ok(())
    })
}

/// Bars side by side, each with its label below.
pub(super) fn bars(bars: &[Bar]) -> Result<String, Error> {
    drawn(230, |area| {
        let heights = bars
            .iter()
            .map(|bar| bar.parts.iter().map(|(_, part)| part).sum::<f64>());
        let top = heights.fold(1.0, f64::max) * 1.1;
        let x: Range<f64> = -0.5..as_float(bars.len().max(1) as u64) - 0.5;
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .x_label_area_size(30)
            .y_label_area_size(72)
            .build_cartesian_2d(x, 0.0..top)
            .map_err(failed)?;
        let label_at = |x: &f64| label(bars, *x);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .x_labels(bars.len().clamp(1, 16))
            .y_labels(5)
            .label_style(("sans-serif", 16).into_font().color(&INK))
            .x_label_formatter(&label_at)
            .y_label_formatter(&|y| short(*y))
            .draw()
            .map_err(failed)?;
        for (place, bar) in bars.iter().enumerate() {
            let middle = as_float(place as u64);
            let mut from = 0.0;
            for &(colour, part) in bar.parts.iter().filter(|(_, part)| *part > 0.0) {
                let corners = [(middle - 0.34, from), (middle + 0.34, from + part)];
                chart
                    .draw_series([Rectangle::new(corners, colour.filled())])
                    .map_err(failed)?;
                from += part;
            }
        }
        Ok(())
    })
}

/// Adds the words that a screen reader says for a plot. Both are this tool's own, free of markup.
pub(super) fn described(svg: &str, id: &str, title: &str, description: &str) -> String {
    let Some((open, rest)) = svg.split_once('>') else {
        return String::new();
    };
    format!(
        "{open} role=\"img\" aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title}</title>\
         <desc id=\"{id}-desc\">{description}</desc>{rest}"
    )
}

/// `#2F6FB0`, as it stands in the drawing.
pub(super) fn hex(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

fn drawn(height: u32, draw: impl FnOnce(&Area<'_>) -> Result<(), Error>) -> Result<String, Error> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

/// The label of the bar that stands at this place; nothing between two bars.
fn label(bars: &[Bar], x: f64) -> String {
    let near = x.round();
    if (x - near).abs() > 0.05 || near < 0.0 {
        return String::new();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small whole number, not negative"
    )]
    let place = near as usize;
    bars.get(place)
        .map_or(String::new(), |bar| bar.label.clone())
}

/// A number on an axis, such as `0.5` or `10,000`.
fn short(number: f64) -> String {
    let text = format!("{:.1}", number.max(0.0));
    match text.strip_suffix(".0") {
        Some(whole) => whole.parse().map_or(text.clone(), thousands),
        None => text,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a place in a drawing of a few hundred pixels"
)]
fn pixel(place: f64) -> i32 {
    place.round() as i32
}

fn failed(error: impl Display) -> Error {
    Error::unexpected(
        "report_not_drawn",
        format!("A plot cannot be drawn: {error}."),
    )
}
