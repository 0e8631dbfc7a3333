//! From keys and the mouse to what is to be done.

use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use ratatui::layout::Position;

use super::layout::Areas;
use super::model::{Model, View};
use super::prompt::Edit;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    None,
    Quit,
    /// Give the terminal back until the shell wakes the program.
    Suspend,
    /// One step back to where one came from.
    Back,
    Help,
    /// So many rows further.
    Move(isize),
    /// So many pages.
    Page(isize),
    /// To the first row, or the last.
    Edge(bool),
    /// To this row.
    Select(usize),
    /// Pin it, or open it.
    Enter,
    /// To the left or the right.
    Side(isize),
    Freeze,
    /// The cursor to this share of the width of charts.
    Point(f64),
    /// More time, or less.
    Zoom(isize),
    Rate,
    Overlay,
    Expand,
    Grid,
    Senders,
    News,
    Unpin,
    Sort,
    Filter,
    Edit(Edit),
    /// Write a file.
    Write,
}

/// The keys, and what they do, for the help.
pub(super) const KEYS: [(&str, &str); 20] = [
    ("arrows, h j k l", "move; left and right close and open"),
    ("Enter", "pin a value, or take it down; open a host or a plugin"),
    ("/", "filter, in the language of -f; Enter keeps it, Esc does not"),
    ("Space", "freeze charts; left and right then read values"),
    ("+ -", "show less time, or more: a minute to six hours"),
    ("r", "values as they were sent, or rates of counts"),
    ("a", "the same value of all hosts in one chart"),
    ("e", "one chart alone, large"),
    ("g", "1, 4 or 9 charts"),
    ("c", "take down all pins"),
    ("s", "sort by name, value, rate or last change"),
    ("t", "who sends: rates, skews, and what was refused and why"),
    ("n", "notifications: all of them, none, or the latest"),
    ("w", "write what is visible to a CSV file"),
    ("PageUp PageDown", "a page"),
    ("Home End", "the first and the last"),
    ("mouse", "click to select and pin, and on charts to read; turn the wheel"),
    ("Ctrl-Z", "suspend"),
    ("Esc", "back"),
    ("q, Ctrl-C", "quit"),
];

/// What an event asks for.
pub(super) fn of(event: &Event, model: &Model, areas: &Areas) -> Action {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(*key, model),
        Event::Mouse(mouse) => of_mouse(*mouse, model, areas),
        _ => Action::None,
    }
}

fn of_key(key: KeyEvent, model: &Model) -> Action {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => return Action::Quit,
        KeyCode::Char('z') if control => return Action::Suspend,
        _ => {}
    }
    if model.prompt.is_open {
        return of_prompt_key(key.code, control).map_or(Action::None, Action::Edit);
    }
    if model.shows_help {
        return match key.code {
            KeyCode::Char('q') => Action::Quit,
            KeyCode::Char('?') | KeyCode::Esc | KeyCode::Enter | KeyCode::Char(' ') => Action::Help,
            _ => Action::None,
        };
    }
    if control {
        return Action::None;
    }
    match key.code {
        KeyCode::Char('q') => Action::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => Action::Help,
        KeyCode::Char('/') => Action::Filter,
        KeyCode::Char(' ') => Action::Freeze,
        KeyCode::Char('+' | '=') => Action::Zoom(-1),
        KeyCode::Char('-' | '_') => Action::Zoom(1),
        KeyCode::Char('r') => Action::Rate,
        KeyCode::Char('a') => Action::Overlay,
        KeyCode::Char('e') => Action::Expand,
        KeyCode::Char('g') => Action::Grid,
        KeyCode::Char('c') => Action::Unpin,
        KeyCode::Char('s') => Action::Sort,
        KeyCode::Char('t') => Action::Senders,
        KeyCode::Char('n') => Action::News,
        KeyCode::Char('w') => Action::Write,
        KeyCode::Enter => Action::Enter,
        KeyCode::Esc => Action::Back,
        KeyCode::Up | KeyCode::Char('k') => Action::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Action::Move(1),
        KeyCode::Left | KeyCode::Char('h') => Action::Side(-1),
        KeyCode::Right | KeyCode::Char('l') => Action::Side(1),
        KeyCode::PageUp => Action::Page(-1),
        KeyCode::PageDown => Action::Page(1),
        KeyCode::Home => Action::Edge(false),
        KeyCode::End => Action::Edge(true),
        _ => Action::None,
    }
}

