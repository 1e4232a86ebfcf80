//! Curves as SVG.

use std::path::Path;

use plotters::prelude::*;

use crate::Failure;

pub struct Curve {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// What is compared is grey, and what it is about is red.
fn colour(name: &str, place: usize) -> RGBColor {
    const OTHERS: [RGBColor; 4] =
        [RGBColor(31, 119, 180), RGBColor(44, 160, 44), RGBColor(148, 103, 189), RGBColor(255, 127, 14)];
    match name {
        "floor-epoll" | "floor-poll" => RGBColor(110, 110, 110),
        "floor-select" => RGBColor(170, 170, 170),
        "stheno-epoll" | "stheno-poll" => RGBColor(204, 24, 30),
        "stheno-select" => RGBColor(240, 130, 130),
        _ => OTHERS[place % OTHERS.len()],
    }
}

/// Draws curves over one axis, from zero.
pub fn curves(file: &Path, title: &str, below: &str, curves: &[Curve]) -> Result<(), Failure> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let most_x = points().map(|point| point.0).fold(1.0, f64::max);
    let most_y = points().map(|point| point.1).fold(1.0, f64::max) * 1.15;
    let area = SVGBackend::new(file, (800, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..most_x, 0.0..most_y)?;
    chart
        .configure_mesh()
        .x_desc(below)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (place, curve) in curves.iter().enumerate() {
        let colour = colour(&curve.name, place);
        let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2)).point_size(3);
        let drawn = chart.draw_series(line)?.label(&curve.name);
        drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(RGBColor(200, 200, 200))
        .draw()?;
    Ok(area.present()?)
}

#[cfg(test)]
mod tests {
    use super::{Curve, curves};

    #[test]
    fn each_curve_is_drawn_and_named() {
        let file = std::env::temp_dir().join(format!("curves-{}.svg", std::process::id()));
        let [one, other] = [("one", 5.0), ("other", 7.0)];
        let all = [one, other].map(|(name, y)| Curve { name: name.into(), points: vec![(0.0, y), (100.0, y)] });
        curves(&file, "title", "below", &all).unwrap();
        let drawn = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        for word in ["<svg", "title", "below", "one", "other"] {
            assert!(drawn.contains(word), "{word} is not in {drawn}");
        }
        assert!(drawn.matches("<polyline").count() >= 2, "{drawn}");
    }
}
