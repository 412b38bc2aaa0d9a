//! The window's picture as PNG.

use egui::{ColorImage, Rect};

/// The part of a picture of the window that `rect` covers, as a PNG file; none where nothing of it is in the picture.
pub(super) fn png(image: &ColorImage, rect: Rect, pixels_per_point: f32) -> Option<Result<Vec<u8>, String>> {
    let [width, height] = image.size;
    let place = |points: f32, end: usize| ((points * pixels_per_point).round().max(0.0) as usize).min(end);
    let (left, right) = (place(rect.left(), width), place(rect.right(), width));
    let (top, bottom) = (place(rect.top(), height), place(rect.bottom(), height));
    if left >= right || top >= bottom {
        return None;
    }
    let mut bytes = Vec::with_capacity((right - left) * (bottom - top) * 3);
    for row in top..bottom {
        let line = image.pixels.get(row * width + left..row * width + right).unwrap_or_default();
        bytes.extend(line.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]));
    }
    Some(encode((right - left) as u32, (bottom - top) as u32, &bytes).map_err(|error| error.to_string()))
}

fn encode(width: u32, height: u32, bytes: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{Color32, pos2};

    #[test]
    fn the_part_comes_back_pixel_by_pixel() {
        let pixels: Vec<Color32> = (0..200).map(|place| Color32::from_rgb_additive(place as u8, 7, 9)).collect();
        let image = ColorImage::new([20, 10], pixels);
        let rect = Rect::from_min_max(pos2(2.0, 1.0), pos2(6.0, 3.0));
        let bytes = png(&image, rect, 2.0).unwrap().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut found = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut found).unwrap();
        assert_eq!((info.width, info.height), (8, 4));
        // Row 2, column 4 of the whole picture.
        assert_eq!(found[..3], [2 * 20 + 4, 7, 9]);
        assert!(png(&image, Rect::from_min_max(pos2(50.0, 0.0), pos2(60.0, 5.0)), 2.0).is_none());
    }
}
