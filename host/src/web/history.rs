//! How series were before.

use collectd_net::Time;

use super::json::Json;
use crate::fleet::{History, Point, SeriesId};
use crate::watching::Watching;

/// The points of these series behind a time, as the elements of an array.
///
/// Of each value there are times, and what was measured or grew then. The first of them stand for a whole minute each, as its
/// mean, and have the least and the most of it besides.
pub(super) fn write(watching: &Watching, ids: &[SeriesId], since: Time) -> Json {
    let mut json = Json::default();
    for id in ids {
        // Copied quickly, written when others have the store again.
        let points: Option<Vec<Vec<Point>>> = watching.fleet().lock().series_of(*id).map(|series| {
            let since_of = |history: &History| history.since(since).collect();
            series.histories().iter().map(since_of).collect()
        });
        let Some(points) = points else { continue };
        json.object(|json| {
            json.key("id").word(id);
            json.key("values").array(|json| points.iter().for_each(|points| value(json, points)));
        });
    }
    json
}

fn value(json: &mut Json, points: &[Point]) {
    let minutes = points.iter().take_while(|point| point.minutes > 0).count();
    json.object(|json| {
        json.key("times").array(|json| points.iter().for_each(|point| json.time(point.time)));
        json.key("means").array(|json| points.iter().for_each(|point| json.short(point.mean)));
        let minutes = points.get(..minutes).unwrap_or_default();
        json.key("least").array(|json| minutes.iter().for_each(|point| json.short(point.min)));
        json.key("most").array(|json| minutes.iter().for_each(|point| json.short(point.max)));
    });
}
