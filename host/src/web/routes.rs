//! What is served where.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State as Of};
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::routing::get;

use super::json::Json;
use super::live::Streams;
use super::query::{Query, QueryError};
use super::summary::{Counters, Summary, count};
use super::watch::{News, Watch};
use super::{assets, history, objects};
use crate::watching::Watching;

/// What answers are made of.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) watching: Arc<Watching>,
    pub(super) streams: Arc<Streams>,
    pub(super) counters: Arc<Counters>,
    /// How often a stream has news.
    pub(super) tick: Duration,
}

/// Everything that is served.
pub(super) fn routes(state: State) -> Router {
    let api = Router::new()
        .route("/api/live", get(live))
        .route("/api/filter", get(filter))
        .route("/api/series", get(series))
        .route("/api/hosts", get(hosts))
        .route("/api/senders", get(senders))
        .route("/api/notifications", get(notifications))
        .route("/api/counts", get(counts));
    assets::serve(api).fallback(|| std::future::ready(nothing())).with_state(state)
}

fn nothing() -> Response<Body> {
    problem(StatusCode::NOT_FOUND, &QueryError { message: "there is nothing here".into(), column: None })
}

/// A stream of what happens.
async fn live(Of(state): Of<State>, RawQuery(query): RawQuery) -> Response<Body> {
    asked(&state, query, |query| {
        let Some(stream) = state.streams.open(query, &state.watching, state.tick) else {
            let message = "there are as many streams as may be; close another page".into();
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, &QueryError { message, column: None });
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
            return response;
        };
        let mut response = Response::new(Body::new(stream));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    })
}

/// Whether a filter is one: that it is none is an answer, too.
async fn filter(RawQuery(query): RawQuery) -> Response<Body> {
    match Query::new(&query.unwrap_or_default()) {
        Ok(_) => json(StatusCode::OK, |json| {
            json.key("error").null();
            json.key("column").null();
        }),
        Err(error) => problem(StatusCode::OK, &error),
    }
}

/// Series, with their latest points, and how they were before if that is asked for.
async fn series(Of(state): Of<State>, RawQuery(query): RawQuery) -> Response<Body> {
    asked(&state, query, |query| {
        if let Some(stream) = query.stream {
            state.streams.keep(stream, &query.ids, &state.watching);
        }
        if let Some(since) = query.since {
            let histories = history::write(&state.watching, &query.ids, since);
            return json(StatusCode::OK, |json| json.key("histories").elements(histories));
        }
        let News { series, points, more, .. } = Watch::new(query).look(&state.watching);
        json(StatusCode::OK, |json| {
            json.key("series").elements(series);
            json.key("points").elements(points);
            json.key("more_series").count(more as u64);
        })
    })
}

async fn hosts(Of(state): Of<State>, RawQuery(query): RawQuery) -> Response<Body> {
    asked(&state, query, |query| {
        let hosts = Watch::new(query).look(&state.watching).hosts;
        json(StatusCode::OK, |json| json.key("hosts").elements(hosts))
    })
}

async fn senders(Of(state): Of<State>, RawQuery(query): RawQuery) -> Response<Body> {
    asked(&state, query, |query| {
        let now = state.watching.now();
        let senders = Watch::new(query).look(&state.watching).senders;
        json(StatusCode::OK, |json| {
            json.key("senders").elements(senders);
            objects::sender(json.key("others"), &state.watching.fleet().lock().other_senders(), now);
        })
    })
}

async fn notifications(Of(state): Of<State>, RawQuery(query): RawQuery) -> Response<Body> {
    asked(&state, query, |query| {
        let latest = state.watching.fleet().lock().latest_news();
        let news = Watch::new(query).look(&state.watching);
        json(StatusCode::OK, |json| {
            json.key("notifications").elements(news.news);
            json.key("missed_notifications").count(news.missed_news);
            json.key("latest").count(latest);
        })
    })
}

async fn counts(Of(state): Of<State>) -> Response<Body> {
    let summary = Summary::of(&state.watching, &state.counters);
    json(StatusCode::OK, |json| objects::counts(json.key("counts"), &summary))
}

/// Answers what is asked, if that can be understood.
fn asked(state: &State, query: Option<String>, answer: impl FnOnce(Query) -> Response<Body>) -> Response<Body> {
    match Query::new(&query.unwrap_or_default()) {
        Ok(query) => answer(query),
        Err(error) => {
            count(&state.counters.refused_requests);
            problem(StatusCode::BAD_REQUEST, &error)
        }
    }
}

fn problem(status: StatusCode, error: &QueryError) -> Response<Body> {
    json(status, |json| {
        json.key("error").word(&error.message);
        match error.column {
            Some(column) => json.key("column").count(column as u64),
            None => json.key("column").null(),
        }
    })
}

/// An answer that is an object.
fn json(status: StatusCode, members: impl FnOnce(&mut Json)) -> Response<Body> {
    let mut json = Json::default();
    json.object(members);
    let mut response = Response::new(Body::from(json.into_text()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
