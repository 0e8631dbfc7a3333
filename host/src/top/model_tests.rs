use super::*;
use crate::top::tests::fleet;

const PRETTY: Look = Look { color: true, ascii: false };

#[test]
fn the_tree_opens_and_closes() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    // Of so few hosts, all are open.
    let rows = viewer.model.catalog.rows.len();
    assert_eq!(rows, 3 + 3 * 5);
    viewer.press("↓↓↓↓→");
    assert_eq!(viewer.model.catalog.rows.len(), rows + 3);
    viewer.press("→←←");
    assert!(matches!(viewer.model.selected, Some(Key::Plugin(..))));
    viewer.press("←←");
    assert!(matches!(viewer.model.selected, Some(Key::Host(..))), "{:?}", viewer.model.selected);
    viewer.press("←");
    assert_eq!(viewer.model.catalog.rows.len(), 3 + 2 * 5);
}

#[test]
fn what_is_pinned_stays_until_it_is_taken_down() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    viewer.press("↓→→↓\n↓\n");
    let pins = viewer.model.pins.clone();
    assert_eq!(pins.len(), 2);
    assert_eq!(viewer.model.charted(), pins);
    viewer.press("/nothing\n");
    assert_eq!((viewer.model.charted(), viewer.model.catalog.rows.len()), (pins, 0));
    let titles: Vec<_> = viewer.draw().charts.iter().map(|chart| chart.title.clone()).collect();
    assert_eq!(titles, ["db01/cpu/percent-idle", "db01/cpu/percent-user"]);
    viewer.press("c");
    assert_eq!(viewer.model.pins, []);
}

#[test]
fn with_nothing_pinned_the_busiest_of_different_kinds_are_charted() {
    let bench = fleet();
    let viewer = bench.viewer(80, 24, PRETTY);
    let charted = viewer.model.charted();
    let entries: Vec<_> = charted.iter().filter_map(|id| viewer.model.catalog.entry(*id)).collect();
    assert_eq!(entries.len(), 4);
    let names: HashSet<_> = entries.iter().map(|entry| &entry.name).collect();
    assert_eq!(names.len(), 4, "{entries:?}");
    assert!(entries.iter().all(|entry| &*entry.plugin != "uptime"), "{entries:?}");
}

#[test]
fn a_filter_is_the_one_of_the_command_line() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    for (filter, count) in
        [("web*/load", 6), ("value > 99 and type == 'percent'", 0), ("type == 'uptime'", 3), ("*", 27)]
    {
        viewer.press("/");
        while !viewer.model.prompt.text.is_empty() {
            viewer.model.prompt.edit(crate::top::prompt::Edit::Backspace);
        }
        viewer.press(&format!("{filter}\n"));
        assert_eq!(viewer.model.catalog.entries.len(), count, "{filter}");
    }
    viewer.press("/(\x1b");
    assert_eq!(viewer.model.catalog.entries.len(), 27, "as before");
}

#[test]
fn sorted_values_are_a_list_without_a_tree() {
    let bench = fleet();
    let mut viewer = bench.viewer(80, 24, PRETTY);
    let first = |model: &Model| model.catalog.entries[0].title();
    viewer.press("s");
    assert_eq!((viewer.model.catalog.rows.len(), first(&viewer.model)), (27, "web02/memory/memory-used".into()));
    viewer.press("s");
    assert!(first(&viewer.model).ends_with("if_octets rx"), "{}", first(&viewer.model));
    viewer.press("ss");
    assert_eq!((viewer.model.sort, viewer.model.catalog.rows.len()), (Sort::Names, 18));
}

#[test]
fn the_window_goes_from_a_minute_to_six_hours() {
    let mut model = Model::new(PRETTY);
    (0..20).for_each(|_| _ = model.apply(Action::Zoom(-1), Time::default()));
    assert_eq!(model.window(), 60);
    (0..20).for_each(|_| _ = model.apply(Action::Zoom(1), Time::default()));
    assert_eq!(model.window(), 6 * 3600);
}

#[test]
fn a_frozen_cursor_stays_within_the_window() {
    let mut model = Model::new(PRETTY);
    let now = Time::from_raw(1_700_000_000 << 30);
    model.apply(Action::Freeze, now);
    model.apply(Action::Side(1), now);
    assert_eq!(model.frozen, Some(Frozen { at: now, before: 0.0 }));
    model.apply(Action::Side(-3), now);
    assert_eq!(model.frozen, Some(Frozen { at: now, before: 9.0 }));
    (0..200).for_each(|_| _ = model.apply(Action::Side(-1), now));
    assert_eq!(model.frozen, Some(Frozen { at: now, before: 300.0 }));
    model.apply(Action::Point(0.5), now);
    assert_eq!(model.frozen, Some(Frozen { at: now, before: 150.0 }));
    model.apply(Action::Back, now);
    assert_eq!(model.frozen, None);
}

#[test]
fn keys_do_no_harm_where_there_is_nothing() {
    let mut model = Model::new(PRETTY);
    let now = Time::default();
    for action in [
        Action::Enter,
        Action::Side(1),
        Action::Side(-1),
        Action::Move(-1),
        Action::Edge(true),
        Action::Edge(false),
        Action::Page(1),
        Action::Overlay,
        Action::Expand,
        Action::Select(7),
    ] {
        model.apply(action, now);
        model.fit(0);
    }
    assert_eq!((model.charted(), model.overlay, model.top), (Vec::new(), None, 0));
}
