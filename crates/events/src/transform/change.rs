//! Which function makes each change.

use cortado_base::Result;
use cortado_base::rng::Rng;

use super::filter::{self, Filter};
use super::{
    Draw, Output, POSITIVE, Transform, downsample, drop, frames, hats, noise, sensor, spatial,
    spikes, surface, time, voxel, whole,
};
use crate::event::{Geometry, Recording};
use crate::slice::Slicer;

impl Transform {
    /// This change as a filter for a recording that comes in pieces: of `drop_pixel`, `denoise`, `flicker` and
    /// `refractory_period`; nothing for others, and for a parameter that is to be drawn.
    ///
    /// # Errors
    /// Parameters out of range.
    ///
    /// ```
    /// use cortado_events::{Geometry, transform::Transform};
    /// let of = |text| serde_json::from_str::<Transform>(text).unwrap().filter(Geometry::new(8, 8));
    /// assert!(of(r#"{"type": "denoise", "filter_time": 2000}"#)?.is_some());
    /// assert!(of(r#"{"type": "time_alignment"}"#)?.is_none());
    /// # Ok::<(), cortado_base::Error>(())
    /// ```
    pub fn filter(&self, geometry: Geometry) -> Result<Option<Box<dyn Filter + Send>>> {
        Ok(Some(match *self {
            Self::DropPixel { ref coordinates } => {
                Box::new(filter::PixelMask::new(geometry, coordinates)?)
            }
            Self::Denoise {
                filter_time,
                neighbours,
                support,
            } => Box::new(filter::Background::new(
                geometry,
                filter_time,
                neighbours,
                support,
            )?),
            Self::Flicker { band, cycles } => {
                Box::new(filter::Flicker::new(geometry, band, cycles)?)
            }
            Self::RefractoryPeriod {
                delta: Draw::Fixed(delta),
                paralysable,
            } => {
                let delta = super::inside("delta", delta, POSITIVE)?.round() as u64;
                Box::new(filter::Refractory::new(geometry, delta, paralysable)?)
            }
            _ => return Ok(None),
        }))
    }

    /// Whether it draws random numbers, so that what it gives depends on the key.
    ///
    /// ```
    /// use cortado_events::transform::{Draw, Transform};
    /// let skew = |coefficient| Transform::TimeSkew { coefficient, offset: Draw::Fixed(0.0) };
    /// assert!(!skew(Draw::Fixed(2.0)).is_random());
    /// assert!(skew(Draw::Range([1.0, 2.0])).is_random());
    /// ```
    pub fn is_random(&self) -> bool {
        match *self {
            Self::RandomCrop { .. }
            | Self::RandomFlipLr { .. }
            | Self::RandomFlipUd { .. }
            | Self::SpatialJitter { .. }
            | Self::TimeJitter { .. }
            | Self::RandomTimeReversal { .. }
            | Self::DropEvent { .. }
            | Self::DropEventByTime { .. }
            | Self::DropEventByArea { .. }
            | Self::EventDrop {}
            | Self::RandomDropPixel { .. }
            | Self::RandomFlipPolarity { .. }
            | Self::UniformNoise { .. } => true,
            Self::TimeSkew {
                coefficient,
                offset,
            } => coefficient.varies() || offset.varies(),
            Self::RefractoryPeriod { delta, .. } => delta.varies(),
            // Each by name, so that a new one has to say it.
            Self::Sort {}
            | Self::Crop { .. }
            | Self::CenterCrop { .. }
            | Self::Downsample { .. }
            | Self::EventDownsampling { .. }
            | Self::CropTime { .. }
            | Self::TimeAlignment {}
            | Self::DropPixel { .. }
            | Self::HotPixels { .. }
            | Self::Decimation { .. }
            | Self::Denoise { .. }
            | Self::Flicker { .. }
            | Self::MergePolarities {}
            | Self::ToFrame { .. }
            | Self::ToImage { .. }
            | Self::ToBinaRep { .. }
            | Self::ToVoxelGrid { .. }
            | Self::ToTimesurface { .. }
            | Self::ToAveragedTimesurface { .. }
            | Self::ToSpikes { .. } => false,
        }
    }