fn of_prompt_key(code: KeyCode, control: bool) -> Option<Edit> {
    Some(match code {
        KeyCode::Char('u') if control => Edit::Clear,
        KeyCode::Char('w') if control => Edit::DeleteWord,
        KeyCode::Char('a') if control => Edit::Home,
        KeyCode::Char('e') if control => Edit::End,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char(character) => Edit::Insert(character),
        KeyCode::Backspace => Edit::Backspace,
        KeyCode::Delete => Edit::Delete,
        KeyCode::Left => Edit::Left,
        KeyCode::Right => Edit::Right,
        KeyCode::Home => Edit::Home,
        KeyCode::End => Edit::End,
        KeyCode::Enter => Edit::Accept,
        KeyCode::Esc => Edit::Cancel,
        _ => return None,
    })
}

fn of_mouse(mouse: MouseEvent, model: &Model, areas: &Areas) -> Action {
    let at = Position::new(mouse.column, mouse.row);
    match mouse.kind {
        MouseEventKind::ScrollUp => Action::Move(-3),
        MouseEventKind::ScrollDown => Action::Move(3),
        MouseEventKind::Down(MouseButton::Left) if model.shows_help => Action::Help,
        MouseEventKind::Down(MouseButton::Left) if areas.rows.contains(at) && model.view == View::Charts => {
            let row = model.top + usize::from(at.y - areas.rows.y);
            if row >= model.catalog.rows.len() {
                return Action::None;
            }
            // What is not a value is opened at once; a value is selected first, and then pinned.
            let is_value = matches!(model.catalog.rows.get(row), Some(super::catalog::Row::Value { .. }));
            if row == model.row() && (model.selected.is_some() || !is_value) {
                Action::Enter
            } else {
                Action::Select(row)
            }
        }
        MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => {
            let plot = areas.plots.iter().find(|plot| plot.contains(at));
            let share = |plot: &ratatui::layout::Rect| f64::from(at.x - plot.x) / f64::from(plot.width.max(2) - 1);
            plot.map_or(Action::None, |plot| Action::Point(share(plot)))
        }
        _ => Action::None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;
    use crate::top::look::Look;

    fn model() -> Model {
        Model::new(Look { color: true, ascii: false })
    }

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Event {
        Event::Key(KeyEvent::new(code, modifiers))
    }

    #[test]
    fn letters_are_keys_until_a_filter_is_written() {
        let (mut model, areas) = (model(), Areas::default());
        let letter = |letter| key(KeyCode::Char(letter), KeyModifiers::NONE);
        assert_eq!(of(&letter('q'), &model, &areas), Action::Quit);
        model.prompt.open();
        assert_eq!(of(&letter('q'), &model, &areas), Action::Edit(Edit::Insert('q')));
        let control = |letter| key(KeyCode::Char(letter), KeyModifiers::CONTROL);
        assert_eq!(of(&control('c'), &model, &areas), Action::Quit);
        assert_eq!(of(&control('u'), &model, &areas), Action::Edit(Edit::Clear));
        assert_eq!(of(&control('x'), &model, &areas), Action::None);
    }

    #[test]
    fn any_usual_key_ends_the_help_and_no_other_does_something() {
        let (mut model, areas) = (model(), Areas::default());
        model.shows_help = true;
        for code in [KeyCode::Esc, KeyCode::Enter, KeyCode::Char('?')] {
            assert_eq!(of(&key(code, KeyModifiers::NONE), &model, &areas), Action::Help);
        }
        assert_eq!(of(&key(KeyCode::Char('w'), KeyModifiers::NONE), &model, &areas), Action::None);
    }

    #[test]
    fn a_click_on_a_chart_points_at_a_time() {
        let areas = Areas { plots: vec![Rect::new(10, 5, 21, 4)], ..Areas::default() };
        let click = |column, row| {
            let kind = MouseEventKind::Down(MouseButton::Left);
            Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
        };
        assert_eq!(of(&click(20, 6), &model(), &areas), Action::Point(0.5));
        assert_eq!(of(&click(30, 8), &model(), &areas), Action::Point(1.0));
        assert_eq!(of(&click(31, 8), &model(), &areas), Action::None);
    }
}
