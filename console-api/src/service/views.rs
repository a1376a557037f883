//! Services of searches that people keep.

use auth::{Permit, grants};
use config::Name;
use phi::Phi;
use serde_json::{Value, json};
use store::SavedView;
use uuid::Uuid;

use super::{Service, Why};
use crate::problem::Problem;
use crate::query::Query;

/// Characters of a name, and columns of a view.
const NAME_MAX: usize = 80;
const COLUMNS_MAX: usize = 32;

/// What a view is to say.
pub struct NewView {
    /// What it is called.
    pub name: String,
    /// What it asks for.
    pub query: String,
    /// The columns that are shown, in order.
    pub columns: Vec<Name>,
    /// Others see it too.
    pub shared: bool,
}

/// A search that somebody keeps.
pub struct View {
    /// Its row.
    pub id: Uuid,
    /// What it is called.
    pub name: String,
    /// What it asks for.
    pub query: Phi<String>,
    /// The columns that are shown.
    pub columns: Vec<String>,
    /// Whose it is.
    pub owner: String,
    /// It belongs to whoever asks.
    pub own: bool,
    /// Others see it too.
    pub shared: bool,
    /// When it was made, microseconds UTC.
    pub created_us: i64,
    /// When it was last changed.
    pub changed_us: i64,
}

impl Service {
    /// The views of whoever asks, and those that are shared.
    pub async fn views(&self, permit: &Permit<grants::MessageMeta>) -> Result<Vec<View>, Problem> {
        let actor = &permit.actor().id;
        let views = self.engine.store().views(actor).await?;
        Ok(views.into_iter().filter_map(|view| read(view, actor)).collect())
    }

    /// Keeps a search. Recorded, without what it asks for.
    pub async fn add_view(
        &self,
        permit: &Permit<grants::MessageMeta>,
        new: &NewView,
    ) -> Result<Uuid, Problem> {
        let (id, content) = (Uuid::now_v7(), content(new)?);
        let act = self.act(permit, "view.add", &Why::default());
        self.engine.store().add_view(&act, id, new.shared, content).await?;
        Ok(id)
    }

    /// Changes an own view. Recorded, without what it asks for.
    pub async fn set_view(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: Uuid,
        new: &NewView,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "view.set", &Why::default());
        Ok(self.engine.store().set_view(&act, id, new.shared, content(new)?).await?)
    }

    /// Forgets an own view.
    pub async fn remove_view(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: Uuid,
    ) -> Result<(), Problem> {
        let act = self.act(permit, "view.remove", &Why::default());
        Ok(self.engine.store().remove_view(&act, id).await?)
    }
}

/// What is sealed: the search as everybody would write it.
fn content(new: &NewView) -> Result<Phi<String>, Problem> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Problem::invalid(format!("`name` has 1 to {NAME_MAX} characters")));
    }
    if new.columns.len() > COLUMNS_MAX {
        return Err(Problem::invalid(format!("a view has at most {COLUMNS_MAX} columns")));
    }
    let query = Query::parse(&new.query).map_err(Problem::of_query)?;
    if new.shared && query.holds_a_number() {
        let title = "a view that others see holds no id and no number of a patient";
        return Err(Problem::conflict("refused", title)
            .hint("leave the number out, or keep the view to yourself"));
    }
    let columns: Vec<&str> = new.columns.iter().map(Name::as_str).collect();
    let query = query.canonical();
    let content = json!({ "name": name, "query": query.expose_phi(), "columns": columns });
    Ok(Phi::new(content.to_string()))
}

fn read(view: SavedView, actor: &str) -> Option<View> {
    let content: Value = serde_json::from_str(view.content.as_ref()?.expose_phi()).ok()?;
    let text = |name: &str| content.get(name).and_then(Value::as_str).unwrap_or_default();
    let columns = content.get("columns").and_then(Value::as_array).into_iter().flatten();
    Some(View {
        id: view.id,
        name: text("name").to_owned(),
        query: Phi::new(text("query").to_owned()),
        columns: columns.filter_map(Value::as_str).map(str::to_owned).collect(),
        own: view.owner == actor,
        owner: view.owner,
        shared: view.shared,
        created_us: view.created_us,
        changed_us: view.changed_us,
    })
}