    /// Changes `r`, or gives what is no recording.
    pub(super) fn change(&self, r: &mut Recording, rng: &mut Rng) -> Result<Option<Output>> {
        match self.clone() {
            Self::Sort {} => r.events.sort(),
            Self::Crop {
                x,
                y,
                width,
                height,
            } => {
                spatial::crop(r, [x.into(), y.into()], Geometry { width, height });
            }
            Self::CenterCrop { width, height } => spatial::center(r, Geometry { width, height })?,
            Self::RandomCrop { width, height } => {
                spatial::random(r, Geometry { width, height }, rng)?
            }
            Self::RandomFlipLr { p } => spatial::flip(r, p, true, rng)?,
            Self::RandomFlipUd { p } => spatial::flip(r, p, false, rng)?,
            Self::Downsample {
                time_factor,
                width,
                height,
                unique,
            } => {
                downsample::scale(r, time_factor, [width, height], unique)?;
            }
            Self::EventDownsampling {
                width,
                height,
                method,
            } => {
                downsample::events(r, Geometry { width, height }, &method)?;
            }
            Self::SpatialJitter {
                var_x,
                var_y,
                sigma_xy,
                outliers,
            } => {
                spatial::jitter(r, [var_x, sigma_xy, var_y], outliers, rng)?;
            }
            Self::CropTime { start, end } => time::crop(r, start..end.unwrap_or(u64::MAX)),
            Self::TimeAlignment {} => time::align(r),
            Self::TimeJitter {
                std,
                outliers,
                sort,
            } => time::jitter(r, std, outliers, rng).map(|()| {
                if sort {
                    r.events.sort()
                }
            })?,
            Self::TimeSkew {
                coefficient,
                offset,
            } => time::skew(r, coefficient, offset, rng)?,
            Self::RandomTimeReversal { p, flip_polarities } => {
                time::reverse(r, p, flip_polarities, rng)?
            }
            Self::DropEvent { p } => drop::events(r, p, rng)?,
            Self::DropEventByTime { duration_ratio } => drop::by_time(r, duration_ratio, rng)?,
            Self::DropEventByArea { area_ratio } => drop::by_area(r, area_ratio, rng)?,
            Self::EventDrop {} => drop::any(r, rng)?,
            Self::RandomDropPixel { p } => drop::random_pixels(r, p, rng)?,
            Self::Decimation { n } => drop::decimate(r, n)?,
            Self::HotPixels {
                frequency,
                deviations,
            } => {
                let mut pixels = filter::HotPixels::new(sensor(r)?)?;
                pixels.learn(r.events.view());
                filter::apply(&mut pixels.mask(frequency, deviations)?, r);
            }
            Self::RefractoryPeriod {
                delta: delta @ Draw::Range(_),
                paralysable,
            } => {
                let delta = Draw::Fixed(delta.pick(rng, "delta", POSITIVE)?);
                return Self::RefractoryPeriod { delta, paralysable }.change(r, rng);
            }
            Self::DropPixel { .. }
            | Self::Denoise { .. }
            | Self::Flicker { .. }
            | Self::RefractoryPeriod { .. } => {
                if let Some(mut filter) = self.filter(sensor(r)?)? {
                    filter::apply(filter.as_mut(), r);
                }
            }
            Self::MergePolarities {} => r.events.slots().p.fill(false),
            Self::RandomFlipPolarity { p, all } => noise::flip_polarity(r, p, all, rng)?,
            Self::UniformNoise { n } => noise::uniform(r, n, rng)?,
            Self::ToFrame {
                cut,
                start,
                end,
                rest,
                merge,
            } => {
                let slicer = Slicer {
                    cut,
                    start,
                    end,
                    rest,
                };
                let geometry = sensor(r)?;
                let slices = slicer.slices(r.events.view(), &r.triggers)?;
                return frames::count(&slices, geometry, merge).map(|f| Some(Output::Counts(f)));
            }
            Self::ToImage { merge } => {
                return frames::image(r.events.view(), sensor(r)?, merge)
                    .map(|f| Some(Output::Counts(f)));
            }
            Self::ToBinaRep { n_frames, n_bits } => {
                return frames::binary(r.events.view(), sensor(r)?, n_frames, n_bits)
                    .map(|f| Some(Output::Values(f)));
            }
            Self::ToVoxelGrid { n_bins } => {
                return voxel::grid(r.events.view(), whole(r)?, n_bins)
                    .map(|f| Some(Output::Values(f)));
            }
            Self::ToTimesurface { dt, tau, decay } => {
                return surface::surfaces(r.events.view(), whole(r)?, dt, decay.over(tau)?)
                    .map(|f| Some(Output::Values(f)));
            }
            Self::ToAveragedTimesurface {
                surface_size,
                cell_size,
                time_window,
                tau,
                decay,
            } => {
                let options = hats::Options {
                    surface: surface_size,
                    cell: cell_size,
                    window: time_window,
                    fade: decay.over(tau)?,
                };
                return hats::histograms(r.events.view(), whole(r)?, &options)
                    .map(|f| Some(Output::Values(f)));
            }
            Self::ToSpikes {
                dt,
                steps,
                start,
                binary,
                merge,
            } => {
                let options = spikes::Options {
                    dt,
                    steps,
                    start,
                    binary,
                    merge,
                };
                return spikes::spikes(r.events.view(), whole(r)?, &options)
                    .map(|s| Some(Output::Spikes(s)));
            }
        }
        Ok(None)
    }
}
